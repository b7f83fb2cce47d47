"""What is known of each pull request beyond the life of its namespace: one ConfigMap per record in the deployer's own namespace."""

from dataclasses import dataclass
from typing import Protocol

from gateways.cluster import Cluster
from stack.models import Record
from stack.names import Names


@dataclass(frozen=True)
class Stored:
    """A record and the version under which it was read."""

    record: Record
    version: str


class Records(Protocol):
    """Reads and moves records forward; a writer that read an old version gets ConflictError."""

    async def read(self, names: Names) -> Stored | None:
        """The record, or None for a pull request that was never seen."""

    async def advance(self, names: Names, record: Record, *, after: Stored | None) -> None:
        """Writes `record` in place of what was read as `after` (None: nothing). ConflictError if somebody else wrote in between."""

    async def confirm(self, names: Names, generation: int) -> None:
        """OutdatedError unless `generation` is still the accepted one: called right before whatever changes the world."""


class ClusterRecords:
    """Records as ConfigMaps; compare-and-swap is the API's own resourceVersion."""

    def __init__(self, cluster: Cluster, home_namespace: str) -> None:
        self._cluster, self._home = cluster, home_namespace

    async def read(self, names: Names) -> Stored | None:
        raise NotImplementedError

    async def advance(self, names: Names, record: Record, *, after: Stored | None) -> None:
        raise NotImplementedError

    async def confirm(self, names: Names, generation: int) -> None:
        raise NotImplementedError
