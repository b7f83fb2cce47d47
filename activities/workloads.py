"""The workloads of a stack: applied, then awaited."""

from contextlib import aclosing

from temporalio import activity

from activities.applying import apply_all, prune
from activities.clock import Clock, utc_now
from activities.heartbeat import heartbeats
from activities.rollout import Rollout
from gateways.cluster import Cluster
from gateways.database import Databases
from gateways.kinds import label
from gateways.records import Records
from stack.diagnosis import Ready, Waiting
from stack.manifests import to_dict, workload_objects
from stack.manifests.blueprint import Postgres
from stack.models import Absence, Application, Attempt, Check
from stack.names import APP_SECRET, Names
from stack.network_address import Address
from stack.secrets import decoded, temporal_elsewhere
from stack.settings import Settings


class WorkloadActivities:
    """Applies both workloads and says when they are ready or why they never will be."""

    def __init__(
        self, cluster: Cluster, databases: Databases, records: Records, settings: Settings, postgres: Postgres, *, clock: Clock = utc_now
    ) -> None:
        """`postgres` is the server as pods see it."""
        self._cluster, self._databases, self._records = cluster, databases, records
        self._settings, self._postgres, self._clock = settings, postgres, clock

    @activity.defn(name="apply_stack")
    async def apply_stack(self, application: Application) -> None:
        """Deployments, Services, Ingress and configuration, by server-side apply; what only an older generation had goes.

        Raises OutdatedError, or SecretSourceError if the Secret leads to where no preview may go.
        """
        attempt, elsewhere = application.attempt, await self._elsewhere(application)
        address, ca = (self._postgres.host, self._postgres.port), self._postgres.ca
        objects = workload_objects(application, self._settings, database_ca=ca, database_address=address, elsewhere=elsewhere)
        manifests = [to_dict(each) for each in objects]
        await self._records.confirm(Names(attempt.namespace), attempt.generation)
        async with heartbeats(f"applying the workloads of {attempt.namespace}"):
            await apply_all(self._cluster, manifests, attempt.generation)
            await prune(self._cluster, attempt.namespace, attempt.generation, manifests)

    async def _elsewhere(self, application: Application) -> Address | None:
        """Read from the Secret: what a source of secrets says is in no payload, not even an address."""
        if not application.secrets.sets_temporal_address:
            return None
        namespace = application.attempt.namespace
        source = label("Secret", APP_SECRET, namespace)
        values = decoded(await self._cluster.read("Secret", APP_SECRET, namespace), source)
        return temporal_elsewhere(values, source, self._settings.production_addresses)

    @activity.defn(name="await_ready")
    async def await_ready(self, attempt: Attempt) -> Check:
        """Passed as soon as both workloads are ready, or the diagnosis; with when the temporal pod was away, either way.

        Heartbeats with a sentence about what it waits for, and with the absence: a later try goes on with it.
        """
        rollout = Rollout(self._cluster, self._databases, attempt, activity.info().scheduled_time, clock=self._clock, away=_seen_before())
        async with (
            heartbeats("looking at the workloads", rollout.away) as pulse,
            aclosing(self._cluster.follow(attempt.namespace)) as views,
        ):
            async for view in views:
                judgement = await rollout.judge(view)
                if not isinstance(judgement, Waiting):
                    return Check(diagnosis=None if isinstance(judgement, Ready) else judgement, temporal_away=rollout.away)
                if rollout.is_over:
                    break
                pulse.say(judgement.reason, rollout.away)
        return Check(diagnosis=await rollout.last_word(), temporal_away=rollout.away)


def _seen_before() -> Absence | None:
    """The absence in the heartbeats of an earlier try."""
    details = activity.info().heartbeat_details
    return Absence.model_validate(details[1]) if len(details) > 1 and details[1] else None
