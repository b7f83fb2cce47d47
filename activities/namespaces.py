"""The namespace of a stack and the rules that hold in it."""

from temporalio import activity

from gateways.cluster import Cluster
from gateways.records import Records
from stack.models import Attempt
from stack.settings import Settings


class NamespaceActivities:
    """Makes the namespace ours, or refuses."""

    def __init__(self, cluster: Cluster, records: Records, settings: Settings) -> None:
        self._cluster, self._records, self._settings = cluster, records, settings

    @activity.defn(name="prepare_namespace")
    async def prepare_namespace(self, attempt: Attempt) -> None:
        """Namespace, rights, quota, limits and network rules. Awaits one that is being deleted; heartbeats meanwhile.

        Raises ForeignNamespaceError (nothing touched) or OutdatedError.
        """
        raise NotImplementedError
