"""The namespace of a stack and the rules that hold in it."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any, Final

from temporalio import activity

from activities.applying import apply_all, apply_as
from activities.clock import Clock, utc_now
from activities.heartbeat import Pulse, heartbeats
from gateways.cluster import Cluster, Object
from gateways.files import text_of
from gateways.records import Records
from stack.errors import StillThereError
from stack.manifests import claim_objects, to_dict
from stack.manifests.blueprint import Postgres
from stack.models import Attempt
from stack.names import Names
from stack.namespace import held_by, is_terminating, require_ours
from stack.registry import pull_secret
from stack.settings import PREFIX, Settings

PATIENCE: Final = timedelta(minutes=2)
"""How long one try waits for a namespace to go before it says what holds it; Temporal tries again."""
UNSEEN: Final = "the cluster has not said yet how it is"
"""What to say of a namespace when the patience ends and the API has not answered."""


class NamespaceActivities:
    """Makes the namespace ours, or refuses."""

    def __init__(self, cluster: Cluster, records: Records, settings: Settings, postgres: Postgres, clock: Clock = utc_now) -> None:
        self._cluster, self._records, self._settings = cluster, records, settings
        self._postgres, self._clock = postgres, clock

    @activity.defn(name="prepare_namespace")
    async def prepare_namespace(self, attempt: Attempt) -> None:
        """Namespace, rights, quota, limits, network rules and how to pull. Awaits one that is being deleted; heartbeats meanwhile.

        Raises ForeignNamespaceError (nothing touched) or OutdatedError.
        """
        async with heartbeats(f"looking for Namespace {attempt.namespace}") as pulse:
            existing = await when_settled(self._cluster, attempt.namespace, PATIENCE, pulse)
            namespace, *rules = self._build(attempt)
            if existing is not None:
                require_ours(existing, attempt.request.repository)
                namespace["metadata"]["uid"] = existing["metadata"]["uid"]
            await self._records.confirm(Names(attempt.namespace), attempt.generation)
            pulse.say(f"applying Namespace {attempt.namespace} and its rules")
            await apply_as(self._cluster, namespace, attempt.generation)
            await apply_all(self._cluster, rules, attempt.generation)

    def _build(self, attempt: Attempt) -> list[dict[str, Any]]:
        expires_at = attempt.expires_at or self._clock() + attempt.request.stack.ttl
        address, ca = (self._postgres.host, self._postgres.port), self._postgres.ca
        objects = claim_objects(attempt, self._settings, expires_at=expires_at, database_ca=ca, database_address=address)
        return [*(to_dict(item) for item in objects), *self._pull_secret(attempt)]

    def _pull_secret(self, attempt: Attempt) -> list[dict[str, Any]]:
        """Read anew each time, so renewed credentials are in use from the next deploy on."""
        file = self._settings.registry_credentials_file
        return [pull_secret(attempt, text_of(file, f"{PREFIX}REGISTRY_CREDENTIALS_FILE"))] if file else []


async def when_settled(cluster: Cluster, name: str, patience: timedelta, pulse: Pulse) -> Object | None:
    """The namespace once it is not being deleted any more; None when it is gone. Heartbeats with what holds it.

    Raises StillThereError that names what holds it when the patience is over.
    """
    held = UNSEEN
    try:
        async with asyncio.timeout(patience.total_seconds()), aclosing(cluster.watch("Namespace", name)) as states:
            async for namespace in states:
                if namespace is None or not is_terminating(namespace):
                    return namespace
                held = held_by(namespace)
                pulse.say(f"Namespace {name} is still being deleted: {held}")
    except TimeoutError:
        pass
    raise still_there(name, held)


def still_there(name: str, held: str) -> StillThereError:
    return StillThereError(
        "waiting for the end of", obj=f"Namespace {name}", answer=held, remedy="remove what holds it; this goes on by itself"
    )
