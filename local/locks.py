"""File locks: one platform per machine, one command per checkout, one builder per artefact."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local.errors import PlatformError
from local.progress import say
from local.settings import RUN
from local.waiting import wait_until

MACHINE_LOCK = RUN / "lock"
ASKING = 1.0  # seconds: longer than anybody needs who only asks for the owner


@dataclass(frozen=True)
class Owner:
    """Who holds the machine: the checkout whose platform is up, and the process that keeps it up."""

    checkout: Path
    pid: int

    @property
    def is_orphan(self) -> bool:
        """Its checkout is no longer on disk, so nobody can stop it from there. Never so for one that has yet to sign the lock."""
        return self.pid > 0 and not self.checkout.exists()


def owner() -> Owner | None:
    """None when no platform is up. The lock counts, never the file's text: it outlives its writer.

    Asks with a shared lock, so that two who ask at the same time do not take each other for the owner.
    """
    try:
        descriptor = os.open(MACHINE_LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read_owner(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _read_owner(descriptor: int) -> Owner:
    try:
        data = json.loads(os.pread(descriptor, 4096, 0))
        return Owner(Path(data["checkout"]), int(data["pid"]))
    except (ValueError, KeyError):
        return Owner(Path("a checkout that is just starting"), 0)


def take_machine(checkout: Path) -> int:
    """A descriptor that holds the machine for as long as any process has it open. Raises PlatformError if another has."""
    RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
    descriptor = os.open(MACHINE_LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    if not wait_until(lambda: _try(descriptor), ASKING):
        holder = _read_owner(descriptor)
        os.close(descriptor)
        raise refused(holder)
    sign(descriptor, Owner(checkout, os.getpid()))
    return descriptor


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sign(descriptor: int, holder: Owner) -> None:
    """Writes the owner into the lock that we hold."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps({"checkout": str(holder.checkout), "pid": holder.pid}).encode(), 0)


def refused(holder: Owner) -> PlatformError:
    return PlatformError(
        f"the platform of {holder.checkout} is up, and a machine has room for one.\n"
        f"  `make -C {holder.checkout} down` stops it; its databases stay."
    )


@contextmanager
def exclusive(path: Path, waiting_for: str) -> Iterator[None]:
    """Holds a lock file; says `waiting_for` when it has to wait for another process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {waiting_for}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
