"""Where activities begin: a cluster in which generation 1 of PR 1 is accepted and its namespace made."""

from gateways.records import ClusterRecords
from stack.models import Record
from stack.names import Names
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import NOON, REPOSITORY

HOME = "temporal-previews"


async def accepted_cluster(generation: int = 1) -> FakeCluster:
    cluster = FakeCluster()
    for namespace in (HOME, "pr-1"):
        cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    record = Record(pr=1, repository=REPOSITORY, generation=generation, kind="deploy", requested_at=NOON, state="running", changed_at=NOON)
    await ClusterRecords(cluster, HOME).advance(Names("pr-1"), record, after=None)
    return cluster
