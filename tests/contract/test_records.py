"""Proves on our fake cluster and a real one that records are kept, listed and forgotten. `real` needs `source .local/env`."""

import secrets
from collections.abc import AsyncIterator

import pytest

from gateways.cluster import Cluster
from gateways.records import ClusterRecords, Stored, Unreadable
from stack.errors import ConflictError
from stack.models import Record
from stack.names import MANAGED_BY, MANAGER, Names
from tests.contract.test_cluster import HOME, real_cluster
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import NOON, REPOSITORY


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.e2e)])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    if request.param == "fake":
        fake = FakeCluster()
        fake.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
        yield fake
        return
    async with real_cluster() as cluster:
        yield cluster


@pytest.fixture
async def names(cluster: Cluster) -> AsyncIterator[Names]:
    """Of a stack that no namespace template gives, so that no clean-up looks at its record."""
    names = Names(f"contract-{secrets.token_hex(4)}")
    yield names
    await cluster.delete("ConfigMap", names.record, HOME)


@pytest.fixture
def records(cluster: Cluster) -> ClusterRecords:
    return ClusterRecords(cluster, HOME)


def record(generation: int = 1) -> Record:
    return Record(pr=1, repository=REPOSITORY, generation=generation, kind="deploy", requested_at=NOON, state="gone", changed_at=NOON)


async def stored(records: ClusterRecords, names: Names) -> Stored:
    await records.advance(names, record(), after=None)
    found = await records.read(names)
    assert found is not None
    return found


async def test_all_are_listed_as_they_are_read(records: ClusterRecords, names: Names) -> None:
    found = await stored(records, names)
    assert (await records.all())[names.namespace] == found


async def test_one_that_cannot_be_read_does_not_hide_the_others(records: ClusterRecords, names: Names, cluster: Cluster) -> None:
    broken = Names(f"{names.namespace}-broken")
    await stored(records, names)
    metadata = {"name": broken.record, "namespace": HOME, "labels": {MANAGED_BY: MANAGER}}
    await cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"record": '{"pr": "x"}'}})
    try:
        listed = await records.all()
    finally:
        await cluster.delete("ConfigMap", broken.record, HOME)
    assert isinstance(listed[names.namespace], Stored)
    unreadable = listed[broken.namespace]
    assert isinstance(unreadable, Unreadable)
    assert broken.record in unreadable.why


async def test_a_record_is_forgotten_once(records: ClusterRecords, names: Names) -> None:
    found = await stored(records, names)
    assert await records.forget(names, found)
    assert await records.read(names) is None
    assert names.namespace not in await records.all()
    assert not await records.forget(names, found)


async def test_whoever_writes_in_between_wins_over_forgetting(records: ClusterRecords, names: Names) -> None:
    found = await stored(records, names)
    await records.advance(names, record(generation=2), after=found)
    with pytest.raises(ConflictError):
        await records.forget(names, found)
    kept = await records.read(names)
    assert kept is not None
    assert kept.record.generation == 2
