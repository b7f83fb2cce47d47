"""Who owns a pull request: accepting requests, keeping how they ended, and until when a preview lives."""

from typing import Any

from temporalio import activity

from activities.clock import Clock, utc_now
from gateways.cluster import Cluster
from gateways.records import Records, Stored
from stack.addresses import urls_for
from stack.claims import Claiming, Settlement
from stack.errors import ForeignNamespaceError
from stack.extension import extended, told, unmet
from stack.models import Claim, Deployment, ExtendRequest, Good, Record
from stack.names import Names
from stack.namespace import expiry_annotations
from stack.ordering import accept, decide, go_on
from stack.settings import Settings


class RecordActivities:
    """Moves the record of a pull request forward."""

    def __init__(self, records: Records, cluster: Cluster, settings: Settings, clock: Clock = utc_now) -> None:
        self._records, self._cluster, self._settings, self._clock = records, cluster, settings, clock

    @activity.defn(name="claim")
    async def claim(self, claiming: Claiming) -> Claim:
        """Accepts the request unless a newer one was accepted before. The same request again gets the same generation again, or, where it
        goes on `after` one, always the next.

        Raises ForeignNamespaceError when the record belongs to another repository.
        """
        names, request = Names(claiming.namespace), claiming.request
        assert not isinstance(request, ExtendRequest)
        stored = await self._records.read(names)
        _refuse_foreign(claiming, stored)
        before = stored.record if stored else None
        after, now = claiming.after, self._clock()
        claim = decide(request, before, now) if after is None else go_on(request, before, after)
        if not claim.accepted:
            return claim.model_copy(update={"current": before.outcome if before else None})
        if before is None or claim.generation > before.generation:
            before = accept(request, claim, before, now)
            await self._records.advance(names, before, after=stored)
        urls = urls_for(request, self._settings) if isinstance(request, Deployment) else None
        return claim.model_copy(update={"urls": urls, "good": before.good, "expires_at": before.expires_at, "pinned": before.pinned})

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
        record = self._settled(settlement, stored.record)
        await self._records.advance(names, record, after=stored)
        await self._show_expiry(settlement.namespace, record)

    @activity.defn(name="extend")
    async def extend(self, claiming: Claiming) -> Claim:
        """Another expiry for the generation that the request names. `current` of the answer: how the preview is, and until when.

        Raises ForeignNamespaceError when the record belongs to another repository.
        """
        names, request = Names(claiming.namespace), claiming.request
        assert isinstance(request, ExtendRequest)
        stored = await self._records.read(names)
        if stored is None:
            return Claim(generation=0, accepted=False, note="nothing is known of this pull request: there is nothing to extend")
        _refuse_foreign(claiming, stored)
        if refusal := unmet(request, stored.record):
            return Claim(generation=stored.record.generation, accepted=False, note=refusal, current=stored.record.outcome)
        record = extended(stored.record, request, self._clock())
        await self._records.advance(names, record, after=stored)
        await self._show_expiry(claiming.namespace, record)
        return Claim(generation=record.generation, accepted=True, current=told(request, record))

    def _settled(self, settlement: Settlement, record: Record) -> Record:
        outcome = settlement.outcome
        newest = max(record.requested_at, settlement.requested_at or record.requested_at)
        ended: dict[str, Any] = {"state": outcome.state, "outcome": outcome, "requested_at": newest, "changed_at": self._clock()}
        if settlement.good is not None:
            ended["good"] = Good(request=settlement.good, generation=outcome.generation, urls=outcome.urls)
        if record.kind == "deploy" and outcome.expires_at is not None:
            ended["expires_at"] = outcome.expires_at
        return record.model_copy(update=ended)

    async def _show_expiry(self, namespace: str, record: Record) -> None:
        """On the namespace, for people. The record counts."""
        if record.kind == "deploy":
            await self._cluster.annotate("Namespace", namespace, expiry_annotations(record.expires_at, pinned=record.pinned))


def _refuse_foreign(claiming: Claiming, stored: Stored | None) -> None:
    """Names of repositories are compared as the forge does, without regard to case."""
    if stored is None or stored.record.repository.casefold() == claiming.request.repository.casefold():
        return
    raise ForeignNamespaceError(
        f"a request of {claiming.request.repository}:",
        obj=f"namespace {claiming.namespace}",
        answer=f"its record belongs to {stored.record.repository}",
        remedy="check the name of the repository; one installation serves one, or has {app} in PREVIEWS_NAMESPACE_TEMPLATE",
    )
