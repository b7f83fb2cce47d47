"""Processes of the worker: whoever makes a call belongs to one, and a call of a dead one never returns."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

LIFE: ContextVar["Life | None"] = ContextVar("life", default=None)
"""The process that the current task belongs to; None for everybody who is not a worker."""
WRITER: ContextVar["Writer | None"] = ContextVar("writer", default=None)
"""The attempt of an activity that the current task works for."""


def _going_on() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@dataclass(eq=False)
class Life:
    """One process. `alive`: it runs. `reachable`: Temporal hears from it; a process that is cut off goes on working and nobody knows.
    `going_on` is not set while it stands still (SIGSTOP): what it had begun it does when it wakes up."""

    number: int
    alive: bool = True
    reachable: bool = True
    going_on: asyncio.Event = field(default_factory=_going_on)

    @property
    def counts(self) -> bool:
        """Whether what it tells Temporal arrives there."""
        return self.alive and self.reachable


@dataclass(frozen=True, eq=False)
class Writer:
    """Who is at work: the activity, what it was given, and whether Temporal still waits for this very attempt of it. Nobody waits for an
    attempt on a process that is cut off, or of a run that was terminated."""

    activity: str
    arguments: tuple[Any, ...]
    life: Life
    is_awaited: Callable[[], bool]


async def only_alive() -> None:
    """Returns to the living. Code of a killed process stops here for good: not even its `finally` blocks get any further. Code of one that
    stands still stays here until it wakes up."""
    life = LIFE.get()
    if life is None:
        return
    if not life.going_on.is_set():
        await life.going_on.wait()
    if not life.alive:
        await asyncio.get_running_loop().create_future()
