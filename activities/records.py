"""Who owns a pull request: accepting requests and keeping how they ended."""

from temporalio import activity

from gateways.records import Records
from stack.models import Claim, Claiming, Settlement


class RecordActivities:
    """Moves the record of a pull request forward."""

    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn(name="claim")
    async def claim(self, claiming: Claiming) -> Claim:
        """Accepts the request unless a newer one was accepted before. The same request again gets the same generation again.

        Raises ForeignNamespaceError when the record belongs to another repository.
        """
        raise NotImplementedError

    @activity.defn(name="settle")
    async def settle(self, settlement: Settlement) -> None:
        """Keeps the outcome in the record, unless a newer request has been accepted since."""
        raise NotImplementedError
