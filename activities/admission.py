"""The first step of a deploy: whether it may be, and with whose stack file. It changes nothing."""

from typing import Final

from temporalio import activity

from activities.clock import Clock, utc_now
from activities.heartbeat import heartbeats
from gateways.pull_requests import PullRequests
from gateways.records import Records
from stack.admission import Admission, Admitting, PullRequest, approvers, not_admitted, refusal, wants_approval
from stack.errors import RejectedError
from stack.models import DeployRequest, Record
from stack.names import Names
from stack.ordering import decide
from stack.settings import Settings
from stack.stackfile_choice import as_given, as_it_was_good, by_the_base

REMEDY: Final = "Give the worker a token for which the forge answers this question, then deploy again."


class AdmissionActivities:
    """Decides by stack/admission.py. Every try asks the forge anew."""

    def __init__(self, records: Records, settings: Settings, pull_requests: PullRequests | None = None, clock: Clock = utc_now) -> None:
        """Without a forge nothing is known of pull requests, and the caller is believed."""
        self._records, self._settings, self._pull_requests, self._clock = records, settings, pull_requests, clock

    @activity.defn(name="admit")
    async def admit(self, admitting: Admitting) -> Admission:
        """What comes too late is told so without asking anybody. Raises UnavailableError while the forge is away."""
        request = admitting.request
        if self._pull_requests is None:
            return as_given(request)
        async with heartbeats(f"asking the forge about pull request {request.pr}"):
            stored = await self._records.read(Names(admitting.namespace))
            return await self._after(stored.record if stored else None, admitting, self._pull_requests)

    async def _after(self, record: Record | None, admitting: Admitting, forge: PullRequests) -> Admission:
        """Time counts first; then what the clean-up brings back was admitted before."""
        request, current = admitting.request, record.outcome if record else None
        claim = decide(request, record, self._clock())
        if not claim.accepted:
            return Admission(superseded=claim.note, current=current)
        if request.condition is not None:
            return as_it_was_good(request, record)
        admission = await self._by_the_forge(admitting, forge)
        return admission if admission.request else admission.model_copy(update={"current": current})

    async def _by_the_forge(self, admitting: Admitting, forge: PullRequests) -> Admission:
        try:
            return await self._judged(admitting, forge)
        except RejectedError as error:
            return _refused(admitting.request, "The forge did not answer what had to be known.", REMEDY, str(error))

    async def _judged(self, admitting: Admitting, forge: PullRequests) -> Admission:
        request, settings = admitting.request, self._settings
        pull = await forge.pull_request(request.repository, request.pr)
        if pull is None:
            return _refused(request, "The forge knows no such pull request, or does not show it to this worker.", UNKNOWN)
        approver = await self._approver(pull, forge) if wants_approval(pull, settings) else ""
        if refused := refusal(pull, request.commit, approver, settings):
            return Admission(refusal=refused)
        file = await forge.base_file(pull, settings.stack_path)
        return by_the_base(request, pull, file, namespace=admitting.namespace, namespace_template=settings.namespace_template)

    async def _approver(self, pull: PullRequest, forge: PullRequests) -> str:
        """The first who may write, or empty."""
        for login in approvers(pull, await forge.reviews(pull)):
            if await forge.may_write(pull.repository, login):
                return login
        return ""


UNKNOWN: Final = "Check --repo and --pr, and that the worker's token may read the pull requests of this repository."


def _refused(request: DeployRequest, summary: str, resolution: str, detail: str = "") -> Admission:
    return Admission(refusal=not_admitted(request.repository, request.pr, summary, resolution, detail))
