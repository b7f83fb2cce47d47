"""How many connections this worker has open at once: as many as admission keeps free for it, never more.

Who holds a lock needs other connections meanwhile, and they are never short: of all places one is kept for those that end by themselves.
Tasks that want the same lock queue here, without a connection, instead of asking the server again and again, each on its own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary


class Slots:
    """Places for `most` connections, at least two."""

    def __init__(self, most: int) -> None:
        self._all, self._holders = asyncio.Semaphore(most), asyncio.Semaphore(most - 1)
        self._queues: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A place for a connection that waits for no other."""
        async with self._all:
            yield

    @asynccontextmanager
    async def holder(self, subject: str) -> AsyncIterator[None]:
        """A place for the connection that locks `subject`."""
        async with self._queues.setdefault(subject, asyncio.Lock()), self._holders, self._all:
            yield
