"""Following objects of a cluster: list, then watch with bookmarks, and list again whenever the thread is lost.

The library's own watch reconnects without a pause, hands an error page on as an event and raises when its version is too old (HTTP 410);
here a broken connection is followed by a growing pause, an old version by a fresh list, and what cannot be healed by an error.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from gateways.cluster import Object
from gateways.connection import Request, Session
from stack.errors import ConflictError, UnavailableError

TICK_SECONDS: Final = 1.0
"""Rules that go by the clock (pending for so long) are looked at this often even if nothing changes."""
WATCH_SECONDS: Final = 20
"""The server ends each watch after this long; the next one goes on from the last version seen."""
QUIET_SECONDS: Final = WATCH_SECONDS + 5.0
"""A connection on which nothing came for this long, not even the end, is dead."""
HEAL_SECONDS: Final = 30.0
"""How long the API may be away before whoever waits is told."""
PAUSES_SECONDS: Final = (0.1, 0.2, 0.5, 1.0, 2.0)


class _LostThreadError(Exception):
    """The server no longer knows the version that the watch would go on from."""


@dataclass
class Mirror:
    """A local copy of some objects of one kind, kept up to date by `run`."""

    session: Session
    path: str
    changed: asyncio.Event
    field_selector: str = ""
    objects: dict[str, Object] = field(default_factory=dict)
    synced: bool = False
    _version: str = ""
    _failures: int = 0
    _failing_since: float = 0.0

    async def run(self) -> None:
        """Until cancelled, or until something is found that waiting cannot heal."""
        while True:
            try:
                await self._list()
                await self._watch_on()
            except _LostThreadError:
                continue
            except UnavailableError as error:
                await self._pause(error)

    async def _pause(self, error: UnavailableError) -> None:
        if not self._failures:
            self._failing_since = time.monotonic()
        if time.monotonic() - self._failing_since > HEAL_SECONDS:
            raise error
        await asyncio.sleep(PAUSES_SECONDS[min(self._failures, len(PAUSES_SECONDS) - 1)])
        self._failures += 1

    async def _list(self) -> None:
        body = (await self.session.call(self._request("listing", {}))).body
        if "items" not in body:
            raise UnavailableError("listing", obj=self.path, answer=str(body) or "not JSON")
        self.objects = {item["metadata"]["uid"]: item for item in body["items"]}
        self._version = body["metadata"]["resourceVersion"]
        self.synced = True
        self.changed.set()

    async def _watch_on(self) -> None:
        """Watch after watch. The pause keeps a proxy that cuts every one short from being stormed; nothing is lost in it."""
        while True:
            await self._watch()
            await asyncio.sleep(PAUSES_SECONDS[0])

    async def _watch(self) -> None:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
            "resourceVersion": self._version,
        }
        try:
            async with self.session.stream(self._request("watching", query), quiet_seconds=QUIET_SECONDS) as lines:
                self._failures = 0
                async for line in lines:
                    self._take(json.loads(line))
        except ConflictError:  # 410 as the answer to the request
            raise _LostThreadError from None

    def _request(self, did: str, query: dict[str, str]) -> Request:
        selector = {"fieldSelector": self.field_selector} if self.field_selector else {}
        return Request("GET", self.path, did, self.path, query=query | selector)

    def _take(self, event: dict[str, Any]) -> None:
        kind, item = event.get("type"), event.get("object", {})
        if kind not in {"ADDED", "MODIFIED", "DELETED", "BOOKMARK"}:
            self._lose(item)
        self._version = item["metadata"]["resourceVersion"]
        if kind == "BOOKMARK":
            return
        self.objects.pop(item["metadata"]["uid"], None)
        if kind != "DELETED":
            self.objects[item["metadata"]["uid"]] = item
        self.changed.set()

    def _lose(self, status: dict[str, Any]) -> None:
        """An error that comes as an event: after an old version the list starts anew at once, after others with a pause."""
        if status.get("code") == HTTPStatus.GONE:
            raise _LostThreadError
        raise UnavailableError("watching", obj=self.path, answer=str(status.get("message", status)))


async def follow(mirrors: Sequence[Mirror], changed: asyncio.Event) -> AsyncGenerator[None, None]:
    """Keeps the mirrors running; yields when all are filled, then whenever one has changed, and at every tick."""
    tasks = [asyncio.create_task(mirror.run()) for mirror in mirrors]
    for task in tasks:
        task.add_done_callback(lambda _: changed.set())
    try:
        while True:
            changed.clear()
            for task in tasks:
                if task.done():
                    task.result()
            if all(mirror.synced for mirror in mirrors):
                yield
            with suppress(TimeoutError):
                # Not wait_for: up to Python 3.11 it swallows a cancellation that comes together with a change.
                async with asyncio.timeout(TICK_SECONDS):
                    await changed.wait()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
