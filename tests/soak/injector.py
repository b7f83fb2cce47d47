"""Faults in the worker's own process, right at its calls. A crash is the end of the process, without any farewell."""

import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from temporalio import activity

from tests.soak.folder import Folder, Mode, Phase

T = TypeVar("T")

CRASH_CODE = 86
"""Exit code of a crash on purpose."""
MOST_BY_CHANCE = 8
"""Failures by chance in one phase; then the weather is good."""


@dataclass(frozen=True)
class Call:
    """A call to the outside that may be made to fail."""

    key: str
    identity: object
    """Equal for the same call that is tried again inside the gateway: it counts once."""
    writes: bool = True
    repeatable: bool = True


class Injector:
    """Counts the writes of each attempt of a step and makes those fail that the phase names.

    Not those of the whole phase: a worker that another fault has ended would begin to count anew in the middle of it.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._phase = ""
        self._seen: dict[tuple[str, int, str], list[object]] = {}
        self._number = 0
        """Of the fault that is due."""
        self._by_chance = 0
        self._dice = random.Random()

    async def around(
        self,
        call: Call,
        perform: Callable[[], Awaitable[T]],
        *,
        lost: Callable[[], Awaitable[Exception]],
        refused: Callable[[random.Random], T | Exception],
        effective: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """Performs the call, or what the phase says instead. `lost`: what the caller gets when the answer does not come; `refused`: when
        the other side is in trouble; `effective`: whether an answer means that something was done."""
        phase = self._current()
        if (mode := self._due(phase, call)) is not None:
            return await self._injected(mode, call, perform, lost, effective)
        if phase.chance and self._by_chance < MOST_BY_CHANCE and self._dice.random() < phase.chance:
            return await self._unlucky(call, perform, lost, refused)
        return await perform()

    def _current(self) -> Phase:
        phase = self._folder.phase()
        if phase.name != self._phase:
            self._phase, self._seen, self._by_chance = phase.name, {}, 0
            self._dice = random.Random(f"{phase.seed} {len(self._folder.journal())}")
        return phase

    def _due(self, phase: Phase, call: Call) -> Mode | None:
        """The mode, if the phase's fault is for this very occurrence and has not happened yet."""
        if not call.writes:
            return None
        step, attempt = _step()
        seen = self._seen.setdefault((step, attempt, call.key), [])
        if not any(each is call.identity for each in seen):
            seen.append(call.identity)
            self._folder.note("write", key=call.key, occurrence=len(seen), repeatable=call.repeatable, step=step)
        for number, fault in enumerate(phase.faults):
            if (fault.step, fault.key, fault.occurrence) == (step, call.key, len(seen)) and not self._folder.is_marked(f"fired-{number}"):
                self._number = number
                return fault.mode
        return None

    async def _injected(
        self,
        mode: Mode,
        call: Call,
        perform: Callable[[], Awaitable[T]],
        lost: Callable[[], Awaitable[Exception]],
        effective: Callable[[T], bool],
    ) -> T:
        number = self._number
        if mode is Mode.BEFORE:
            self._crash(mode, call, number)
        result = await perform()
        if not effective(result):
            return result
        if mode is Mode.AFTER:
            self._crash(mode, call, number)
        self._fire(mode, call, number)
        if mode is Mode.LOST:
            raise await lost()
        return await perform()

    async def _unlucky(
        self,
        call: Call,
        perform: Callable[[], Awaitable[T]],
        lost: Callable[[], Awaitable[Exception]],
        refused: Callable[[random.Random], T | Exception],
    ) -> T:
        """The answer is lost, or there is none but trouble."""
        self._by_chance += 1
        if self._dice.random() < 0.4:
            await perform()
            self._folder.note("unlucky", key=call.key, what="lost")
            raise await lost()
        answer = refused(self._dice)
        self._folder.note("unlucky", key=call.key, what=str(answer)[:120])
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _fire(self, mode: Mode, call: Call, number: int) -> None:
        self._folder.mark(f"fired-{number}")
        self._folder.note("fired", key=call.key, mode=mode, number=number, step=_step()[0])

    def _crash(self, mode: Mode, call: Call, number: int) -> None:
        self._fire(mode, call, number)
        os._exit(CRASH_CODE)


def _step() -> tuple[str, int]:
    """The activity that makes the call, and its attempt."""
    return (activity.info().activity_type, activity.info().attempt) if activity.in_activity() else ("", 0)
