"""The backend's door to Temporal: a blocking face on the asynchronous client."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from datetime import timedelta
from typing import TypeVar

from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from shop.models import Greeting, UnavailableError

TASK_QUEUE = "default"
# A run that nobody waits for any more must not stay open for ever.
RUN_ENDS_AFTER = timedelta(seconds=30)
RETRY_INTERVAL = 0.1

T = TypeVar("T")


class Temporal:
    """Runs the client on an event loop in a thread of its own, since Flask's request threads have none.

    Make it in the process that uses it: neither the thread nor the client's runtime survives a fork.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="temporal", daemon=True).start()
        # Lazy: it connects with the first call and again with the next one when that failed.
        self._client = self._wait(Client.connect(address, lazy=True), timeout=5)

    def check(self, timeout: float) -> None:
        """Returns as soon as the server says that it is serving; tries until `timeout` seconds are over."""
        self._wait(self._until_serving(), timeout)

    def greet(self, name: str, workflow_id: str, timeout: float) -> Greeting:
        """Runs the workflow `Greet` on this stack's worker and returns what it made."""
        return self._wait(self._greet(name, workflow_id), timeout)

    async def _until_serving(self) -> None:
        while True:
            try:
                if await self._client.service_client.check_health():
                    return
            except (RPCError, RuntimeError):  # RuntimeError: the connection itself failed
                pass
            await asyncio.sleep(RETRY_INTERVAL)

    async def _greet(self, name: str, workflow_id: str) -> Greeting:
        try:
            greeting: Greeting = await self._client.execute_workflow(
                "Greet",
                name,
                id=workflow_id,
                task_queue=TASK_QUEUE,
                result_type=Greeting,
                execution_timeout=RUN_ENDS_AFTER,
                static_summary=f"A cup of tea for {name}",
            )
            return greeting
        except WorkflowFailureError as error:
            raise UnavailableError(f"the workflow {workflow_id} failed: {error.cause}") from error
        except (RPCError, RuntimeError) as error:
            raise UnavailableError(f"Temporal at {self._address} refused: {error}") from error

    def _wait(self, work: Coroutine[object, object, T], timeout: float) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout)
        except TimeoutError:
            future.cancel()
            raise UnavailableError(f"no answer from Temporal at {self._address} within {timeout:g} s") from None
