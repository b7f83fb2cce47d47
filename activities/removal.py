"""Taking a stack's namespace away, and proving that it is gone."""

import asyncio
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Final

from temporalio import activity

from activities.clock import Clock, utc_now
from activities.heartbeat import Pulse, heartbeats
from activities.namespaces import UNSEEN
from gateways.cluster import Cluster, Object
from gateways.kinds import identity, label
from gateways.records import Records
from stack.errors import ConflictError, RejectedError
from stack.models import ReceiptItem, Removal
from stack.names import STACK_ROLE, Names
from stack.namespace import held_by, is_terminating, require_ours

GRACE: Final = timedelta(seconds=1)
"""The namespace controller begins after five seconds; pods that are gone by then cost no time."""
HURRIED: Final = ("Deployment", "Pod")
"""Whose end takes long."""
PATIENCE: Final = timedelta(seconds=12)
"""How long one look waits for the end before it says what holds the namespace. Usually that takes six seconds; the workflow looks again."""
EXISTED: Final = "existed"
"""Goes with the heartbeats once the namespace was seen: a later try, which finds nothing, still reports that there was something."""


class RemovalActivities:
    """Deletes the namespace with all it holds. Never reports gone what it did not see gone."""

    def __init__(self, cluster: Cluster, records: Records, clock: Clock = utc_now) -> None:
        self._cluster, self._records, self._clock = cluster, records, clock

    @activity.defn(name="delete_namespace")
    async def delete_namespace(self, removal: Removal) -> ReceiptItem:
        """Deletes the namespace, again if it is made again meanwhile, and returns when it was seen gone, or after the patience with what
        holds it; heartbeats. Raises ForeignNamespaceError (nothing touched) or OutdatedError.
        """
        name = label("Namespace", removal.namespace)
        known = [word for word in activity.info().heartbeat_details if word == EXISTED]
        async with heartbeats(f"removing {name}", *known) as pulse:
            await self._records.confirm(Names(removal.namespace), removal.generation)
            existed, held = await self._until_gone(removal, pulse)
        seconds = (self._clock() - activity.info().scheduled_time).total_seconds()
        return ReceiptItem(
            object=name, existed=existed or bool(known), seen_gone=not held, seconds=round(max(0.0, seconds), 3), held_by=held
        )

    async def _until_gone(self, removal: Removal, pulse: Pulse) -> tuple[bool, str]:
        """Deletes each namespace of that name that it sees. Whether it saw one, and what holds it if it is still there."""
        held, seen = UNSEEN, set[str]()
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()), aclosing(self._cluster.watch("Namespace", removal.namespace)) as states:
                async for namespace in states:
                    if namespace is None:
                        return bool(seen), ""
                    held = held_by(namespace)
                    pulse.say(f"removing Namespace {removal.namespace}: {held}", EXISTED)
                    if (uid := namespace["metadata"]["uid"]) not in seen:
                        seen.add(uid)
                        await self._delete(removal, namespace)
        except TimeoutError:
            pass
        return bool(seen), held

    async def _delete(self, removal: Removal, namespace: Object) -> None:
        """The namespace as it was looked at, its Deployments and its pods (1 s of grace). Each by its UID: a worker that was frozen in
        between must not delete what a newer generation has made."""
        require_ours(namespace, removal.request.repository)
        if not is_terminating(namespace):
            await self._records.confirm(Names(removal.namespace), removal.generation)
            seen = namespace["metadata"]
            await self._cluster.delete("Namespace", removal.namespace, uid=seen["uid"], version=seen["resourceVersion"])
        await self._hurry(namespace)

    async def _hurry(self, namespace: Object) -> None:
        """Deletes Deployments and pods now instead of in five seconds. No failure: the namespace controller deletes them in any case.

        What was listed belongs to this namespace if it is still there afterwards, and not to one that has been made anew.
        """
        name = namespace["metadata"]["name"]
        if not await self._may_look_inside(name):
            return
        with suppress(RejectedError, ConflictError):
            held = await asyncio.gather(*(self._cluster.list_objects(kind, name) for kind in HURRIED))
            now = await self._cluster.read("Namespace", name)
            if now is not None and now["metadata"]["uid"] == namespace["metadata"]["uid"]:
                await asyncio.gather(*(self._delete_one(item) for items in held for item in items))

    async def _delete_one(self, item: Object) -> None:
        kind, name, namespace = identity(item)
        await self._cluster.delete(kind, name, namespace, uid=item["metadata"]["uid"], grace=GRACE if kind == "Pod" else None)

    async def _may_look_inside(self, namespace: str) -> bool:
        """Half-built namespaces have no binding yet, half-removed ones no longer: without it the deployer has no rights there."""
        return await self._cluster.read("RoleBinding", STACK_ROLE, namespace) is not None
