"""A cluster in memory with the deployer's home, and an accepted first generation of pull request 1."""

from typing import Any

import pytest

from gateways.records import ClusterRecords
from stack.manifests.blueprint import Postgres
from stack.models import Record
from stack.names import ANNOTATION_REPOSITORY, MANAGED_BY, MANAGER, Names
from stack.settings import Settings
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import NOON, REPOSITORY

HOME = "temporal-previews"


@pytest.fixture
def cluster() -> FakeCluster:
    cluster = FakeCluster()
    cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
    return cluster


@pytest.fixture
def records(cluster: FakeCluster) -> ClusterRecords:
    return ClusterRecords(cluster, HOME)


@pytest.fixture
def settings() -> Settings:
    return Settings.from_env({})


@pytest.fixture
def postgres() -> Postgres:
    return Postgres("postgres.test", 5432)


@pytest.fixture
async def _accepted(records: ClusterRecords) -> None:
    """Generation 1 of pull request 1 is the accepted one."""
    await accept(records, 1)


async def accept(records: ClusterRecords, generation: int) -> None:
    names = Names("pr-1")
    record = Record(pr=1, repository=REPOSITORY, generation=generation, kind="deploy", requested_at=NOON, state="running", changed_at=NOON)
    await records.advance(names, record, after=await records.read(names))


def namespace(repository: str = REPOSITORY, labels: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    """A namespace as a preview of that repository has it."""
    labels = {MANAGED_BY: MANAGER} if labels is None else labels
    more = {"labels": labels, "annotations": {ANNOTATION_REPOSITORY: repository}} | metadata
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "pr-1", **more}}
