"""The few traces that the platform leaves on the host, and their removal: `down` and the next `up` both clean them all."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

from local import cgroups
from local.errors import PlatformError
from local.locks import MACHINE_LOCK
from local.node import MOUNT_POINTS
from local.settings import HOST_LINK, POSTGRES_DATA, POSTGRES_SOCKETS, RUN
from local.waiting import wait_until

MADE = RUN / "made.json"  # directories that were not there before us


def prepare() -> None:
    """Makes the directories that something is mounted over in private, and remembers which of them are ours."""
    made = json.loads(MADE.read_text()) if MADE.exists() else []
    for place in (*MOUNT_POINTS, str(POSTGRES_DATA), str(POSTGRES_SOCKETS)):
        for folder in reversed([Path(place), *Path(place).parents]):
            if not folder.exists():
                folder.mkdir(mode=0o755)
                made.append(str(folder))
    MADE.write_text(json.dumps(made))
    cgroups.create()


def clean() -> None:
    """Removes what is left when nothing of the platform runs. Idempotent. Raises PlatformError that names what will not go."""
    _unmount()
    subprocess.run(["ip", "link", "del", HOST_LINK], capture_output=True, check=False)
    stuck = cgroups.remove()
    for file in RUN.glob("*"):
        if not file.is_dir() and file not in (MACHINE_LOCK, MADE):
            file.unlink()
    _remove_made()
    if stuck:
        raise PlatformError("the kernel does not let go of these control groups:\n" + "\n".join(f"  {path}" for path in stuck))


def _unmount() -> None:
    """None are expected: mounts are private. One made by hand, or by a run that was killed half-way, would keep us from starting."""
    for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
        place = line.split()[1]
        if Path(place).is_relative_to(RUN):
            subprocess.run(["umount", "--lazy", place], capture_output=True, check=False)


def _remove_made() -> None:
    for folder in reversed(json.loads(MADE.read_text()) if MADE.exists() else []):
        for file in Path(folder).glob(".s.PGSQL.*"):
            file.unlink()
        with contextlib.suppress(OSError):  # somebody else uses it by now
            Path(folder).rmdir()
    MADE.unlink(missing_ok=True)


def kill(pid: int, seconds: float) -> None:
    """Ends the parent of the family, and with it the family, and waits until it is gone. Any other process is left alone."""
    try:
        ours = b"local.init" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except FileNotFoundError:
        return
    if ours:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), seconds)
