"""Heartbeats for steps that wait inside one call, where they cannot send their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio import activity

PERIOD_SECONDS = 2.0


@asynccontextmanager
async def heartbeats(sentence: str) -> AsyncIterator[None]:
    """Says in the background, every two seconds, what the step is doing. Also how a cancellation reaches it."""
    pulse = asyncio.create_task(_beat(sentence))
    try:
        yield
    finally:
        pulse.cancel()


async def _beat(sentence: str) -> None:
    while True:
        activity.heartbeat(sentence)
        await asyncio.sleep(PERIOD_SECONDS)
