"""What DeployPreview and TeardownPreview have in common: one desk, one story, and stopping an attempt before the next begins."""

import asyncio
from collections.abc import Awaitable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.records import RecordActivities
    from stack.models import (
        Category,
        Check,
        Claim,
        Claiming,
        DeployRequest,
        Diagnosis,
        Outcome,
        Receipt,
        Request,
        Settlement,
        State,
        TeardownRequest,
        Urls,
    )
    from workflows.baton import OUTCOME_QUERY, REQUEST_SIGNAL, STATUS_QUERY, Baton, Closing
    from workflows.desk import Desk, superseded
    from workflows.policies import QUICK
    from workflows.story import Story

T = TypeVar("T")


class HaltedError(Exception):
    """The attempt has been told to stop: nothing more may be begun."""


class NotReadyError(Exception):
    """A step found out why the stack is not what was asked for."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.summary)
        self.diagnosis = diagnosis


class Owner:
    """Base of both workflows. A subclass says which requests it serves and which workflow it hands the others to."""

    serves: ClassVar[type[DeployRequest] | type[TeardownRequest]]
    hands_over_to: ClassVar[str]

    def __init__(self, baton: Baton) -> None:
        self._namespace = baton.namespace
        self._desk = Desk(baton)
        self._story = Story()
        self._generation = 0
        self._urls: Urls | None = None
        self._halted = False

    @workflow.signal(name=REQUEST_SIGNAL, description="A deploy or teardown request, as starter.py sends it")
    def receive(self, request: Request) -> None:
        self._desk.receive(request)

    @workflow.query(name=OUTCOME_QUERY, description="How a request ended, or how far it is")
    def outcome(self, request_id: str) -> Outcome | None:
        if self._desk.serves(request_id):
            return self._progress(request_id)
        return self._desk.outcome(request_id)

    @workflow.query(name=STATUS_QUERY, description="How far the current request is, or how the last one ended")
    def status(self) -> Outcome | None:
        if (current := self._desk.current) is not None:
            return self._progress(current.id)
        closing = self._desk.closing()
        return closing.latest if closing.outcomes else None

    def _progress(self, request_id: str) -> Outcome:
        assert self._desk.current is not None
        progress = self._outcome(self._desk.current, "running", urls=self._urls, note=self._story.running())
        return progress.model_copy(update={"request_id": request_id})

    async def _work(self) -> Closing:
        """Serves requests until none waits. There is no await between the last look at the inbox and the return."""
        await workflow.wait_condition(lambda: self._desk.has_mail)
        while (request := self._desk.take()) is not None:
            if not isinstance(request, self.serves):
                workflow.continue_as_new(workflow=self.hands_over_to, args=[self._desk.baton()])
            self._generation, self._urls = 0, None
            outcome = await self._until_superseded(request)
            self._desk.settle(outcome)
        if outcome.state == "cancelled":
            raise asyncio.CancelledError
        return self._desk.closing()

    async def _attempt(self, request: Request, generation: int) -> Outcome:
        raise NotImplementedError

    async def _until_superseded(self, request: Request) -> Outcome:
        """Runs the attempt; a newer request or a cancellation stops it, and only when it has really stopped does this return."""
        attempt = asyncio.create_task(self._claim_and_attempt(request))
        try:
            await workflow.wait_condition(lambda: attempt.done() or self._is_overtaken())
        except asyncio.CancelledError:
            await self._stop(attempt)
            return await uninterrupted(self._keep(self._outcome(request, "cancelled", note="cancelled by an operator")))
        if attempt.done():
            return attempt.result()
        newer = self._desk.overtaken_by
        assert newer is not None
        await self._stop(attempt)
        return superseded(request, newer).model_copy(update={"generation": self._generation})

    def _is_overtaken(self) -> bool:
        """A deploy gives way to whatever is newer."""
        return self._desk.overtaken_by is not None

    async def _stop(self, attempt: "asyncio.Task[Outcome]") -> None:
        """The flag counts, not the cancellation: an activity that completes in spite of it would let the attempt go on."""
        self._halted = True
        attempt.cancel()
        with suppress(HaltedError, asyncio.CancelledError, ActivityError):
            await uninterrupted(attempt)
        self._halted = False

    async def _claim_and_attempt(self, request: Request) -> Outcome:
        try:
            claim = await self._claim(request)
            if not claim.accepted:
                return self._declined(request, claim)
            outcome = await self._attempt(request, claim.generation)
        except NotReadyError as error:
            outcome = self._outcome(request, "failed", diagnosis=error.diagnosis)
        except ActivityError as error:
            outcome = self._outcome(request, "failed", diagnosis=explain(error))
        if self._halted:
            raise HaltedError
        return await self._keep(outcome)

    async def _claim(self, request: Request) -> Claim:
        self._story.begin(request, title_of(request))
        with self._step("claim"):
            claiming = Claiming(namespace=self._namespace, request=request)
            claim = await workflow.execute_activity_method(RecordActivities.claim, claiming, **QUICK, summary=f"claim {self._namespace}")
        if claim.accepted:
            self._generation, self._urls = claim.generation, claim.urls
            self._story.accept(request)
        return claim

    def _declined(self, request: Request, claim: Claim) -> Outcome:
        """A newer request had been accepted before: operators are shown how the preview really is."""
        if claim.current is not None:
            self._desk.remember(claim.current)
            self._story.show(claim.current)
        return self._outcome(request, "superseded", note=claim.note)

    async def _keep(self, outcome: Outcome) -> Outcome:
        """Writes the outcome into the record, where it outlives the namespace. Callers learn it even when that fails."""
        settlement = Settlement(namespace=self._namespace, outcome=outcome, requested_at=self._desk.newest_time)
        try:
            await workflow.execute_activity_method(RecordActivities.settle, settlement, **QUICK, summary=f"record: {outcome.state}")
        except ActivityError as error:
            note = f"{outcome.note} (the record could not be written: {explain(error).summary})".strip()
            outcome = outcome.model_copy(update={"note": note})
        self._story.enter(outcome.state)
        return outcome

    def _outcome(self, request: Request, state: State, **more: Any) -> Outcome:
        sha = request.commit if isinstance(request, DeployRequest) else None
        found = {"generation": self._generation, "sha": sha, "seconds": self._story.seconds(), "receipt": self._receipt(), **more}
        return Outcome(request_id=request.id, state=state, pr=request.pr, **found)

    def _receipt(self) -> Receipt | None:
        """What is known to be gone so far."""
        return None

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        """Every step goes through here, so that a stopped attempt begins no other one."""
        if self._halted:
            raise HaltedError
        with self._story.step(name):
            yield


def require(check: Check) -> None:
    """Ends the attempt with the diagnosis if the check did not pass."""
    if check.diagnosis is not None:
        raise NotReadyError(check.diagnosis)


async def together(*steps: Coroutine[Any, Any, None], stop_at_failure: bool = True) -> None:
    """Runs independent steps side by side and raises the error of the one that failed first.

    By then the others have been stopped and awaited; without `stop_at_failure` they have come to their own end.
    """
    tasks = [asyncio.create_task(step) for step in steps]
    first = asyncio.FIRST_EXCEPTION if stop_at_failure else asyncio.ALL_COMPLETED
    try:
        done, _ = await workflow.wait(tasks, return_when=first)
    finally:
        for task in tasks:
            task.cancel()
        await workflow.wait(tasks)
    for task in tasks:
        if task in done:
            task.result()


async def uninterrupted(work: Awaitable[T]) -> T:
    """The result of work that goes on to its end although the run is cancelled meanwhile, perhaps again."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await workflow.wait([task])
    return task.result()


def explain(error: ActivityError) -> Diagnosis:
    """The diagnosis of a step that could not be carried out."""
    cause = error.cause
    kind = cause.type if isinstance(cause, ApplicationError) and cause.type else type(cause).__name__
    category, resolution = REMEDIES.get(
        kind, (Category.INTERNAL, "Look at the failed activity in temporal-ui; deploy again when its cause is gone.")
    )
    message = cause.message if isinstance(cause, ApplicationError) else str(cause)
    return Diagnosis(category=category, object=f"step {error.activity_type}", summary=message, resolution=resolution)


def title_of(request: Request) -> str:
    """What the run is about, for the head of its details."""
    if isinstance(request, DeployRequest):
        return f"Pull request {request.pr} of {request.repository}: commit {request.commit}"
    return f"Pull request {request.pr} of {request.repository}: teardown ({request.reason})"


REMEDIES = {
    "ForeignNamespaceError": (Category.FOREIGN, "Choose another namespace template, or remove that namespace if nobody needs it."),
    "MissingSecretError": (Category.SECRET_KEY, "Add the keys to the source of secrets, or take them off `secrets.required`."),
    "RejectedError": (Category.REJECTED, "Mend what the cluster or the database refused, then deploy again."),
    "UnavailableError": (Category.INTERNAL, "Wait until the service answers again, then deploy again."),
}
