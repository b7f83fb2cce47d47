"""Proves that a worker that was frozen in the middle of a write cannot undo what another has written meanwhile."""

from typing import Any

import pytest

from activities import applying
from activities.applying import apply_all, apply_as, prune
from gateways.cluster import Object
from stack.errors import ConflictError, OutdatedError, RejectedError
from stack.names import ANNOTATION_GENERATION, MANAGED_BY, MANAGER
from tests.activities.conftest import HOME
from tests.fakes.cluster import FakeCluster


def config(generation: int, value: str) -> dict[str, Any]:
    metadata = {"name": "a", "namespace": HOME, "annotations": {ANNOTATION_GENERATION: str(generation)}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": value}}


async def value(cluster: FakeCluster) -> str:
    found = await cluster.read("ConfigMap", "a", HOME)
    assert found is not None
    return str(found["data"]["key"])


async def test_a_newer_generation_writes_over_an_older_one_and_not_the_other_way_round(cluster: FakeCluster) -> None:
    await apply_as(cluster, config(1, "old"), 1)
    await apply_as(cluster, config(2, "new"), 2)
    with pytest.raises(OutdatedError, match="generation 2 has written it"):
        await apply_as(cluster, config(1, "old"), 1)
    assert await value(cluster) == "new"


class Racing(FakeCluster):
    """Somebody writes in between, as often as told."""

    def __init__(self, *writes: Object) -> None:
        super().__init__()
        self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
        self.put(config(1, "first"))
        self.writes = list(writes)

    async def apply(self, manifest: Object) -> None:
        if self.writes:
            self.put(self.writes.pop(0))
        await super().apply(manifest)


async def test_a_write_in_between_is_looked_at_again() -> None:
    cluster = Racing(config(1, "status"), config(1, "status again"))
    await apply_as(cluster, config(1, "mine"), 1)
    assert await value(cluster) == "mine"


async def test_a_newer_generation_in_between_wins() -> None:
    cluster = Racing(config(2, "newer"))
    with pytest.raises(OutdatedError):
        await apply_as(cluster, config(1, "mine"), 1)
    assert await value(cluster) == "newer"


async def test_what_changes_all_the_time_is_left_to_the_next_try() -> None:
    with pytest.raises(ConflictError):
        await apply_as(Racing(*[config(1, "status")] * applying.TRIES), config(1, "mine"), 1)


async def test_the_first_error_of_many_is_told(cluster: FakeCluster) -> None:
    cluster.fail("apply", "ConfigMap", RejectedError("applying", obj="ConfigMap a"))
    with pytest.raises(RejectedError):
        await apply_all(cluster, [config(1, "a")], 1)


def policy(name: str, generation: int, labels: dict[str, str] | None = None) -> dict[str, Any]:
    labels = {MANAGED_BY: MANAGER} if labels is None else labels
    metadata = {"name": name, "namespace": HOME, "labels": labels, "annotations": {ANNOTATION_GENERATION: str(generation)}}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata}


async def test_what_only_an_older_generation_had_goes(cluster: FakeCluster) -> None:
    for item in (policy("allow-internet", 1), policy("allow-dns", 2), policy("of-others", 0, labels={})):
        await cluster.create(item)
    await prune(cluster, HOME, 2, [policy("allow-dns", 2)])
    assert {item["metadata"]["name"] for item in await cluster.list_objects("NetworkPolicy", HOME)} == {"allow-dns", "of-others"}


async def test_what_a_lost_worker_has_written_over_the_newer_one_is_applied_again_and_not_taken_away(cluster: FakeCluster) -> None:
    await cluster.create(policy("allow-dns", 1))
    with pytest.raises(ConflictError, match="an older generation"):
        await prune(cluster, HOME, 2, [policy("allow-dns", 2)])
    assert await cluster.read("NetworkPolicy", "allow-dns", HOME)
