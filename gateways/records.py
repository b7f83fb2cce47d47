"""What is known of each pull request beyond the life of its namespace: one ConfigMap per record in the deployer's own namespace."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from gateways.cluster import Cluster, Object
from stack.errors import ConflictError, OutdatedError, RejectedError
from stack.models import Record
from stack.names import ANNOTATION_REPOSITORY, LABEL_PR, MANAGED_BY, MANAGER, Names

KEY = "record"
PREFIX = Names("").record
"""Of the names of all records."""


@dataclass(frozen=True)
class Stored:
    """A record and the version under which it was read."""

    record: Record
    version: str


@dataclass(frozen=True)
class Unreadable:
    """A record that is there and cannot be understood: nobody knows what it says, so nothing may follow from it."""

    why: str


class Records(Protocol):
    """Reads and moves records forward; a writer that read an old version gets ConflictError."""

    async def read(self, names: Names) -> Stored | None:
        """The record, or None for a pull request that was never seen."""

    async def advance(self, names: Names, record: Record, *, after: Stored | None) -> None:
        """Writes `record` in place of what was read as `after` (None: nothing). ConflictError if somebody else wrote in between."""

    async def all(self) -> Mapping[str, Stored | Unreadable]:
        """Namespace → its record, for all that are known."""

    async def forget(self, names: Names, stored: Stored) -> bool:
        """Removes the record as it was read. False if it is gone already; ConflictError if somebody wrote in between."""

    async def confirm(self, names: Names, generation: int) -> None:
        """OutdatedError unless `generation` is still the accepted one: called right before whatever changes the world."""


class ClusterRecords:
    """Records as ConfigMaps; compare-and-swap is the API's own resourceVersion."""

    def __init__(self, cluster: Cluster, home_namespace: str) -> None:
        self._cluster, self._home = cluster, home_namespace

    async def read(self, names: Names) -> Stored | None:
        config_map = await self._cluster.read("ConfigMap", names.record, self._home)
        if config_map is None:
            return None
        return Stored(_parse(config_map), config_map["metadata"]["resourceVersion"])

    async def advance(self, names: Names, record: Record, *, after: Stored | None) -> None:
        config_map = self._config_map(names, record)
        if after is not None:
            config_map["metadata"]["resourceVersion"] = after.version
            await self._cluster.replace(config_map)
        elif not await self._cluster.create(config_map):
            raise ConflictError("creating", obj=f"ConfigMap {self._home}/{names.record}", answer="somebody else made it in between")

    async def all(self) -> Mapping[str, Stored | Unreadable]:
        found = await self._cluster.list_objects("ConfigMap", self._home, selector=f"{MANAGED_BY}={MANAGER}")
        named = {config_map["metadata"]["name"]: config_map for config_map in found}
        return {name.removeprefix(PREFIX): _stored(config_map) for name, config_map in named.items() if name.startswith(PREFIX)}

    async def forget(self, names: Names, stored: Stored) -> bool:
        return await self._cluster.delete("ConfigMap", names.record, self._home, version=stored.version)

    async def confirm(self, names: Names, generation: int) -> None:
        stored = await self.read(names)
        accepted = 0 if stored is None else stored.record.generation
        if accepted != generation:
            raise OutdatedError(
                f"stopping generation {generation} of", obj=names.namespace, answer=f"generation {accepted} is the accepted one"
            )

    def _config_map(self, names: Names, record: Record) -> dict[str, Any]:
        metadata = {
            "name": names.record,
            "namespace": self._home,
            "labels": {MANAGED_BY: MANAGER, LABEL_PR: str(record.pr)},
            "annotations": {ANNOTATION_REPOSITORY: record.repository},
        }
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata,
            "data": {KEY: record.model_dump_json(by_alias=True, exclude_none=True)},
        }


def _stored(config_map: Object) -> Stored | Unreadable:
    try:
        return Stored(_parse(config_map), config_map["metadata"]["resourceVersion"])
    except RejectedError as error:
        return Unreadable(str(error))


def _parse(config_map: Object) -> Record:
    name = f"ConfigMap {config_map['metadata']['namespace']}/{config_map['metadata']['name']}"
    try:
        return Record.model_validate_json(config_map.get("data", {}).get(KEY, ""))
    except ValidationError as error:
        raise RejectedError(
            "reading",
            obj=name,
            answer=str(error),
            remedy="a newer version of this project wrote it, or somebody changed it: delete it if no run is open",
        ) from None
