"""How gunicorn serves the shop; read from the working directory."""

import gc
import os
import sys
from typing import Any

bind = "0.0.0.0:8080"
# One process: the work is waiting for Temporal, which threads do well, and each process has its own connections.
workers = 1
threads = 4
# Not preloaded, on purpose: the socket is then open before the slow imports, and the first probe waits in the backlog
# and is answered, instead of being refused and coming again a second later.
preload_app = False
worker_tmp_dir = "/tmp"  # its heartbeat file; the root file system is read-only
control_socket_disable = True  # would be written into the home directory
graceful_timeout = 2

# The imports make many objects and no garbage: without collections they take about a tenth less time.
gc.disable()


def post_worker_init(_worker: Any) -> None:
    gc.freeze()
    gc.enable()


def worker_exit(_server: Any, worker: Any) -> None:
    """Leaves without the interpreter's finalization, in which temporalio's threads can crash (sdk-python #300)."""
    in_worker = os.getpid() == worker.pid  # the master calls this too, for a worker that is gone
    if in_worker and worker.booted:  # one that could not start says why with its exit code
        sys.stdout.flush()
        os._exit(0)
