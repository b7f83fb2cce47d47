"""Who owns a pull request: accepting requests and keeping how they ended."""

from temporalio import activity

from activities.clock import Clock, utc_now
from gateways.records import Records, Stored
from stack.addresses import urls_for
from stack.errors import ForeignNamespaceError
from stack.models import Claim, Claiming, DeployRequest, Record, Request, Settlement
from stack.names import Names
from stack.ordering import decide
from stack.settings import Settings


class RecordActivities:
    """Moves the record of a pull request forward."""

    def __init__(self, records: Records, settings: Settings, clock: Clock = utc_now) -> None:
        self._records, self._settings, self._clock = records, settings, clock

    @activity.defn(name="claim")
    async def claim(self, claiming: Claiming) -> Claim:
        """Accepts the request unless a newer one was accepted before. The same request again gets the same generation again.

        Raises ForeignNamespaceError when the record belongs to another repository.
        """
        names, request = Names(claiming.namespace), claiming.request
        stored = await self._records.read(names)
        _refuse_foreign(claiming, stored)
        claim = decide(request, stored.record if stored else None)
        if stored is not None and not claim.accepted:
            claim = claim.model_copy(update={"current": stored.record.outcome})
        if claim.accepted and (stored is None or claim.generation > stored.record.generation):
            await self._records.advance(names, self._accepted(request, claim), after=stored)
        urls = urls_for(request, self._settings) if isinstance(request, DeployRequest) else None
        return claim.model_copy(update={"urls": urls})

    @activity.defn(name="settle")
    async def settle(self, settlement: Settlement) -> None:
        """Keeps the outcome in the record, unless a newer request has been accepted since.

        What is older than the newest request that joined the accepted one is from now on too late as well.
        """
        names, outcome = Names(settlement.namespace), settlement.outcome
        stored = await self._records.read(names)
        if stored is None or stored.record.generation != outcome.generation:
            activity.logger.info("outcome %s of generation %d is not kept: it is outdated", outcome.state, outcome.generation)
            return
        newest = max(stored.record.requested_at, settlement.requested_at or stored.record.requested_at)
        ended = {"state": outcome.state, "outcome": outcome, "requested_at": newest, "changed_at": self._clock()}
        await self._records.advance(names, stored.record.model_copy(update=ended), after=stored)

    def _accepted(self, request: Request, claim: Claim) -> Record:
        return Record(
            pr=request.pr,
            repository=request.repository,
            generation=claim.generation,
            kind=request.kind,
            request_id=request.id,
            requested_at=request.requested_at,
            state="running",
            commit=request.commit if isinstance(request, DeployRequest) else None,
            changed_at=self._clock(),
        )


def _refuse_foreign(claiming: Claiming, stored: Stored | None) -> None:
    """Names of repositories are compared as the forge does, without regard to case."""
    if stored is None or stored.record.repository.casefold() == claiming.request.repository.casefold():
        return
    raise ForeignNamespaceError(
        f"claiming it for {claiming.request.repository}:",
        obj=f"namespace {claiming.namespace}",
        answer=f"its record belongs to {stored.record.repository}",
        remedy="let one installation serve one repository, or put {app} into PREVIEWS_NAMESPACE_TEMPLATE",
    )
