"""Steps side by side, and work that a cancellation does not reach."""

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from temporalio import workflow

T = TypeVar("T")


async def together(*steps: Coroutine[Any, Any, None], stop_at_failure: bool = True) -> None:
    """Runs independent steps side by side and raises the error of the one that failed first.

    By then the others have been stopped and awaited; without `stop_at_failure` they have come to their own end.
    """
    tasks = [asyncio.create_task(step) for step in steps]
    first = asyncio.FIRST_EXCEPTION if stop_at_failure else asyncio.ALL_COMPLETED
    try:
        done, _ = await workflow.wait(tasks, return_when=first)
    except asyncio.CancelledError:
        await stop(tasks)
        raise
    await stop(tasks)
    for task in tasks:
        if task in done:
            task.result()


async def stop(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    """Cancels and awaits them. Not in a `finally`: nothing may be awaited in a run that a worker lets go of when it ends."""
    for task in tasks:
        task.cancel()
    await workflow.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at: one error is told, and the log is not to complain of the others


async def uninterrupted(work: Awaitable[T]) -> T:
    """The result of work that goes on to its end although the run is cancelled meanwhile, perhaps again."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await workflow.wait([task])
    return task.result()
