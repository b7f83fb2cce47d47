"""Proves that a namespace is reported gone only when it was seen gone, and that foreign ones stay."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities import heartbeat
from activities import removal as removal_module
from activities.removal import RemovalActivities
from gateways.records import ClusterRecords
from stack.errors import ForeignNamespaceError, OutdatedError, RejectedError
from stack.models import ReceiptItem
from stack.names import STACK_ROLE
from tests.activities.conftest import accept, namespace
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import NOON, removal

pytestmark = pytest.mark.usefixtures("_accepted")


@pytest.fixture
def activities(cluster: FakeCluster, records: ClusterRecords) -> RemovalActivities:
    return RemovalActivities(cluster, records, clock=lambda: NOON)


def put_stack(cluster: FakeCluster) -> None:
    cluster.put(namespace())
    for kind, name in [("RoleBinding", STACK_ROLE), ("Deployment", "webapp"), ("Pod", "webapp-1")]:
        cluster.put({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "pr-1"}})


async def remove(activities: RemovalActivities, *details: str, generation: int = 1) -> ReceiptItem:
    """Runs the step as the try after one whose last heartbeat had these details."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, heartbeat_details=details)
    return await environment.run(activities.delete_namespace, removal(generation=generation))


async def test_gone_is_what_was_seen_gone(activities: RemovalActivities, cluster: FakeCluster) -> None:
    put_stack(cluster)
    item = await remove(activities)
    assert (item.object, item.existed, item.seen_gone, item.held_by) == ("Namespace pr-1", True, True, "")
    assert await cluster.read("Namespace", "pr-1") is None


async def test_namespace_and_workloads_are_deleted_together(activities: RemovalActivities, cluster: FakeCluster) -> None:
    put_stack(cluster)
    await remove(activities)
    assert cluster.calls[-3:] == ["delete Namespace pr-1", "delete Deployment pr-1/webapp", "delete Pod pr-1/webapp-1"]


async def test_what_was_never_there_is_said_so(activities: RemovalActivities) -> None:
    item = await remove(activities)
    assert (item.existed, item.seen_gone) == (False, True)


async def test_what_an_earlier_try_saw_has_existed(activities: RemovalActivities, cluster: FakeCluster) -> None:
    put_stack(cluster)
    environment, last = ActivityEnvironment(), list[tuple[str, ...]]()
    environment.on_heartbeat = lambda *details: last.append(details)
    await environment.run(activities.delete_namespace, removal())
    assert (await remove(activities, *last[-1])).existed
    assert not (await remove(activities, "removing Namespace pr-1")).existed


async def test_a_half_built_stack_goes_too(activities: RemovalActivities, cluster: FakeCluster) -> None:
    """Without the binding the deployer has no rights inside, and there is nothing inside."""
    cluster.put(namespace())
    assert (await remove(activities)).existed
    assert cluster.calls[-1] == "delete Namespace pr-1"


async def test_one_that_is_going_is_not_deleted_again(activities: RemovalActivities, cluster: FakeCluster) -> None:
    cluster.put(namespace(deletionTimestamp=NOON.isoformat(), finalizers=["x"]))
    asyncio.get_running_loop().call_later(0.1, cluster.take, "Namespace", "pr-1")
    assert (await remove(activities)).existed
    assert "delete Namespace pr-1" not in cluster.calls


@pytest.mark.parametrize("gap", [pytest.param(True, id="a try later"), pytest.param(False, id="while it is awaited")])
async def test_one_that_was_made_again_is_deleted_again(activities: RemovalActivities, cluster: FakeCluster, gap: bool) -> None:
    """As by a worker that had been cut off and still writes."""
    put_stack(cluster)
    if gap:
        await remove(activities)
        put_stack(cluster)
    else:
        cluster.namespace_takes_seconds = 60
        asyncio.get_running_loop().call_later(0.1, make_again, cluster)
    assert (await remove(activities)).existed
    assert cluster.calls.count("delete Namespace pr-1") == 2
    assert await cluster.read("Namespace", "pr-1") is None


def make_again(cluster: FakeCluster) -> None:
    cluster.namespace_takes_seconds = 0.05
    put_stack(cluster)


async def test_one_that_a_newer_request_made_stays(activities: RemovalActivities, cluster: FakeCluster, records: ClusterRecords) -> None:
    put_stack(cluster)
    cluster.namespace_takes_seconds = 60
    removing = asyncio.create_task(remove(activities))
    await asyncio.sleep(0.1)
    await accept(records, 2)
    make_again(cluster)
    with pytest.raises(OutdatedError):
        await removing
    assert cluster.calls.count("delete Namespace pr-1") == 1


async def test_a_right_that_is_gone_already_is_no_error(activities: RemovalActivities, cluster: FakeCluster) -> None:
    put_stack(cluster)
    cluster.fail("delete", "Pod", RejectedError("deleting"))
    assert (await remove(activities)).seen_gone


async def test_a_foreign_namespace_stays(activities: RemovalActivities, cluster: FakeCluster) -> None:
    cluster.put(namespace("other/app"))
    with pytest.raises(ForeignNamespaceError):
        await remove(activities)
    assert await cluster.read("Namespace", "pr-1") is not None


async def test_an_outdated_teardown_deletes_nothing(activities: RemovalActivities, cluster: FakeCluster, records: ClusterRecords) -> None:
    put_stack(cluster)
    await accept(records, 2)
    with pytest.raises(OutdatedError):
        await remove(activities)
    assert not [call for call in cluster.calls if call.startswith("delete")]


async def test_one_that_is_held_is_not_gone(activities: RemovalActivities, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal_module, "PATIENCE", timedelta(seconds=0.1))
    cluster.put(namespace(deletionTimestamp=NOON.isoformat(), finalizers=["example.com/stuck"]))
    item = await remove(activities)
    assert (item.existed, item.seen_gone) == (True, False)
    assert item.held_by == "finalizers on the namespace: example.com/stuck"


async def test_a_cluster_that_says_nothing_is_no_lost_worker(
    activities: RemovalActivities, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removal_module, "PATIENCE", timedelta(seconds=0.2))
    monkeypatch.setattr(heartbeat, "PERIOD_SECONDS", 0.01)
    cluster.silent = True
    environment, said = ActivityEnvironment(), list[str]()
    environment.on_heartbeat = said.append
    item = await environment.run(activities.delete_namespace, removal())
    assert (item.seen_gone, item.held_by) == (False, "the cluster has not said yet how it is")
    assert len(said) > 5
