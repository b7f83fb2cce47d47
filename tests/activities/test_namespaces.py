"""Proves that a namespace becomes ours with all its rules, or is left alone."""

import asyncio
from base64 import b64decode
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities import heartbeat, namespaces
from activities.namespaces import NamespaceActivities
from gateways.records import ClusterRecords
from stack.errors import ForeignNamespaceError, OutdatedError, RejectedError, StillThereError
from stack.manifests.blueprint import Postgres
from stack.names import ANNOTATION_EXPIRES_AT, ANNOTATION_GENERATION, PULL_SECRET
from stack.settings import Settings
from tests.activities.conftest import HOME, accept, namespace
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import NOON, attempt

pytestmark = pytest.mark.usefixtures("_accepted")


@pytest.fixture
def activities(cluster: FakeCluster, records: ClusterRecords, settings: Settings, postgres: Postgres) -> NamespaceActivities:
    return NamespaceActivities(cluster, records, settings, postgres, clock=lambda: NOON)


def changes(cluster: FakeCluster) -> list[str]:
    """What was changed in the preview's namespace."""
    return [call for call in cluster.calls if f" {HOME}/" not in call]


async def test_the_namespace_is_made_first_and_gets_its_rules(activities: NamespaceActivities, cluster: FakeCluster) -> None:
    await ActivityEnvironment().run(activities.prepare_namespace, attempt())
    kinds = [call.split()[1] for call in changes(cluster)]
    assert kinds[0] == "Namespace"
    assert {"RoleBinding", "ResourceQuota", "LimitRange", "NetworkPolicy"} <= set(kinds[1:])
    made = await cluster.read("Namespace", "pr-1") or {}
    assert made["metadata"]["annotations"][ANNOTATION_GENERATION] == "1"
    assert made["metadata"]["annotations"][ANNOTATION_EXPIRES_AT] == (NOON + timedelta(hours=72)).isoformat()


async def test_once_more_is_once(activities: NamespaceActivities, cluster: FakeCluster) -> None:
    await ActivityEnvironment().run(activities.prepare_namespace, attempt())
    before = await cluster.list_objects("NetworkPolicy", "pr-1")
    await ActivityEnvironment().run(activities.prepare_namespace, attempt())
    assert await cluster.list_objects("NetworkPolicy", "pr-1") == before


async def test_the_nodes_get_the_registrys_credentials(
    cluster: FakeCluster, records: ClusterRecords, settings: Settings, postgres: Postgres, tmp_path: Path
) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"auths": {"registry.example.com": {"auth": "dTpw"}}, "credsStore": "desktop"}')
    knowing = settings.model_copy(update={"registry_credentials_file": file})
    activities = NamespaceActivities(cluster, records, knowing, postgres, clock=lambda: NOON)
    await ActivityEnvironment().run(activities.prepare_namespace, attempt())
    made = await cluster.read("Secret", PULL_SECRET, "pr-1") or {}
    assert made["type"] == "kubernetes.io/dockerconfigjson"
    kept = b64decode(made["data"][".dockerconfigjson"]).decode()
    assert kept == '{"auths": {"registry.example.com": {"auth": "dTpw"}}}', (
        "how this machine keeps its own credentials is nobody's business"
    )
    file.write_text('{"auths": {"registry.example.com": {"auth": "dTpxcQ=="}}}')
    await ActivityEnvironment().run(activities.prepare_namespace, attempt())
    renewed = await cluster.read("Secret", PULL_SECRET, "pr-1") or {}
    assert "dTpxcQ==" in b64decode(renewed["data"][".dockerconfigjson"]).decode()


@pytest.mark.parametrize(
    "existing",
    [
        pytest.param(namespace(labels={}), id="made by somebody else"),
        pytest.param(namespace("other/app"), id="of another repository"),
    ],
)
async def test_a_foreign_namespace_is_not_touched(
    activities: NamespaceActivities, cluster: FakeCluster, existing: dict[str, object]
) -> None:
    cluster.put(existing)
    with pytest.raises(ForeignNamespaceError):
        await ActivityEnvironment().run(activities.prepare_namespace, attempt())
    assert changes(cluster) == []


async def test_an_outdated_attempt_changes_nothing(activities: NamespaceActivities, cluster: FakeCluster, records: ClusterRecords) -> None:
    await accept(records, 2)
    with pytest.raises(OutdatedError):
        await ActivityEnvironment().run(activities.prepare_namespace, attempt(generation=1))
    assert changes(cluster) == []


async def test_a_namespace_that_is_going_is_awaited(activities: NamespaceActivities, cluster: FakeCluster) -> None:
    cluster.put(namespace(deletionTimestamp=NOON.isoformat(), finalizers=["example.com/slow"]))
    asyncio.get_running_loop().call_later(0.1, cluster.take, "Namespace", "pr-1")
    environment, said = ActivityEnvironment(), list[str]()
    environment.on_heartbeat = said.append
    await environment.run(activities.prepare_namespace, attempt())
    assert "Namespace pr-1 is still being deleted: finalizers on the namespace: example.com/slow" in said
    assert "deletionTimestamp" not in (await cluster.read("Namespace", "pr-1") or {})["metadata"]


async def test_what_holds_a_namespace_is_said_when_patience_ends(
    activities: NamespaceActivities, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespaces, "PATIENCE", timedelta(seconds=0.1))
    cluster.put(namespace(deletionTimestamp=NOON.isoformat(), finalizers=["example.com/stuck"]))
    with pytest.raises(StillThereError, match=r"example\.com/stuck"):
        await ActivityEnvironment().run(activities.prepare_namespace, attempt())
    assert changes(cluster) == []


async def test_a_cluster_that_says_nothing_is_no_lost_worker(
    activities: NamespaceActivities, cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespaces, "PATIENCE", timedelta(seconds=0.2))
    monkeypatch.setattr(heartbeat, "PERIOD_SECONDS", 0.01)
    cluster.silent = True
    environment, said = ActivityEnvironment(), list[str]()
    environment.on_heartbeat = said.append
    with pytest.raises(StillThereError, match="has not said yet"):
        await environment.run(activities.prepare_namespace, attempt())
    assert len(said) > 5


async def test_the_first_error_is_raised_as_it_is(activities: NamespaceActivities, cluster: FakeCluster) -> None:
    cluster.fail("apply", "LimitRange", RejectedError("applying", obj="LimitRange pr-1/a"))
    with pytest.raises(RejectedError, match="LimitRange"):
        await ActivityEnvironment().run(activities.prepare_namespace, attempt())
