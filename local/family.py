"""Which processes the platform has; their start as one family, and its end."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from local import binaries, node, postgres, registry, temporal, worker
from local.commands import write
from local.errors import failed
from local.host import kill
from local.locks import Owner, sign, take_machine
from local.programs import Program, configuration, local_command
from local.settings import (
    INGRESS_ADDRESS,
    KUBERNETES_PORT,
    NODE_ADDRESS,
    PATHS,
    PLATFORM_SOCKET,
    PYTHON,
    SYSTEM_PATH,
    Ports,
)
from local.supervisor import Supervisor
from local.waiting import wait_until

PLATFORM = Supervisor(PLATFORM_SOCKET)
LOG = PATHS.logs / "init.log"
START_SECONDS = 20.0
STOP_SECONDS = 60.0
ANSWER_SECONDS = 20.0  # one slow answer, on a busy machine, is no reason to end databases by force


def write_configuration(ports: Ports) -> None:
    """Everything that the platform's programs are told, in files below `.local`."""
    config = configuration(_programs(ports), PLATFORM_SOCKET, PATHS.logs / "supervisord.log", binaries.search_path())
    write(PATHS.supervisor_config, config, 0o600)


def _programs(ports: Ports) -> Sequence[Program]:
    return [
        *postgres.programs(ports),
        Program(
            "node",
            local_command("node"),
            order=20,
            environment={"SETTINGS": node.write_configuration(registry.address(ports))},
            stop_signal="KILL",
        ),
        *registry.programs(ports),
        *temporal.programs(ports),
        _relay("relay-ingress", ports.ingress, f"{INGRESS_ADDRESS}:80"),
        _relay("relay-kubernetes", ports.kubernetes, f"{NODE_ADDRESS}:{KUBERNETES_PORT}"),
        *worker.programs(ports),
    ]


def _relay(name: str, port: int, address: str) -> Program:
    """Loopback only: what runs here is nobody else's business."""
    return Program(name, ["socat", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,backlog=128,fork", f"TCP:{address}"], order=40)


def start() -> None:
    """Starts the platform's init and returns when it answers. The machine is ours for as long as it lives. Raises PlatformError."""
    machine = take_machine(PATHS.checkout)
    try:
        LOG.parent.mkdir(parents=True, exist_ok=True)
        argv = ["unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--mount", "--mount-proc"]
        with LOG.open("ab") as log:
            parent = subprocess.Popen(
                [*argv, str(PYTHON), "-m", "local.init"],
                cwd=PATHS.checkout,
                env={"PATH": SYSTEM_PATH, "HOME": str(Path.home()), "LANG": "C.UTF-8", "XDG_CACHE_HOME": str(PATHS.cache.parent)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[machine],
            )
        sign(machine, Owner(PATHS.checkout, parent.pid))
    finally:
        os.close(machine)
    if not wait_until(lambda: PLATFORM.answers() or parent.poll() is not None, START_SECONDS) or parent.poll() is not None:
        raise failed("the platform's first process does not start", LOG, "`make up` tries again.")


def answers() -> bool:
    """Whether the platform's supervisord answers, be it slowly."""
    return wait_until(PLATFORM.answers, ANSWER_SECONDS)


def end(pid: int) -> None:
    """In good order if supervisord still listens, and by force if not, or if that takes too long.

    `pid` is the parent that holds the machine.
    """
    patience = STOP_SECONDS if answers() else 0.0
    PLATFORM.shutdown()
    if not wait_until(lambda: not Path(f"/proc/{pid}").exists(), patience):
        kill(pid, 10.0)
