"""The workloads of a stack: applied, then awaited."""

from temporalio import activity

from gateways.cluster import Cluster
from gateways.records import Records
from stack.models import Application, Attempt, Check
from stack.settings import Settings


class WorkloadActivities:
    """Applies both workloads and says when they are ready or why they never will be."""

    def __init__(self, cluster: Cluster, records: Records, settings: Settings) -> None:
        self._cluster, self._records, self._settings = cluster, records, settings

    @activity.defn(name="apply_stack")
    async def apply_stack(self, application: Application) -> None:
        """Deployments, Services, Ingress and configuration, by server-side apply. Raises OutdatedError."""
        raise NotImplementedError

    @activity.defn(name="await_ready")
    async def await_ready(self, attempt: Attempt) -> Check:
        """Passed as soon as both workloads are ready, or the diagnosis. Heartbeats with a sentence about what it waits for."""
        raise NotImplementedError
