"""The worker of one lane: the product's worker as it is, with the injector underneath and a journal of its activities."""

import asyncio
import logging
import os
import sys
import time
from typing import Any

import temporalio.client
import temporalio.worker
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

import worker
from gateways import production
from stack.settings import Settings
from tests.soak.folder import Folder
from tests.soak.injector import Injector
from tests.soak.underneath import install

HOLD_SECONDS = 8.0
"""The longest stop at a step: below every time-out of an activity."""


class Journal(temporalio.client.Interceptor, temporalio.worker.Interceptor):
    """Tells the runner which activity begins, and stops at the one that the phase names."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002 (the SDK's name)
        return Inbound(next, self._folder)


class Inbound(ActivityInboundInterceptor):
    """Around every activity."""

    def __init__(self, following: ActivityInboundInterceptor, folder: Folder) -> None:
        super().__init__(following)
        self._folder = folder

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002 (the SDK's name)
        info = activity.info()
        self._folder.note("enter", step=info.activity_type, attempt=info.attempt)
        await self._hold(info.activity_type)
        try:
            return await super().execute_activity(input)
        finally:
            self._folder.note("leave", step=info.activity_type)

    async def _hold(self, step: str) -> None:
        """Once in a phase."""
        if self._folder.phase().hold != step or self._folder.is_marked("held"):
            return
        self._folder.mark("held")
        deadline = time.monotonic() + HOLD_SECONDS
        while not self._folder.is_marked("go") and time.monotonic() < deadline:
            await asyncio.sleep(0.02)


def serve(folder: Folder) -> int:
    """Works until it is told to stop, crashes, or is killed. The environment says where, as for the product's worker."""
    install(Injector(folder))
    options, watching = production.connection_options, Journal(folder)

    def watched() -> Any:
        return {**options(), "interceptors": [watching]}

    production.connection_options = watched
    (folder.path / "pid").write_text(str(os.getpid()))
    folder.note("born", pid=os.getpid())
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    asyncio.run(worker.run(Settings.from_env(os.environ)))
    return 0
