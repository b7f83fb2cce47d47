"""Every call that leaves the worker: it takes a while, it is numbered, and it can go wrong in every way that calls go wrong.

Writes are numbered from 1; a `Fault` says what happens to one of them. Reads and writes together are the moments at which something else
may happen in between.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from psycopg import OperationalError, errors

from stack.errors import ConflictError, UnavailableError
from tests.simulation.chance import Chance
from tests.simulation.lives import LIFE, Life, only_alive

Perform = Callable[[], Any]
Refusals = Mapping["Mode", Callable[[str], Exception]]


class Mode(StrEnum):
    """What happens to a write."""

    CRASH_BEFORE = "crash-before"
    CRASH_AFTER = "crash-after"
    CUT_OFF = "cut-off"
    """Temporal loses sight of the process, which goes on writing while another one begins again."""
    FREEZE = "freeze"
    """As cut off, and the process stands still: the write that it had begun arrives when it wakes up."""
    APPLIED_BUT_TIMED_OUT = "applied-but-timed-out"
    TWICE = "twice"
    CONFLICT = "409"
    OVERLOADED = "429"
    FAULT = "500"
    TIMEOUT = "timeout"


REFUSED: Final[Refusals] = {
    Mode.CONFLICT: lambda what: ConflictError(what, answer="409 changed in between"),
    Mode.OVERLOADED: lambda what: UnavailableError(what, answer="429 too many requests"),
    Mode.FAULT: lambda what: UnavailableError(what, answer="500 internal error"),
    Mode.TIMEOUT: lambda what: UnavailableError(what, answer="timed out"),
    Mode.APPLIED_BUT_TIMED_OUT: lambda what: UnavailableError(what, answer="timed out"),
}
"""What a gateway raises for a call to the cluster that was answered so, or not at all."""
REFUSED_BY_POSTGRES: Final[Refusals] = {
    Mode.CONFLICT: errors.SerializationFailure,
    Mode.OVERLOADED: errors.TooManyConnections,
    Mode.FAULT: errors.InternalError_,
    Mode.TIMEOUT: lambda what: OperationalError("server closed the connection unexpectedly"),
    Mode.APPLIED_BUT_TIMED_OUT: lambda what: OperationalError("server closed the connection unexpectedly"),
}
TROUBLES = (Mode.CONFLICT, Mode.OVERLOADED, Mode.FAULT, Mode.TIMEOUT, Mode.APPLIED_BUT_TIMED_OUT, Mode.TWICE)

INSIDE_PREVIEWS: Final = ("get http", "ask a preview's")
SMALL_SHARE: Final = 0.2
"""An outage is one of Kubernetes and PostgreSQL. A preview that does not answer for long has failed, and is told so."""


@dataclass(frozen=True)
class Call:
    """One call that was made."""

    moment: int
    write: int
    """Number among the writes, 0 for a read."""
    what: str
    process: int


class Traffic:
    """The one way for fakes to be called by the worker."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self.calls: list[Call] = []
        self.writes = 0
        self.faults: dict[int, Mode] = {}
        """Write → what happens to it."""
        self.trouble = 0.0
        """Share of all calls that go wrong by chance."""
        self.faulted = 0
        self.crash: Callable[[], None] = lambda: None
        self.cut_off: Callable[[], None] = lambda: None
        self.freeze: Callable[[], None] = lambda: None
        self.witnessed: Callable[[str, Perform], Any] = lambda what, perform: perform()
        """Performs a write and looks whether it was right."""
        self.on_written: Callable[[str], None] = lambda what: None
        """Told of each write that was performed."""
        self.on_moment: Callable[[int], None] = lambda moment: None
        """Told the number of each moment, before the call is performed."""

    async def read(self, what: str, perform: Perform, refused: Refusals = REFUSED) -> Any:
        await self._set_out(what)
        self._note(what, write=0)
        share = min(self.trouble, SMALL_SHARE) if what.startswith(INSIDE_PREVIEWS) else self.trouble
        if self._chance.fraction(f"trouble of {what}") < share:
            self.faulted += 1
            raise refused[Mode.FAULT](what)
        answer = perform()
        await self._come_back(what)
        return answer

    async def write(self, what: str, perform: Perform, refused: Refusals = REFUSED) -> Any:
        await self._set_out(what)
        self.writes += 1
        self._note(what, write=self.writes)
        mode = self._mode(what)
        if mode is not None:
            self.faulted += 1
        if mode is Mode.CUT_OFF:
            self.cut_off()
        if mode is Mode.FREEZE:
            self.freeze()
        if mode is Mode.CRASH_BEFORE:
            await self._die()
        if mode in (Mode.CONFLICT, Mode.OVERLOADED, Mode.FAULT, Mode.TIMEOUT):
            raise refused[mode](what)
        answer = await self._delivered(what, perform)
        if mode is Mode.CRASH_AFTER:
            await self._die()
        if mode is Mode.TWICE:
            answer = self._performed(what, perform)
        if mode is Mode.APPLIED_BUT_TIMED_OUT:
            raise refused[mode](what)
        await self._come_back(what)
        return answer

    async def _delivered(self, what: str, perform: Perform) -> Any:
        """At once, unless the process stands still in this very call: then it is on its way, whatever the process thinks of it by then."""
        life = LIFE.get()
        if life is None or life.going_on.is_set():
            return self._performed(what, perform)
        late = asyncio.get_running_loop().create_task(self._late(life, what, perform))
        late.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(late)

    async def _late(self, life: Life, what: str, perform: Perform) -> Any:
        await life.going_on.wait()
        await only_alive()
        return self._performed(what, perform)

    def _performed(self, what: str, perform: Perform) -> Any:
        answer = self.witnessed(what, perform)
        self.on_written(what)
        return answer

    def _mode(self, what: str) -> Mode | None:
        if (planned := self.faults.get(self.writes)) is not None:
            return planned
        if (fraction := self._chance.fraction(f"trouble of {what}")) < self.trouble:
            return TROUBLES[int(fraction / self.trouble * len(TROUBLES))]
        return None

    async def hear(self, what: str) -> None:
        """News of a watch that is open takes a while to arrive."""
        await only_alive()
        self._note(what, write=0)
        await asyncio.sleep(self._chance.delay(f"news of {what}", 0.02, 0.5))
        await only_alive()

    def step(self, what: str) -> None:
        """An activity begins or ends: something else may come in between here, too."""
        self._note(what, write=0)

    def _note(self, what: str, write: int) -> None:
        life = LIFE.get()
        self.calls.append(Call(len(self.calls) + 1, write, what, life.number if life else 0))
        self.on_moment(len(self.calls))

    async def _set_out(self, what: str) -> None:
        await only_alive()
        await asyncio.sleep(self._chance.delay(f"way of {what}", 0.02, 2.0))
        await only_alive()

    async def _come_back(self, what: str) -> None:
        await asyncio.sleep(self._chance.delay(f"way back of {what}", 0.02, 2.0))
        await only_alive()

    async def _die(self) -> None:
        self.crash()
        await only_alive()
