"""What the platform's worker does not have: a stand-in over real HTTP, and a worker of a test's own that knows it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from queue import Queue
from typing import TypeVar

from tests.e2e.platform import ROOT

StandIn = TypeVar("StandIn")


@contextmanager
def served(running: Callable[[], AbstractAsyncContextManager[StandIn]]) -> Iterator[StandIn]:
    """The stand-in in a thread with a loop of its own, while the test waits for programs."""
    begun: Queue[tuple[StandIn, asyncio.AbstractEventLoop, asyncio.Event]] = Queue()

    async def serve() -> None:
        stop = asyncio.Event()
        async with running() as stand_in:
            begun.put((stand_in, asyncio.get_running_loop(), stop))
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    stand_in, loop, stop = begun.get(timeout=10)
    try:
        yield stand_in
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


@contextmanager
def own_worker(**settings: str) -> Iterator[dict[str, str]]:
    """A worker on a task queue of its own. Gives the environment of a starter.py that asks it."""
    environment = {"PREVIEWS_TASK_QUEUE": f"own-{uuid.uuid4().hex[:8]}", **settings}
    worker = subprocess.Popen(
        [sys.executable, str(ROOT / "worker.py")], env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield environment
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(40) == 0
