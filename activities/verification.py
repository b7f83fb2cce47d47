"""What a readiness probe cannot know. A stack's own fault is a Check with a diagnosis, not an exception."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from temporalio import activity

from activities.heartbeat import heartbeats
from gateways.cluster import Cluster
from gateways.database import Databases
from gateways.masking import mask_of
from gateways.temporal import Frontends
from gateways.temporal_pod import frontend_address, worker_log
from gateways.web import Web
from stack.addresses import urls_for
from stack.errors import PreviewError, UnavailableError
from stack.masking import Mask
from stack.models import Attempt, Category, Check, Diagnosis
from stack.names import TEMPORAL_NAMESPACE
from stack.settings import Settings
from stack.stackfile import Smoke
from stack.verification import page_diagnosis, server_diagnosis, smoke_diagnosis, ui_diagnosis, worker_diagnosis

PATIENCE: Final = timedelta(seconds=15)
"""How long a check tries again: the ingress controller learns of a new stack within a second, other controllers within ten."""
LONGEST: Final = timedelta(seconds=90)
"""How long one check may take although the stack starts again and again. Below the bound of the step."""
PAUSE_SECONDS: Final = 0.075
"""A skipper that polls four times a second is then noticed at once."""
SMOKE_DEADLINE: Final = timedelta(seconds=20)
FINAL: Final = (Category.SMOKE,)
"""Problems that looking again does not change: the workflow has run to its end."""
UI_API: Final = f"/api/v1/namespaces/{TEMPORAL_NAMESPACE}"
"""A page of temporal-ui that asks the server behind it. `/healthz` answers always."""

Look = Callable[[], Awaitable[Diagnosis | None]]
PageDiagnosis = Callable[[str, int, str, str, Mask], Diagnosis]
"""Of the address, and the status, body and redirect that it answered."""


class VerificationActivities:
    """Each check is done in milliseconds when all is well, and tries again for some seconds before it gives a diagnosis."""

    def __init__(
        self, web: Web, frontends: Frontends, cluster: Cluster, databases: Databases, settings: Settings, *, patience: timedelta = PATIENCE
    ) -> None:
        self._web, self._frontends, self._cluster, self._databases = web, frontends, cluster, databases
        self._settings, self._patience = settings, patience

    @activity.defn(name="verify_page")
    async def verify_page(self, attempt: Attempt) -> Check:
        """The web page answers 2xx through the public host; or somebody in front of it asks for a login, where the installation says so."""
        url = urls_for(attempt.request, self._settings).webapp
        return await self._check(attempt.namespace, url, lambda: self._page_problem(attempt.namespace, url, page_diagnosis))

    @activity.defn(name="verify_ui")
    async def verify_ui(self, attempt: Attempt) -> Check:
        """Temporal-ui answers through its public host, and so does the server behind it; or the same login is asked for."""
        url = urls_for(attempt.request, self._settings).temporal_ui
        return await self._check(attempt.namespace, url, lambda: self._ui_problem(attempt.namespace, url))

    @activity.defn(name="verify_worker")
    async def verify_worker(self, attempt: Attempt) -> Check:
        """The stack's Temporal is SERVING and the worker polls every task queue. Not for an app that works with another Temporal."""
        queues = attempt.request.stack.temporal.worker.task_queues
        return await self._check(
            attempt.namespace, f"the worker of {attempt.namespace}", lambda: self._worker_problem(attempt.namespace, queues)
        )

    @activity.defn(name="run_smoke")
    async def run_smoke(self, attempt: Attempt) -> Check:
        """The stack file's smoke workflow completes; passes if none is named. Not for an app that works with another Temporal."""
        if (smoke := attempt.request.stack.temporal.worker.smoke) is None:
            return Check()
        workflow_id = f"smoke-{attempt.generation}-{activity.info().attempt}"
        subject = f"smoke workflow {smoke.workflow}"
        return await self._check(attempt.namespace, subject, lambda: self._smoke_problem(attempt.namespace, smoke, workflow_id))

    async def _check(self, namespace: str, subject: str, look: Look) -> Check:
        """Looks until there is no problem any more, or a final one, or the patience is over; then the last one counts.

        A stack that is starting again meanwhile, because a node or a process died, gets a patience of its own.
        """
        loop = asyncio.get_running_loop()
        deadline, end = (loop.time() + each.total_seconds() for each in (self._patience, LONGEST))
        async with heartbeats(f"looking at {subject}"):
            while True:
                problem = await look()
                if problem is None:
                    return Check()
                if problem.category in FINAL:
                    return await self._blamed(subject, problem)
                if loop.time() >= deadline:
                    if loop.time() >= end or await self._is_up(namespace):
                        return await self._blamed(subject, problem)
                    deadline = loop.time() + self._patience.total_seconds()
                await asyncio.sleep(PAUSE_SECONDS)

    async def _blamed(self, subject: str, problem: Diagnosis) -> Check:
        """The stack cannot help it while PostgreSQL is away: then the step is tried again. Raises UnavailableError."""
        if not await self._databases.answers():
            raise UnavailableError("look at", obj=subject, answer="PostgreSQL does not answer", remedy="it is looked at again")
        return Check(diagnosis=problem)

    async def _is_up(self, namespace: str) -> bool:
        found = await self._cluster.list_objects("Deployment", namespace)
        return all(deployment.get("status", {}).get("availableReplicas") for deployment in found)

    async def _page_problem(self, namespace: str, url: str, diagnose: PageDiagnosis) -> Diagnosis | None:
        answer = await self._web.get(url)
        if answer.ok or (self._settings.ingress_guarded and answer.asks_to_sign_in(url)):
            return None
        return diagnose(url, answer.status, answer.body, answer.location, await mask_of(self._cluster, namespace))

    async def _ui_problem(self, namespace: str, url: str) -> Diagnosis | None:
        page, api = await asyncio.gather(*(self._page_problem(namespace, each, ui_diagnosis) for each in (url, url + UI_API)))
        return page or api

    async def _worker_problem(self, namespace: str, queues: tuple[str, ...]) -> Diagnosis | None:
        try:
            address = await frontend_address(self._cluster, namespace)
            serving, polled = await asyncio.gather(self._frontends.serving(address), self._frontends.polled(address, queues))
        except PreviewError as error:
            return server_diagnosis(namespace, str(error), await mask_of(self._cluster, namespace))
        if not serving:
            return server_diagnosis(namespace, "its health check does not say SERVING", str)
        if not (silent := [queue for queue in queues if queue not in polled]):
            return None
        mask = await mask_of(self._cluster, namespace)
        return worker_diagnosis(namespace, silent, await worker_log(self._cluster, namespace, mask))

    async def _smoke_problem(self, namespace: str, smoke: Smoke, workflow_id: str) -> Diagnosis | None:
        try:
            address = await frontend_address(self._cluster, namespace)
            failure = await self._frontends.run(address, smoke.workflow, smoke.task_queue, workflow_id, SMOKE_DEADLINE)
        except PreviewError as error:
            return server_diagnosis(namespace, str(error), await mask_of(self._cluster, namespace))
        if not failure:
            return None
        mask = await mask_of(self._cluster, namespace)
        return smoke_diagnosis(namespace, smoke.workflow, failure, await worker_log(self._cluster, namespace, mask), mask)
