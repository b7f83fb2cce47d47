"""Processes of the worker: whoever makes a call belongs to one, and a call of a dead one never returns."""

import asyncio
from contextvars import ContextVar
from dataclasses import dataclass

LIFE: ContextVar["Life | None"] = ContextVar("life", default=None)
"""The process that the current task belongs to; None for everybody who is not a worker."""


@dataclass(eq=False)
class Life:
    """One process. `alive`: it runs. `reachable`: Temporal hears from it; a process that is cut off goes on working and nobody knows."""

    number: int
    alive: bool = True
    reachable: bool = True

    @property
    def counts(self) -> bool:
        """Whether what it tells Temporal arrives there."""
        return self.alive and self.reachable


async def only_alive() -> None:
    """Returns to the living. Code of a killed process stops here for good: not even its `finally` blocks get any further."""
    life = LIFE.get()
    if life is not None and not life.alive:
        await asyncio.get_running_loop().create_future()
