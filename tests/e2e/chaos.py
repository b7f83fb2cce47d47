"""What goes wrong in a cluster at night: processes that are killed or that freeze, servers that restart."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from local import worker
from local.cluster import NODE
from local.family import PLATFORM
from local.settings import Ports
from local.supervisor import Supervisor
from local.waiting import wait_until
from tests.e2e.platform import ROOT, kubectl
from tests.platform.machine import host_pid

FROZEN_SECONDS = 15
"""Longer than the heartbeat timeout: the steps are given to somebody else, and the frozen worker wakes up in the middle of its own."""


def kill_program(name: str, supervisor: Supervisor = PLATFORM) -> None:
    """kill -9 of a program of the platform; its supervisord starts it again."""
    os.kill(_pid(name, supervisor), signal.SIGKILL)


def _pid(name: str, supervisor: Supervisor = PLATFORM) -> int:
    assert wait_until(lambda: supervisor.inner_pid(name) != 0, 30), f"{name} does not run"
    return host_pid(supervisor, supervisor.inner_pid(name))


def kill_api_server() -> None:
    """A static pod of the node: the kubelet starts it again."""
    for pid in api_servers():
        os.kill(pid, signal.SIGKILL)


def api_servers() -> list[int]:
    """Process IDs of the node's kube-apiserver."""
    inside = _network(NODE.pid())
    found = [pid for pid, words in _processes() if words[0].endswith("kube-apiserver") and _network(pid) == inside]
    assert found, "no kube-apiserver runs"
    return found


def restart_database() -> None:
    """The previews' PostgreSQL, in good order: clients are thrown out, and it is away for a moment."""
    PLATFORM.stop("postgres-previews")
    PLATFORM.start("postgres-previews")


def freeze_worker() -> None:
    """The worker neither works nor ends, for longer than its heartbeats may be silent."""
    pid = _pid("worker")
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(FROZEN_SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@contextmanager
def second_worker() -> Iterator[None]:
    """Another worker on the same task queue, beside the platform's own."""
    variables = {**os.environ, **worker.environment(Ports.current())}
    begun = subprocess.Popen([sys.executable, str(ROOT / "worker.py")], cwd=ROOT, env=variables, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        begun.send_signal(signal.SIGTERM)
        assert begun.wait(60) == 0, "a worker that was asked to end ends well"


def kill_pods(namespaces: Sequence[str]) -> None:
    """kill -9 of every process of these previews' containers, as soon as there are some. The kubelet starts them again."""
    assert wait_until(lambda: _kill_pods(namespaces) > 0, 120), "no process of a preview came"


def _kill_pods(namespaces: Sequence[str]) -> int:
    """How many there were. An API server that has just started knows nobody's rights yet, not even an administrator's: then none."""
    answer = kubectl("get", "pods", "--all-namespaces", "-o", "json", check=False)
    pods = [pod["metadata"] for pod in json.loads(answer)["items"]] if answer else []
    uids = {pod["uid"] for pod in pods if pod["namespace"] in namespaces}
    found = [pid for pid, words in _processes() if not words[0].endswith("pause") and any(uid in _control_groups(pid) for uid in uids)]
    for pid in found:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(found)


def _processes() -> Iterator[tuple[int, list[str]]]:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield int(process.parent.name), process.read_text(errors="replace").split("\0")


def _network(pid: int) -> str:
    with suppress(OSError):
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    return ""


def _control_groups(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cgroup").read_text()
    return ""
