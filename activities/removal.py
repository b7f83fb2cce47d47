"""Taking a stack's namespace away, and proving that it is gone."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final

from temporalio import activity

from activities.clock import Clock, utc_now
from activities.namespaces import when_settled
from gateways.cluster import Cluster
from gateways.kinds import label
from gateways.records import Records
from stack.errors import RejectedError, StillThereError
from stack.models import ReceiptItem, Removal
from stack.names import STACK_ROLE, Names
from stack.namespace import is_terminating, require_ours

GRACE: Final = timedelta(seconds=1)
"""The namespace controller begins after five seconds; pods that are gone by then cost no time."""
PATIENCE: Final = timedelta(seconds=30)
"""How long one try waits for the end before it says what holds it; Temporal tries again."""


class RemovalActivities:
    """Deletes the namespace with all it holds. Never reports gone what it did not see gone."""

    def __init__(self, cluster: Cluster, records: Records, clock: Clock = utc_now) -> None:
        self._cluster, self._records, self._clock = cluster, records, clock

    @activity.defn(name="delete_namespace")
    async def delete_namespace(self, removal: Removal) -> bool:
        """Asks for the deletion of the namespace, its Deployments and its pods (1 s of grace). False if there is none.

        Raises ForeignNamespaceError (nothing touched) or OutdatedError.
        """
        await self._records.confirm(Names(removal.namespace), removal.generation)
        namespace = await self._cluster.read("Namespace", removal.namespace)
        if namespace is None:
            return False
        require_ours(namespace, removal.request.repository)
        if not is_terminating(namespace):
            await self._cluster.delete("Namespace", removal.namespace, uid=namespace["metadata"]["uid"])
        await self._hurry(removal.namespace)
        return True

    @activity.defn(name="await_namespace_gone")
    async def await_namespace_gone(self, removal: Removal) -> ReceiptItem:
        """Returns when the namespace was seen gone. Raises StillThereError that names what holds it after half a minute; heartbeats."""
        info, name = activity.info(), label("Namespace", removal.namespace)
        existed = bool(info.heartbeat_details) or await self._cluster.read("Namespace", removal.namespace) is not None
        if await when_settled(self._cluster, removal.namespace, PATIENCE) is not None:
            raise StillThereError("waiting for the end of", obj=name, answer="it is not being deleted", remedy="was it made again?")
        seconds = (self._clock() - info.scheduled_time).total_seconds()
        return ReceiptItem(object=name, existed=existed, seen_gone=True, seconds=round(max(0.0, seconds), 3))

    async def _hurry(self, namespace: str) -> None:
        """Deletes Deployments and pods now instead of in five seconds. No failure: the namespace controller deletes them in any case."""
        if not await self._may_look_inside(namespace):
            return
        with suppress(RejectedError):
            await asyncio.gather(
                self._cluster.delete_all("Deployment", namespace),
                self._cluster.delete_all("Pod", namespace, grace=GRACE),
            )

    async def _may_look_inside(self, namespace: str) -> bool:
        """Half-built namespaces have no binding yet, half-removed ones no longer: without it the deployer has no rights there."""
        return await self._cluster.read("RoleBinding", STACK_ROLE, namespace) is not None
