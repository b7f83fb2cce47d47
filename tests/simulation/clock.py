"""An event loop whose time is virtual: when nothing is ready, the time jumps to the next timer.

Ten minutes of waiting cost nothing, no test sleeps, and what happens in which order depends on nothing but the program.
"""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

T = TypeVar("T")

EPOCH: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
"""What the clocks show when a simulation begins."""


class DeadlockError(Exception):
    """Nothing is ready and nothing will ever be. The message lists what each task waits for."""


class VirtualLoop(asyncio.BaseEventLoop):
    """One thread, no sockets, no real time."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 0.0
        self._selector = self  # BaseEventLoop asks it for events and lets it wait
        self._clock_resolution = 1e-6
        self.broken: BaseException | None = None
        """What nobody caught: the simulation is worth nothing any more."""
        self.set_exception_handler(self._break)

    def _break(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.broken = self.broken or context.get("exception") or RuntimeError(context["message"])
        self.stop()

    def time(self) -> float:
        return self._now

    def utc_now(self) -> datetime:
        """The time of day, for everything that asks for it."""
        return EPOCH + timedelta(seconds=self._now)

    def select(self, timeout: float | None) -> list[Any]:
        """Called when BaseEventLoop has run what was ready: instead of waiting, the time goes on."""
        if timeout is None:
            raise DeadlockError("\n".join(["nothing will ever happen any more:", *map(_where, asyncio.all_tasks(self))]))
        self._now += timeout
        return []

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none."""

    def _write_to_self(self) -> None:
        """Nothing waits in another thread."""

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        raise NotImplementedError("a thread would bring real time into the simulation")


def _where(task: "asyncio.Task[Any]") -> str:
    frames = task.get_stack(limit=8)
    places = " < ".join(f"{frame.f_code.co_qualname}:{frame.f_lineno}" for frame in reversed(frames))
    return f"  {task.get_name()}: {places}"


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """Runs to the end in a loop of its own, like asyncio.run; what is left over then is cancelled. May be called inside another one."""
    outer, loop = asyncio._get_running_loop(), VirtualLoop()
    asyncio._set_running_loop(None)
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(main)
    except RuntimeError:
        if loop.broken is not None:
            raise loop.broken from None
        raise
    finally:
        loop.set_exception_handler(lambda *_: None)
        _cancel_all(loop)
        asyncio.set_event_loop(None)
        loop.close()
        asyncio._set_running_loop(outer)


def _cancel_all(loop: VirtualLoop) -> None:
    while tasks := asyncio.all_tasks(loop):
        for task in tasks:
            task.cancel()
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    loop.run_until_complete(loop.shutdown_asyncgens())
