"""The control group that holds everything the kubelet starts, so that nobody else's is ever touched.

The kernel has no namespace for their names on the host: what a killed node leaves here, only `remove` takes away.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from local.settings import CGROUP

ROOT = Path("/sys/fs/cgroup")
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")
WEIGHTS = {"cpu.shares": 1024, "cpu.weight": 100}
"""v1's file and v2's → what a group has by default. All pods together would get no more than one program of the machine's."""
MOST_WEIGHT = 10_000
REMOVAL = 10.0  # seconds in which the kernel lets go of processes that were killed


def hierarchies() -> Iterator[Path]:
    """Roots of the trees of control groups: one on a machine with cgroup v2, one per controller with v1."""
    if (ROOT / "cgroup.controllers").exists():
        yield ROOT
        return
    yield from (path for path in ROOT.iterdir() if path.is_dir() and not path.is_symlink() and (path / "cgroup.procs").exists())


def create() -> None:
    for hierarchy in hierarchies():
        group = hierarchy / CGROUP
        if (hierarchy / "cgroup.subtree_control").exists():
            _hand_down(hierarchy)
        group.mkdir(exist_ok=True)
        _weigh(group)
        for name in CPUSET_FILES:  # v1 makes groups that may run nowhere
            if (hierarchy / name).exists() and (group / name).exists() and not (group / name).read_text().strip():
                (group / name).write_text((hierarchy / name).read_text())
        if (group / "cgroup.subtree_control").exists():
            _hand_down(group)


def _weigh(group: Path) -> None:
    """As much of the processors as the kubelet gives its pods on a machine of their own: there this group is the root."""
    processors = os.cpu_count() or 1
    for name, each in WEIGHTS.items():
        if (group / name).exists():
            (group / name).write_text(str(min(each * processors, MOST_WEIGHT)))


def _hand_down(group: Path) -> None:
    """v2: lets children use every controller that the group itself has."""
    for controller in (group / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):  # one that cannot be handed down is one that the kubelet does not need
            (group / "cgroup.subtree_control").write_text(f"+{controller}")


def remove() -> list[Path]:
    """Removes our groups from the leaves up; returns those that the kernel still holds after REMOVAL seconds."""
    until = time.monotonic() + REMOVAL
    while left := [path for hierarchy in hierarchies() for path in _below(hierarchy / CGROUP)]:
        for path in left:
            with contextlib.suppress(OSError):
                path.rmdir()
        if time.monotonic() > until:
            return [path for path in left if path.exists()]
        time.sleep(0.05)
    return []


def _below(group: Path) -> list[Path]:
    return [Path(found) for found, _, _ in os.walk(group, topdown=False)]
