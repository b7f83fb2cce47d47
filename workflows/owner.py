"""What DeployPreview and TeardownPreview have in common: one desk, one story, and stopping an attempt before the next begins."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.records import RecordActivities
    from stack.baton import OUTCOME_QUERY, REQUEST_SIGNAL, STATUS_QUERY, Baton, Closing
    from stack.claims import Claimable, Claiming, Settlement
    from stack.models import (
        Claim,
        Deployment,
        DeployRequest,
        ExtendRequest,
        Outcome,
        Receipt,
        Request,
        State,
        TeardownRequest,
        Urls,
    )
    from workflows.concurrency import uninterrupted
    from workflows.desk import Desk, superseded
    from workflows.explaining import NotReadyError, explain
    from workflows.patches import CANCEL_UNDOES
    from workflows.policies import QUICK
    from workflows.story import Story, title_of


CANCELLED = "cancelled by an operator"


class HaltedError(Exception):
    """The attempt has been told to stop: nothing more may be begun."""


class LongHistoryError(Exception):
    """The work is not done, but the run has become too long: another run has to go on with it."""


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

    @workflow.signal(name=REQUEST_SIGNAL, description="A request, as starter.py or the clean-up sends it")
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
            self._generation, self._urls = 0, None
            if isinstance(request, ExtendRequest):
                outcome = await uninterrupted(self._extend(request))
            elif isinstance(request, self.serves):
                outcome = await self._serve(request)
            else:
                workflow.continue_as_new(workflow=self.hands_over_to, args=[self._desk.baton()])
            self._desk.settle(outcome)
        if outcome.state == "cancelled":
            raise asyncio.CancelledError
        return self._desk.closing()

    async def _admit(self, request: Request) -> Claimable | Outcome:
        """The request as it may be carried out, or how it ended because it may not. Raises ActivityError."""
        raise NotImplementedError

    def _admitted(self, request: Request) -> Claimable | None:
        """The same, if it has been found out already."""
        raise NotImplementedError

    async def _attempt(self, request: Claimable, claim: Claim) -> Outcome:
        """The work itself, once the request is accepted. Raises NotReadyError or ActivityError when it fails."""
        raise NotImplementedError

    async def _undo(self, request: Request) -> Outcome:
        """What is left to do of a cancelled attempt, and how it ended. It may have been accepted unnoticed: it is claimed again."""
        outcome = self._outcome(request, "cancelled", note=CANCELLED)
        if not workflow.patched(CANCEL_UNDOES):
            return await self._keep(outcome)
        if (admitted := self._admitted(request)) is None:
            return outcome
        try:
            self._story.begin(request, title_of(request))
            claim = await self._claim(admitted)
            if not claim.accepted:
                return self._declined(request, claim.note, claim.current)
            outcome = await self._take_back(admitted, claim)
        except ActivityError as error:
            if self._halted:
                raise HaltedError from error
            note = f"{CANCELLED}; undoing it failed: {explain(error).summary} The clean-up does it."
            outcome = self._outcome(request, "cancelled", note=note)
        return await self._keep(outcome)

    async def _take_back(self, request: Claimable, claim: Claim) -> Outcome:
        """Undoes what an accepted request has done so far. Raises ActivityError."""
        raise NotImplementedError

    async def _serve(self, request: Request) -> Outcome:
        """Another run goes on with the same work when the history has become long."""
        try:
            return await self._until_superseded(request)
        except LongHistoryError:
            workflow.continue_as_new(args=[self._desk.baton()])

    async def _until_superseded(self, request: Request) -> Outcome:
        """Runs the attempt; a newer request or a cancellation stops it, and only when it has really stopped does this return."""
        work = asyncio.create_task(self._claim_and_attempt(request))
        try:
            await self._until_overtaken(work)
        except asyncio.CancelledError:
            if (outcome := await self._stop(work)) is not None:
                return outcome
            work = asyncio.create_task(self._undo(request))
            await uninterrupted(self._until_overtaken(work))
        if work.done():
            return work.result()
        newer = self._desk.overtaken_by
        assert newer is not None
        replaced = superseded(request, newer).model_copy(update={"generation": self._generation})
        return await self._stop(work) or replaced

    async def _until_overtaken(self, work: "asyncio.Task[Outcome]") -> None:
        """Until the work is done, or something newer takes its place."""
        raise NotImplementedError

    async def _stop(self, work: "asyncio.Task[Outcome]") -> Outcome | None:
        """None, or the outcome if there is one in spite of it. The flag counts, not the cancellation: an activity that completes all the
        same would let the attempt go on."""
        self._halted = True
        work.cancel()
        try:
            with suppress(HaltedError, asyncio.CancelledError, ActivityError):
                return await uninterrupted(work)
            return None
        finally:
            self._halted = False

    async def _claim_and_attempt(self, request: Request) -> Outcome:
        admitted: Claimable | Outcome | None = None
        claim: Claim | None = None
        try:
            self._story.begin(request, title_of(request))
            admitted = await self._admit(request)
            if isinstance(admitted, Outcome):
                return admitted
            claim = await self._claim(admitted)
            if not claim.accepted:
                return self._declined(request, claim.note, claim.current)
            outcome = await self._attempt(admitted, claim)
        except (NotReadyError, ActivityError) as error:
            if self._halted:
                raise HaltedError from error
            outcome = self._outcome(request, "failed", diagnosis=explain(error))
            if claim is not None and not isinstance(admitted, Outcome | None):
                outcome = await self._failed(outcome, admitted, claim)
        if self._halted:
            raise HaltedError
        return await self._keep(self._remarked(outcome), good=admitted if isinstance(admitted, Deployment) else None)

    def _remarked(self, outcome: Outcome) -> Outcome:
        """With what the caller should know of how the request was understood."""
        return outcome

    async def _failed(self, failed: Outcome, request: Claimable, claim: Claim) -> Outcome:  # noqa: ARG002 (for those who do more)
        """What follows from the failure of an accepted request, and its final verdict."""
        return failed

    async def _claim(self, request: Claimable, after: int | None = None) -> Claim:
        """With `after`, work that has ended under that generation goes on under the next one."""
        with self._step("claim"):
            claiming = Claiming(namespace=self._namespace, request=request, after=after)
            claim = await workflow.execute_activity_method(RecordActivities.claim, claiming, **QUICK, summary=f"claim {self._namespace}")
        if claim.accepted:
            self._generation, self._urls = claim.generation, claim.urls
            self._story.accept(request)
        return claim

    def _declined(self, request: Request, why: str, current: Outcome | None) -> Outcome:
        """A newer request had been accepted before: operators are shown how the preview really is."""
        self._show(current)
        return self._outcome(request, "superseded", note=why)

    def _show(self, current: Outcome | None) -> None:
        if current is not None:
            self._desk.remember(current)
            self._story.show(current)

    async def _extend(self, request: ExtendRequest) -> Outcome:
        """Neither an attempt nor stopped by one: it changes the record and the namespace's annotations, and nothing that runs."""
        claiming = Claiming(namespace=self._namespace, request=request)
        try:
            claim = await workflow.execute_activity_method(RecordActivities.extend, claiming, **QUICK, summary=title_of(request))
        except ActivityError as error:
            return self._outcome(request, "failed", diagnosis=explain(error))
        if not claim.accepted or claim.current is None:
            return self._declined(request, claim.note, claim.current)
        self._story.show(claim.current)
        return claim.current

    async def _keep(self, outcome: Outcome, good: Deployment | None = None) -> Outcome:
        """Writes the outcome into the record, where it outlives the namespace. Callers learn it even when that fails."""
        settlement = Settlement(
            namespace=self._namespace,
            outcome=outcome,
            requested_at=self._desk.newest_time,
            good=good if outcome.state == "ready" else None,
        )
        try:
            await workflow.execute_activity_method(RecordActivities.settle, settlement, **QUICK, summary=f"record: {outcome.state}")
        except ActivityError as error:
            if self._halted:
                raise HaltedError from error
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
