"""Proves that a namespace is reported gone only when it was seen gone, and that foreign ones stay."""

from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities import removal as removal_module
from activities.removal import RemovalActivities
from gateways.records import ClusterRecords
from stack.errors import ForeignNamespaceError, OutdatedError, RejectedError, StillThereError
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


async def test_namespace_and_workloads_are_deleted_together(activities: RemovalActivities, cluster: FakeCluster) -> None:
    put_stack(cluster)
    assert await ActivityEnvironment().run(activities.delete_namespace, removal()) is True
    assert cluster.calls[-3:] == ["delete Namespace pr-1", "delete all Deployments of pr-1", "delete all Pods of pr-1"]


async def test_nothing_to_delete_is_no_error(activities: RemovalActivities) -> None:
    assert await ActivityEnvironment().run(activities.delete_namespace, removal()) is False


async def test_a_half_built_stack_goes_too(activities: RemovalActivities, cluster: FakeCluster) -> None:
    """Without the binding the deployer has no rights inside, and there is nothing inside."""
    cluster.put(namespace())
    assert await ActivityEnvironment().run(activities.delete_namespace, removal()) is True
    assert cluster.calls[-1] == "delete Namespace pr-1"


async def test_one_that_is_going_is_not_deleted_again(activities: RemovalActivities, cluster: FakeCluster) -> None:
    cluster.put(namespace(deletionTimestamp=NOON.isoformat(), finalizers=["x"]))
    assert await ActivityEnvironment().run(activities.delete_namespace, removal()) is True
    assert "delete Namespace pr-1" not in cluster.calls


async def test_a_right_that_is_gone_already_is_no_error(activities: RemovalActivities, cluster: FakeCluster) -> None:
    put_stack(cluster)
    cluster.fail("delete_all", "Pod", RejectedError("deleting"))
    assert await ActivityEnvironment().run(activities.delete_namespace, removal()) is True


async def test_a_foreign_namespace_stays(activities: RemovalActivities, cluster: FakeCluster) -> None:
    cluster.put(namespace("other/app"))
    with pytest.raises(ForeignNamespaceError):
        await ActivityEnvironment().run(activities.delete_namespace, removal())
    assert await cluster.read("Namespace", "pr-1") is not None


async def test_an_outdated_teardown_deletes_nothing(activities: RemovalActivities, cluster: FakeCluster, records: ClusterRecords) -> None:
    put_stack(cluster)
    await accept(records, 2)
    with pytest.raises(OutdatedError):
        await ActivityEnvironment().run(activities.delete_namespace, removal(generation=1))
    assert not [call for call in cluster.calls if call.startswith("delete")]


async def test_gone_is_what_was_seen_gone(activities: RemovalActivities, cluster: FakeCluster) -> None:
    put_stack(cluster)
    await ActivityEnvironment().run(activities.delete_namespace, removal())
    item = await ActivityEnvironment().run(activities.await_namespace_gone, removal())
    assert (item.object, item.existed, item.seen_gone, item.held_by) == ("Namespace pr-1", True, True, "")
    assert await cluster.read("Namespace", "pr-1") is None


async def test_what_was_never_there_is_said_so(activities: RemovalActivities) -> None:
    item = await ActivityEnvironment().run(activities.await_namespace_gone, removal())
    assert (item.existed, item.seen_gone) == (False, True)


async def test_one_that_is_held_is_not_gone(activities: RemovalActivities, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal_module, "PATIENCE", timedelta(seconds=0.1))
    cluster.put(namespace(deletionTimestamp=NOON.isoformat(), finalizers=["example.com/stuck"]))
    with pytest.raises(StillThereError, match=r"finalizers on the namespace: example\.com/stuck"):
        await ActivityEnvironment().run(activities.await_namespace_gone, removal())


async def test_one_that_nobody_deletes_is_not_gone(activities: RemovalActivities, cluster: FakeCluster) -> None:
    cluster.put(namespace())
    with pytest.raises(StillThereError, match="not being deleted"):
        await ActivityEnvironment().run(activities.await_namespace_gone, removal())
