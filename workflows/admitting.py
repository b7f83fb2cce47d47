"""Asking whether deploys may be: before they are claimed, and before they stop what is under way."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.admission import AdmissionActivities
    from stack.admission import Admission, Admitting
    from stack.baton import Baton
    from stack.claims import Claimable
    from stack.models import DeployRequest, Outcome, Request, State
    from stack.stackfile_choice import as_given
    from workflows.concurrency import stop, uninterrupted
    from workflows.explaining import explain
    from workflows.owner import Owner
    from workflows.patches import ADMITS
    from workflows.policies import ASK


class Admissions:
    """What is known of the requests that asked to be let in, by their ids."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._known: dict[str, Admission] = {}

    def known(self, request: DeployRequest) -> Admission | None:
        """What has been found out already. A run that an older version began believes the caller."""
        return self._known.get(request.id) if workflow.patched(ADMITS) else as_given(request)

    async def ask(self, request: DeployRequest) -> Admission:
        """What could not be found out is refused. Raises ActivityError when it is cancelled."""
        try:
            admission = await workflow.execute_activity_method(
                AdmissionActivities.admit,
                Admitting(namespace=self._namespace, request=request),
                **ASK,
                summary=f"may commit {request.commit[:12]} be deployed?",
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            admission = Admission(refusal=explain(error))
        self._known[request.id] = admission
        return admission

    def forget_others(self, request: DeployRequest) -> None:
        """Every attempt asks anew."""
        self._known = {known: admission for known, admission in self._known.items() if known == request.id}


def turned_away(request: DeployRequest, admission: Admission) -> Outcome:
    """The outcome of a request that was not admitted. It has no generation: nothing was changed."""
    state: State = "superseded" if admission.superseded else "failed"
    return Outcome(
        request_id=request.id, state=state, pr=request.pr, sha=request.commit, diagnosis=admission.refusal, note=admission.superseded
    )


class Doorkeeper(Owner):
    """An owner whose requests are carried out only if they may be."""

    def __init__(self, baton: Baton) -> None:
        super().__init__(baton)
        self._admissions = Admissions(baton.namespace)

    async def _admit(self, request: Request) -> Claimable | Outcome:
        """What may not be deployed changes nothing: neither the record nor what runs."""
        assert isinstance(request, DeployRequest)
        self._admissions.forget_others(request)
        if (admission := self._admissions.known(request)) is None:
            with self._step("admit"):
                admission = await self._admissions.ask(request)
        if admission.request is not None:
            return admission.request
        if admission.current is None:
            self._story.enter("failed")
        self._show(admission.current)
        return turned_away(request, admission)

    def _admitted(self, request: Request) -> Claimable | None:
        assert isinstance(request, DeployRequest)
        admission = self._admissions.known(request)
        return None if admission is None else admission.request

    def _remarked(self, outcome: Outcome) -> Outcome:
        current = self._desk.current
        admission = self._admissions.known(current) if isinstance(current, DeployRequest) else None
        notes = [note for note in (admission.note if admission else "", outcome.note) if note]
        return outcome.model_copy(update={"note": "; ".join(notes)})

    async def _until_overtaken(self, work: "asyncio.Task[Outcome]") -> None:
        """A deploy gives way to whatever is newer. A newer deploy that may not be stops nothing: the work goes on while that is asked."""
        while True:
            await workflow.wait_condition(lambda: work.done() or self._desk.overtaken_by is not None)
            newer = self._desk.overtaken_by
            if work.done() or not isinstance(newer, DeployRequest):
                return
            admission = self._admissions.known(newer)
            if admission is None:
                await self._ask_about(newer, work)
            elif admission.request is None:
                self._desk.turn_away(newer, turned_away(newer, admission))
            else:
                return

    async def _ask_about(self, newer: DeployRequest, work: "asyncio.Task[Outcome]") -> None:
        """Until it is known whether it may be, or does not matter any more."""
        asking = asyncio.create_task(self._admissions.ask(newer))
        try:
            await workflow.wait_condition(lambda: asking.done() or work.done() or self._desk.overtaken_by is not newer)
        except asyncio.CancelledError:
            await uninterrupted(stop([asking]))
            raise
        if asking.done():
            asking.result()
        await stop([asking])
