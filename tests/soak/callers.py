"""One pull request and those who ask something for it, as starter.py and the clean-up do."""

import asyncio
import itertools
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from cli.temporal import Handle, follow, send
from stack.errors import UnavailableError
from stack.models import Condition, DeployRequest, ExtendRequest, Outcome, Request, TeardownRequest
from stack.names import Names
from stack.stackfile import StackFile
from tests.e2e.platform import REPOSITORY
from tests.soak.lanes import Lane

PATIENCE = timedelta(minutes=4)
"""Longer than any case takes; who waits longer has found a defect."""
CLOSING = timedelta(seconds=60)
"""How long a run may be open after all its callers have been told."""
AWAY_SECONDS = 60.0
"""How long the production Temporal may be away: somebody else may be testing that on the same platform."""
AWAY = {RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED}
NO_SUCH_IMAGE = "localhost/no-such-image:1"
ANOTHER = "another worker"
"""The example's worker under another name (soaking.py)."""

STACK = StackFile.model_validate(
    {
        "app": "shop",
        "host": "pr-{pr}.localhost",
        "webapp": {
            "containers": [
                {
                    "name": "backend",
                    "image": "webapp",
                    "command": ["python", "-m", "http.server", "8080", "--directory", "/tmp"],
                    "port": 8080,
                    "readiness": {"path": "/"},
                    "resources": {"memory": "64Mi", "cpu": "10m"},
                    "user": 1000,
                }
            ]
        },
        "temporal": {
            "server": "1.32.2",
            "worker": {
                "image": "worker",
                "command": ["python", "temporal_server.py"],
                "workingDir": "/app",
                "taskQueues": ["default"],
                "readiness": {"command": ["test", "-f", "/tmp/ready"]},
                "resources": {"memory": "192Mi", "cpu": "10m"},
                "user": 1000,
                "writable": ["/tmp"],
                "smoke": {"workflow": "Greet", "taskQueue": "default"},
            },
        },
        "database": {"app": True, "connections": 5},
        "secrets": {"file": "shop.env", "as": "env", "required": ["GREETING_SECRET"]},
        "ttl": "72h",
    }
)
"""The example's databases, secrets, temporal pod and smoke workflow, with a web server that costs no CPU to start."""


def worker_image(images: Mapping[str, str], commit: str) -> str:
    """Every other commit has another name for the image of the temporal pod, so that an update replaces that as well."""
    return images[ANOTHER if commit[:1] in {"b", "d", "f"} else "worker"]


def stack_of(commit: str) -> StackFile:
    """Each commit has another webapp, so that an update replaces pods."""
    backend, *others = STACK.webapp.containers
    changed = backend.model_copy(update={"env": {"COMMIT": commit}})
    return STACK.model_copy(update={"webapp": STACK.webapp.model_copy(update={"containers": (changed, *others)})})


@dataclass
class Asked:
    """A request that was sent, and whoever waits for its outcome."""

    request: Request
    answer: "asyncio.Task[Outcome]"

    async def outcome(self) -> Outcome:
        return await self.answer

    @property
    def is_answered(self) -> bool:
        return self.answer.done()

    @property
    def is_told(self) -> bool:
        """Whether there is an outcome."""
        return self.answer.done() and not self.answer.cancelled() and self.answer.exception() is None


@dataclass
class PullRequest:
    """All requests for one pull request. Times of the forge are seconds apart and begin an hour ago, so that "late" has room."""

    number: int
    client: Client
    lane: Lane
    images: Mapping[str, str]
    asked: list[Asked] = field(default_factory=list)
    _began: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=1))
    _ticks: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def names(self) -> Names:
        return Names(self.lane.namespace(self.number))

    def now(self) -> datetime:
        """The time that the forge gives the next event."""
        return self._began + timedelta(seconds=next(self._ticks))

    def long_ago(self) -> datetime:
        """Before everything that was asked for so far."""
        return self._began - timedelta(seconds=1)

    async def push(self, commit: str, *, at: datetime | None = None, broken: bool = False) -> Asked:
        """`broken`: the worker's image does not exist."""
        worker = NO_SUCH_IMAGE if broken else worker_image(self.images, commit)
        images = {"webapp": self.images["webapp"], "worker": worker}
        return await self._send(DeployRequest(**self._who(at), commit=commit, images=images, stack=stack_of(commit)))

    async def close(self, *, at: datetime | None = None) -> Asked:
        return await self._send(TeardownRequest(**self._who(at)))

    async def tidy(self, generation: int, *, expired: bool = True) -> Asked:
        """As the clean-up does: only if it is still that generation."""
        condition = Condition(generation=generation, expired=expired)
        return await self._send(TeardownRequest(**self._who(datetime.now(UTC)), reason="expired", condition=condition))

    async def extend(self, generation: int, *, ttl: timedelta | None = None, pinned: bool | None = None) -> Asked:
        return await self._send(ExtendRequest(**self._who(datetime.now(UTC)), generation=generation, ttl=ttl, pinned=pinned))

    def _who(self, at: datetime | None) -> dict[str, Any]:
        return {"id": uuid.uuid4().hex, "pr": self.number, "repository": REPOSITORY, "requested_at": at or self.now()}

    async def _send(self, request: Request) -> Asked:
        handle = await self._handed_over(request)
        asked = Asked(request, asyncio.create_task(follow(handle, request, PATIENCE, lambda _: None)))
        self.asked.append(asked)
        return asked

    async def _handed_over(self, request: Request) -> Handle:
        """As a CI job that is run again while Temporal is away: delivered twice, a request counts once."""
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                return await send(self.client, self.names.namespace, request, self.lane.task_queue)
            except UnavailableError:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(1)

    async def cancel(self) -> None:
        """As an operator in temporal-ui; harmless when no run is open."""
        await self._tell("cancel")

    async def terminate(self) -> None:
        await self._tell("terminate")

    async def _tell(self, word: str) -> None:
        handle = self.client.get_workflow_handle(self.names.workflow_id)
        try:
            await (handle.cancel() if word == "cancel" else handle.terminate("soak"))
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise

    async def is_idle(self) -> bool:
        """Whether no run is open."""
        try:
            description = await self.client.get_workflow_handle(self.names.workflow_id).describe()
        except RPCError as error:
            if error.status in {RPCStatusCode.NOT_FOUND, *AWAY}:
                return error.status is RPCStatusCode.NOT_FOUND
            raise
        return description.status is not WorkflowExecutionStatus.RUNNING

    @property
    def is_answered(self) -> bool:
        """Whether every request has its outcome."""
        return all(asked.is_answered for asked in self.asked)

    async def settled(self) -> list[Outcome]:
        """The outcomes of all requests, in the order in which they were sent, once no run is open any more."""
        outcomes = [await asked.outcome() for asked in self.asked]
        async with asyncio.timeout(CLOSING.total_seconds()):
            while not await self.is_idle():
                await asyncio.sleep(0.1)
        return outcomes

    def leave(self) -> None:
        """Nobody waits any more."""
        for asked in self.asked:
            asked.answer.cancel()
