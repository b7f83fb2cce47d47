"""What must be true of the machine. Everything that is not is said at once, before anything is done."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from ipaddress import IPv4Network
from pathlib import Path

from local.errors import PlatformError
from local.settings import HOST_LINK, LINK_NETWORK, POD_NETWORK, SERVICE_NETWORK, Paths, Ports

GIB = 2**30
MEMORY = 4 * GIB
DISK_COLD = 12 * GIB  # compiler cache, programs, images, and what runs
DISK_WARM = 3 * GIB
# The production Temporal's own services; the names are what LOCAL_PORT_… would be if they could move.
FIXED_PORTS = {
    "history": 7234,
    "matching": 7235,
    "system worker": 7239,
    "frontend HTTP": 7243,
    "frontend membership": 6933,
    "history membership": 6934,
    "matching membership": 6935,
    "system worker membership": 6939,
}


def check(paths: Paths, ports: Ports, *, cold: bool) -> None:
    """Raises PlatformError that lists every problem."""
    problems = [
        *_system(),
        *_resources(paths, cold=cold),
        *_ports(ports),
        *_networks(),
    ]
    if problems:
        raise PlatformError("this machine is not ready for the platform:\n" + "\n".join(f"  - {problem}" for problem in problems))


def check_root() -> None:
    """Before everything else: who is not root can neither change nor look. Raises PlatformError."""
    if os.geteuid() != 0:
        raise PlatformError("you are not root; containers, links and mounts need it: run it with sudo")


def _system() -> Iterable[str]:
    if sys.platform != "linux":
        yield f"it runs {sys.platform}; the platform needs Linux (a virtual machine with Debian 12 will do)"
        return
    if "overlay" not in Path("/proc/filesystems").read_text() and not _loads("overlay"):
        yield "the kernel has no overlayfs, on which containers stand: `modprobe overlay`"


def _loads(module: str) -> bool:
    return shutil.which("modprobe") is not None and subprocess.run(["modprobe", module], capture_output=True, check=False).returncode == 0


def _resources(paths: Paths, *, cold: bool) -> Iterable[str]:
    if (memory := available_memory()) is not None and memory < MEMORY:
        yield f"{memory / GIB:.1f} GiB of memory are available, {MEMORY / GIB:.0f} are needed"
    need = DISK_COLD if cold else DISK_WARM
    for place in {_existing(paths.cache), _existing(paths.home)}:
        if (free := shutil.disk_usage(place).free) < need:
            yield f"{free / GIB:.1f} GiB are free at {place}, {need / GIB:.0f} are needed"
    if _filesystem(paths.checkout) == "overlay":
        yield f"{paths.checkout} is itself on an overlayfs, and containers cannot stack on it: clone it to a real disk"


def available_memory() -> int | None:
    """Bytes; None where the kernel does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except FileNotFoundError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _filesystem(path: Path) -> str | None:
    """Type of the file system that holds `path`: the longest mount point that is a prefix of it."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except FileNotFoundError:
        return None
    holding = [(point, kind) for point, kind in mounts if path.is_relative_to(point)]
    return max(holding, key=lambda mount: len(mount[0]), default=("", None))[1]


def check_ports(ports: Ports, open_already: Ports) -> None:
    """For a platform that is up and shall move. Raises PlatformError that lists every port which is taken."""
    moved = {name: port for name, port in asdict(ports).items() if port != getattr(open_already, name)}
    if problems := list(_taken(moved)):
        raise PlatformError("the platform cannot move:\n" + "\n".join(f"  - {problem}" for problem in problems))


def _ports(ports: Ports) -> Iterable[str]:
    yield from _taken(asdict(ports))
    for name, port in FIXED_PORTS.items():
        if _busy(port):
            yield f"port {port} is in use{_by(port)}, and Temporal's {name} needs it"


def _taken(ports: Mapping[str, int]) -> Iterable[str]:
    for name, port in ports.items():
        if _busy(port):
            yield f"port {port} ({name}) is in use{_by(port)}; stop that or choose another port with LOCAL_PORT_{name.upper()}"


def _by(port: int) -> str:
    """` by NAME (process N)`, as far as the system tells."""
    if shutil.which("ss") is None:
        return ""
    said = subprocess.run(["ss", "-Hltnp", f"sport = :{port}"], capture_output=True, text=True, check=False)
    found = re.search(r'\(\("([^"]+)",pid=([0-9]+)', said.stdout)
    return f" by {found[1]} (process {found[2]})" if found else ""


def _busy(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that are only closing do not count
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _networks() -> Iterable[str]:
    """Another cluster or a VPN on this machine may already use our addresses."""
    if shutil.which("ip") is None:
        return
    said = subprocess.run(["ip", "-json", "-4", "route"], capture_output=True, text=True, check=False)
    for route in json.loads(said.stdout or "[]"):
        yield from overlaps(str(route.get("dst", "")), str(route.get("dev", "")))


def overlaps(destination: str, device: str) -> Iterable[str]:
    """Problems of one route of the host, in words; none for the default route or one of ours."""
    if destination == "default" or device == HOST_LINK:
        return
    network = IPv4Network(destination, strict=False)
    for name, ours in {"pods": POD_NETWORK, "services": SERVICE_NETWORK, "the node's link": LINK_NETWORK}.items():
        if network.overlaps(ours):
            yield f"a route to {destination} by {device} covers {ours}, which {name} need"
