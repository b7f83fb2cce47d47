"""Brings the workers of all lanes to life, and again whenever one dies.

It has loaded everything that a worker needs and forks: a new worker costs no time to speak of, where starting Python and loading the
libraries would take two seconds of a core. It must not start a thread itself. Its end is the end of all its workers, whatever ends it.
"""

import ctypes
import os
import select
import signal
import sys
import time
import traceback
from pathlib import Path

from tests.soak.folder import Folder
from tests.soak.worker import serve

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """The kernel kills this process when its parent ends, even by SIGKILL."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def give_birth(folder: Path) -> int:
    """A new worker for the lane; its PID."""
    nursery = os.getpid()
    if child := os.fork():
        return child
    code = 1
    try:
        die_with_parent()
        if os.getppid() == nursery:
            log = os.open(folder / "worker.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.environ |= {"PREVIEWS_TASK_QUEUE": f"soak-{folder.name}", "PREVIEWS_NAMESPACE_TEMPLATE": f"soak{folder.name}-{{pr}}"}
            code = serve(Folder(folder))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main(folders: list[Path]) -> None:
    """Until standard input closes: that is how the runner says that it is done, or is gone."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the runner decides what an interrupted run still does
    workers = {give_birth(folder): folder for folder in folders}
    try:
        while not _closed():
            _replace(workers)
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGKILL)


def _closed() -> bool:
    """Looks for a moment whether standard input has ended."""
    readable, _, _ = select.select([0], [], [], 0.05)
    return bool(readable) and not os.read(0, 1)


def _replace(workers: dict[int, Path]) -> None:
    while workers:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        folder = workers.pop(pid)
        workers[give_birth(folder)] = folder


if __name__ == "__main__":
    print(f"ready {time.time():.0f}", flush=True)
    main([Path(word) for word in sys.argv[1:]])
