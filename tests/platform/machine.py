"""What a test sees of the machine and does to it: commands of the platform, its processes, and the traces that it could leave."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from local.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]
KERNEL_SETTINGS = (
    *("vm.overcommit_memory", "vm.panic_on_oom", "kernel.panic", "kernel.panic_on_oops", "kernel.keys.root_maxkeys"),
    *("kernel.keys.root_maxbytes", "net.ipv4.ip_forward", "net.netfilter.nf_conntrack_max", "net.ipv4.ip_nonlocal_bind"),
)


MADE_BY_CLUSTERS = (
    *("/etc/kubernetes", "/etc/cni/net.d", "/var/lib/kubelet", "/var/lib/cni", "/var/lib/etcd", "/var/lib/containerd"),
    *("/var/log/pods", "/var/log/containers", "/run/containerd", "/run/netns", "/run/flannel", "/run/xtables.lock"),
)


@dataclass(frozen=True)
class Result:
    """How a command ended: exit code, what it said, seconds."""

    code: int
    said: str
    seconds: float

    def check(self) -> "Result":
        assert self.code == 0, self.said
        return self


def command(name: str, checkout: Path = ROOT, **variables: str) -> Result:
    """`python -m local NAME` in a checkout."""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "local", name],
        cwd=checkout,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    return Result(done.returncode, done.stdout, time.monotonic() - begun)


def host_pid(supervisor: Supervisor, inner: int) -> int:
    """The number by which the host knows process `inner` of a supervisord's PID namespace."""
    namespace = _namespace(supervisor.pid())
    return next(pid for pid in _in_namespace(namespace) if _numbers(pid)[-1] == inner)


def namespaces(supervisor: Supervisor) -> set[str]:
    """The PID namespaces of a supervisord and of everything below it, containers too."""
    root = supervisor.pid()
    depth = len(_numbers(root))
    below = {_namespace(pid) for pid in _pids() if len(_numbers(pid)) > depth}
    return {_namespace(root), *below} - {""}


def alive_in(spaces: set[str]) -> list[str]:
    """Command lines of processes in any of these PID namespaces."""
    return [_read(pid, "cmdline").replace("\0", " ") for space in spaces for pid in _in_namespace(space)]


def _in_namespace(namespace: str) -> Iterator[int]:
    yield from (pid for pid in _pids() if _namespace(pid) == namespace)


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:  # it ended, or is a zombie
        return ""


def _numbers(pid: int) -> list[int]:
    """The process's number in each PID namespace that it is in, outermost first."""
    lines = [line for line in _read(pid, "status").splitlines() if line.startswith("NSpid:")]
    return [int(word) for word in lines[0].split()[1:]] if lines else []


def _read(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:
        return ""


def _said(*argv: str) -> list[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()


@dataclass(frozen=True)
class Traces:
    """What a cluster that ran on the host itself would leave behind."""

    mounts: list[str] = field(default_factory=lambda: Path("/proc/self/mounts").read_text().splitlines())
    links: list[str] = field(default_factory=lambda: sorted(line.split(": ")[1] for line in _said("ip", "-oneline", "link")))
    routes: list[str] = field(default_factory=lambda: _said("ip", "route", "show", "table", "all"))
    rules: list[str] = field(default_factory=lambda: _said("ip", "rule"))
    firewall: list[str] = field(default_factory=lambda: _said("nft", "list", "ruleset"))
    control_groups: list[str] = field(default_factory=lambda: sorted(_said("find", "/sys/fs/cgroup", "-type", "d")))
    kernel_settings: list[str] = field(default_factory=lambda: _said("sysctl", "--ignore", *KERNEL_SETTINGS))
    directories: list[str] = field(default_factory=lambda: [place for place in MADE_BY_CLUSTERS if Path(place).exists()])
