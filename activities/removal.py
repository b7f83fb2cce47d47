"""Taking a stack's namespace away, and proving that it is gone."""

from temporalio import activity

from gateways.cluster import Cluster
from gateways.records import Records
from stack.models import ReceiptItem, Removal


class RemovalActivities:
    """Deletes the namespace with all it holds. Never reports gone what it did not see gone."""

    def __init__(self, cluster: Cluster, records: Records) -> None:
        self._cluster, self._records = cluster, records

    @activity.defn(name="survey")
    async def survey(self, removal: Removal) -> tuple[ReceiptItem, ...]:
        """What exists before the removal: the namespace and the workloads in it, each `existed` and not yet `seen_gone`."""
        raise NotImplementedError

    @activity.defn(name="delete_namespace")
    async def delete_namespace(self, removal: Removal) -> bool:
        """Asks for the deletion of the namespace, its Deployments and its pods (1 s of grace). False if there is none.

        Raises ForeignNamespaceError (nothing touched) or OutdatedError.
        """
        raise NotImplementedError

    @activity.defn(name="await_namespace_gone")
    async def await_namespace_gone(self, removal: Removal) -> ReceiptItem:
        """Returns when the namespace was seen gone. Raises StillThereError that names what holds it after half a minute; heartbeats."""
        raise NotImplementedError
