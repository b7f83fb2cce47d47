"""Heartbeats for steps that wait inside one call, where they cannot send their own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from temporalio import activity

PERIOD_SECONDS = 2.0


class Pulse:
    """What a step says while it waits. The next try finds the last of it in `activity.info().heartbeat_details`."""

    def __init__(self, *details: Any) -> None:
        self._details = details

    def say(self, *details: Any) -> None:
        """At once, and from now on."""
        self._details = details
        activity.heartbeat(*details)

    async def beat(self) -> None:
        while True:
            activity.heartbeat(*self._details)
            await asyncio.sleep(PERIOD_SECONDS)


@asynccontextmanager
async def heartbeats(*details: Any) -> AsyncIterator[Pulse]:
    """Says in the background, every two seconds, what the step is doing. Also how a cancellation reaches it."""
    pulse = Pulse(*details)
    beating = asyncio.create_task(pulse.beat())
    try:
        yield pulse
    finally:
        beating.cancel()
