"""Who asks for something: CI jobs by the command line's own code, and operators."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from contextvars import Context
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy

from cli.temporal import follow, send
from stack.cleanup import CLEANUP_ID, CLEANUP_WORKFLOW, CleanupOptions, Report
from stack.models import Deployment, DeployRequest, ExtendRequest, Outcome, TeardownRequest
from stack.names import Names, namespace_for
from stack.stackfile import Container, Database, Readiness, Secrets, Smoke, StackFile, Temporal, Webapp, Worker
from tests.fakes.requests import NOON, REPOSITORY
from tests.simulation.temporal.client import SimulatedClient

PATIENCE: Final = timedelta(hours=4)
TASK_QUEUE: Final = "deployments"
STACK: Final = StackFile(
    app="shop",
    host="pr-{pr}.preview.test",
    webapp=Webapp(containers=(Container(name="backend", image="web", port=8080, readiness=Readiness(path="/health")),)),
    temporal=Temporal(
        server="1.32.2", worker=Worker(image="worker", task_queues=("default",), smoke=Smoke(workflow="Greet", task_queue="default"))
    ),
    database=Database(app=True),
    secrets=Secrets(file="shop.env"),
)
"""With everything that a stack can have."""

Asked = DeployRequest | TeardownRequest | ExtendRequest
BROKEN: Final = ("bad", "crash")
"""Images that do not work."""


@dataclass
class Job:
    """A CI job: its request and, once it has ended, what it was told."""

    request: Asked
    outcome: "asyncio.Task[Outcome]"

    @property
    def told(self) -> Outcome | None:
        return self.outcome.result() if self.outcome.done() else None

    @property
    def is_bad(self) -> bool:
        """Whether it cannot become ready."""
        return isinstance(self.request, DeployRequest) and any(f"/{image}:" in self.request.images["web"] for image in BROKEN)


class Callers:
    """CI of one repository, and its operators."""

    def __init__(self, client: SimulatedClient) -> None:
        self._client: Any = client
        self.jobs: list[Job] = []
        self.extensions: list[Job] = []
        self._begun: set[asyncio.Task[Report | None]] = set()

    def push(self, commit: str, *, minute: float, pr: int = 1, image: str = "web", patient: bool = True) -> Job:
        """A job for a commit that was pushed so many minutes after noon. `image`: `bad` and `crash` do not work."""
        request = Deployment(
            id=f"r{len(self.jobs) + 1}",
            pr=pr,
            repository=REPOSITORY,
            requested_at=NOON + timedelta(minutes=minute),
            commit=commit,
            images={"web": f"registry.test/{image}:{commit}", "worker": f"registry.test/worker:{commit}"},
            stack=STACK,
        )
        return self._ask(request, patient=patient)

    def close(self, *, minute: float, pr: int = 1, patient: bool = True) -> Job:
        request = TeardownRequest(id=f"r{len(self.jobs) + 1}", pr=pr, repository=REPOSITORY, requested_at=NOON + timedelta(minutes=minute))
        return self._ask(request, patient=patient)

    def extend(self, generation: int, *, ttl: timedelta | None = None, pinned: bool | None = None, pr: int = 1) -> Job:
        """`starter.py extend`, which has looked for the generation before."""
        now, number = asyncio.get_running_loop().time(), len(self.extensions) + 1
        moment = NOON + timedelta(seconds=now)
        request = ExtendRequest(
            id=f"e{number}", pr=pr, repository=REPOSITORY, requested_at=moment, generation=generation, ttl=ttl, pinned=pinned
        )
        self.extensions.append(self._begin(request, patient=True))
        return self.extensions[-1]

    async def cancel(self, pr: int = 1) -> None:
        """An operator, in temporal-ui."""
        await self._client.get_workflow_handle(workflow_id(pr)).cancel()

    async def terminate(self, pr: int = 1) -> None:
        await self._client.get_workflow_handle(workflow_id(pr)).terminate()

    async def clean_up(self) -> Report:
        """What the Schedule starts every quarter of an hour."""
        policy = WorkflowIDConflictPolicy.USE_EXISTING
        handle = await self._client.start_workflow(
            CLEANUP_WORKFLOW, CleanupOptions(), id=CLEANUP_ID, task_queue=TASK_QUEUE, id_conflict_policy=policy, result_type=Report
        )
        report: Report = await handle.result()
        return report

    def begin_clean_up(self) -> "asyncio.Task[Report | None]":
        """Without waiting for what it finds."""
        task = asyncio.get_running_loop().create_task(self._quietly(), context=Context())
        self._begun.add(task)
        return task

    async def _quietly(self) -> Report | None:
        """A clean-up may fail while services are away: the next one begins afresh."""
        with suppress(WorkflowFailureError):
            return await self.clean_up()
        return None

    async def outcomes(self, jobs: Iterable[Job] | None = None) -> list[Outcome]:
        """What each job was told, when all have been."""
        return list(await asyncio.gather(*(job.outcome for job in (self.jobs if jobs is None else jobs))))

    def _ask(self, request: Asked, *, patient: bool) -> Job:
        self.jobs.append(self._begin(request, patient=patient))
        return self.jobs[-1]

    def _begin(self, request: Asked, *, patient: bool) -> Job:
        work = self._send_and_follow(request) if patient else self._send_and_wait(request)
        # in a context of its own: it may be asked for in the middle of a worker's call, and is none
        return Job(request, asyncio.get_running_loop().create_task(work, name=f"job {request.id}", context=Context()))

    async def _send_and_follow(self, request: Asked) -> Outcome:
        """As starter.py does, asking again and again."""
        handle = await send(self._client, namespace_of(request.pr), request, TASK_QUEUE)
        return await follow(handle, request, PATIENCE, lambda outcome: None)

    async def _send_and_wait(self, request: Asked) -> Outcome:
        """As starter.py does when no query is ever answered: by the result of the whole chain alone. Costs much less time."""
        from cli.temporal import _result

        handle = await send(self._client, namespace_of(request.pr), request, TASK_QUEUE)
        return await _result(handle, request)


def namespace_of(pr: int) -> str:
    return namespace_for(pr, STACK.app, "pr-{pr}")


def workflow_id(pr: int) -> str:
    return Names(namespace_of(pr)).workflow_id
