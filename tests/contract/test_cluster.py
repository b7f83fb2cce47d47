"""Proves that our fake cluster and a real one do the same where this project relies on it. `real` needs `source .local/env`."""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateways.cluster import Cluster, Object
from gateways.kubernetes_cluster import KubernetesCluster
from stack.errors import ConflictError, RejectedError
from stack.manifests.namespace import POD_SECURITY
from stack.names import ANNOTATION_REPOSITORY, DEPLOYER, MANAGED_BY, MANAGER, STACK_ROLE
from stack.namespace import held_by, is_terminating
from tests.confinement import deployer_may_use
from tests.fakes.cluster import FakeCluster

DEPLOYERS = "PLATFORM_DEPLOYER_KUBECONFIG"
ADMINS = "KUBECONFIG"
HOME = "temporal-previews"
RBAC = "rbac.authorization.k8s.io"


@asynccontextmanager
async def real_cluster(kubeconfig: str = DEPLOYERS) -> AsyncIterator[KubernetesCluster]:
    """As the worker's own service account, so that a right that is missing fails here."""
    assert kubeconfig in os.environ, "the real cluster is not named: `make up`, then `source .local/env`"
    cluster = await KubernetesCluster.connect(Path(os.environ[kubeconfig]))
    try:
        yield cluster
    finally:
        await cluster.close()


@pytest.fixture(scope="module")
def admitted() -> Iterator[None]:
    """The policy of the real cluster admits the names of this ring, which no clean-up takes for a preview's."""
    with deployer_may_use("contract"):
        yield


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.e2e)])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    if request.param == "fake":
        yield FakeCluster()
        return
    request.getfixturevalue("admitted")
    async with real_cluster() as cluster:
        yield cluster


@pytest.fixture
async def namespace(cluster: Cluster) -> AsyncIterator[str]:
    """A throw-away namespace in which the deployer has its rights; gone, or on its way, afterwards."""
    name = f"contract-{secrets.token_hex(4)}"
    await cluster.apply(namespace_manifest(name))
    await cluster.apply(binding(name))
    yield name
    await cluster.delete("Namespace", name)


def namespace_manifest(name: str) -> Object:
    labels, annotations = {MANAGED_BY: MANAGER, **POD_SECURITY}, {ANNOTATION_REPOSITORY: "contract/test"}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels, "annotations": annotations}}


def binding(namespace: str) -> Object:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": STACK_ROLE, "namespace": namespace},
        "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": STACK_ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": DEPLOYER, "namespace": HOME}],
    }


def config(namespace: str, name: str = "a", labels: dict[str, str] | None = None, **data: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def deployment(namespace: str, replicas: int = 0) -> Object:
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": "registry.test/none:1"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace}, "spec": spec}


async def test_apply_makes_and_changes(cluster: Cluster, namespace: str) -> None:
    await cluster.apply(config(namespace, key="one"))
    await cluster.apply(config(namespace, key="two"))
    assert (await cluster.read("ConfigMap", "a", namespace) or {})["data"] == {"key": "two"}


async def test_apply_takes_back_what_it_no_longer_names(cluster: Cluster, namespace: str) -> None:
    await cluster.apply(config(namespace, labels={"a": "1", "b": "2"}, one="1", two="2"))
    await cluster.apply(config(namespace, labels={"b": "2"}, two="2"))
    found = await cluster.read("ConfigMap", "a", namespace) or {}
    assert (found["metadata"]["labels"], found["data"]) == ({"b": "2"}, {"two": "2"})


async def test_apply_of_a_deployment_twice_changes_nothing(cluster: Cluster, namespace: str) -> None:
    await cluster.apply(deployment(namespace))
    once = await cluster.read("Deployment", "web", namespace) or {}
    await cluster.apply(deployment(namespace))
    again = await cluster.read("Deployment", "web", namespace) or {}
    assert (again["metadata"]["uid"], again["spec"]) == (once["metadata"]["uid"], once["spec"])
    assert again["metadata"].get("generation") == once["metadata"].get("generation")


async def test_apply_into_no_namespace_is_rejected(cluster: Cluster) -> None:
    with pytest.raises(RejectedError, match="not found"):
        await cluster.apply(binding("contract-none"))


async def test_apply_refuses_another_object_of_that_name(cluster: Cluster, namespace: str) -> None:
    await cluster.apply(config(namespace, key="one"))
    for precondition in ("uid", "resourceVersion"):
        manifest = config(namespace, key="two")
        manifest["metadata"][precondition] = "1"
        with pytest.raises(ConflictError):
            await cluster.apply(manifest)


async def test_create_leaves_what_is_there(cluster: Cluster, namespace: str) -> None:
    assert await cluster.create(config(namespace, key="first")) is True
    assert await cluster.create(config(namespace, key="second")) is False
    assert (await cluster.read("ConfigMap", "a", namespace) or {})["data"] == {"key": "first"}


async def test_what_is_not_there_is_none(cluster: Cluster, namespace: str) -> None:
    assert await cluster.read("ConfigMap", "none", namespace) is None
    assert await cluster.read("Namespace", "contract-none") is None
    assert await cluster.delete("ConfigMap", "none", namespace) is False
    assert await cluster.annotate("ConfigMap", "none", {"a": "1"}, namespace) is False


async def test_list_by_label(cluster: Cluster, namespace: str) -> None:
    await cluster.apply(config(namespace, "a", {"team": "x", "tier": "1"}))
    await cluster.apply(config(namespace, "b", {"team": "y"}))
    for selector, names in [("team=x", ["a"]), ("team=x,tier=1", ["a"]), ("team=z", [])]:
        found = await cluster.list_objects("ConfigMap", namespace, selector=selector)
        assert [(item["kind"], item["metadata"]["name"]) for item in found] == [("ConfigMap", name) for name in names]


@pytest.fixture
async def record(cluster: Cluster) -> AsyncIterator[dict[str, Any]]:
    """A ConfigMap in the home namespace, where the deployer keeps the records."""
    name = f"contract-{secrets.token_hex(4)}"
    if isinstance(cluster, FakeCluster):
        cluster.put(namespace_manifest(HOME))
    await cluster.create(config(HOME, name, {MANAGED_BY: MANAGER}, key="one"))
    yield dict(await cluster.read("ConfigMap", name, HOME) or {})
    await cluster.delete("ConfigMap", name, HOME)


async def test_replace_refuses_an_old_version(cluster: Cluster, record: dict[str, Any]) -> None:
    written = await cluster.replace({**record, "data": {"key": "two"}})
    assert written["metadata"]["resourceVersion"] != record["metadata"]["resourceVersion"]
    with pytest.raises(ConflictError):
        await cluster.replace({**record, "data": {"key": "three"}})


async def test_replace_of_what_is_gone_is_a_conflict(cluster: Cluster, record: dict[str, Any]) -> None:
    await cluster.delete("ConfigMap", record["metadata"]["name"], HOME)
    with pytest.raises(ConflictError):
        await cluster.replace(record)


async def test_delete_refuses_another_object_of_that_name(cluster: Cluster, namespace: str) -> None:
    await cluster.create(config(namespace))
    with pytest.raises(ConflictError):
        await cluster.delete("ConfigMap", "a", namespace, uid="00000000-0000-0000-0000-000000000000")
    uid = (await cluster.read("ConfigMap", "a", namespace) or {})["metadata"]["uid"]
    assert await cluster.delete("ConfigMap", "a", namespace, uid=uid) is True
    assert await cluster.read("ConfigMap", "a", namespace) is None


async def test_delete_refuses_what_has_changed_since_it_was_looked_at(cluster: Cluster, namespace: str) -> None:
    await cluster.create(config(namespace))
    seen = (await cluster.read("ConfigMap", "a", namespace) or {})["metadata"]
    await cluster.annotate("ConfigMap", "a", {"generation": "2"}, namespace)
    with pytest.raises(ConflictError):
        await cluster.delete("ConfigMap", "a", namespace, uid=seen["uid"], version=seen["resourceVersion"])
    now = (await cluster.read("ConfigMap", "a", namespace) or {})["metadata"]
    assert await cluster.delete("ConfigMap", "a", namespace, uid=now["uid"], version=now["resourceVersion"]) is True


async def test_an_annotation_is_set_and_taken_away_and_the_rest_stays(cluster: Cluster, namespace: str) -> None:
    await cluster.apply(config(namespace, labels={"team": "x"}, key="kept"))
    await cluster.annotate("ConfigMap", "a", {"one": "1", "two": "2"}, namespace)
    await cluster.annotate("ConfigMap", "a", {"one": None, "two": "3"}, namespace)
    found = await cluster.read("ConfigMap", "a", namespace) or {}
    assert (found["metadata"]["annotations"], found["metadata"]["labels"], found["data"]) == ({"two": "3"}, {"team": "x"}, {"key": "kept"})


async def test_follow_shows_what_is_there_and_what_comes(cluster: Cluster, namespace: str) -> None:
    async with asyncio.timeout(10), aclosing(cluster.follow(namespace)) as views:
        assert (await anext(views)).deployments == []
        await cluster.apply(deployment(namespace))
        async for view in views:
            if [item["metadata"]["name"] for item in view.deployments] == ["web"]:
                break
    assert [item["metadata"]["name"] for item in (await cluster.view(namespace)).deployments] == ["web"]


async def test_follow_comes_back_every_second(cluster: Cluster, namespace: str) -> None:
    async with asyncio.timeout(5), aclosing(cluster.follow(namespace)) as views:
        await anext(views)
        await anext(views)
        await anext(views)


async def test_a_namespace_is_watched_to_its_end(cluster: Cluster, namespace: str) -> None:
    async with asyncio.timeout(30), aclosing(cluster.watch("Namespace", namespace)) as states:
        first = await anext(states) or {}
        assert not is_terminating(first)
        assert await cluster.delete("Namespace", namespace, uid=first["metadata"]["uid"]) is True
        seen = [state async for state in until_gone(states)]
    assert any(state is not None and is_terminating(state) for state in seen)
    assert await cluster.read("Namespace", namespace) is None


async def until_gone(states: Any) -> AsyncIterator[Object | None]:
    async for state in states:
        yield state
        if state is None:
            return


async def test_nothing_can_be_made_in_a_namespace_that_is_going(cluster: Cluster, namespace: str) -> None:
    await cluster.delete("Namespace", namespace)
    with pytest.raises(ConflictError):
        await cluster.create(config(namespace, "b"))


async def test_a_log_that_is_not_there_is_empty(cluster: Cluster, namespace: str) -> None:
    assert await cluster.log_tail(namespace, "none", "main") == ""


@pytest.mark.e2e
async def test_an_unknown_field_is_rejected() -> None:
    async with real_cluster() as cluster:
        with pytest.raises(RejectedError, match="field not declared in schema"):
            await cluster.apply({**config(HOME), "dat": {}})


@pytest.mark.e2e
async def test_the_deployer_has_no_rights_in_other_namespaces() -> None:
    kinds = ("Secret", "Pod", "ConfigMap", "Deployment")
    async with real_cluster() as cluster:
        refused = await asyncio.gather(*(cluster.list_objects(kind, "kube-system") for kind in kinds), return_exceptions=True)
    assert [type(error) for error in refused] == [RejectedError] * len(kinds)
    assert "grant the deployer the right to list secrets" in str(refused[0])


@pytest.mark.e2e
@pytest.mark.usefixtures("admitted")
async def test_a_cluster_says_what_holds_a_namespace() -> None:
    name = f"contract-{secrets.token_hex(4)}"
    async with asyncio.timeout(30), real_cluster() as cluster, real_cluster(ADMINS) as admin:
        await admin.apply(namespace_manifest(name))
        held = config(name)
        held["metadata"]["finalizers"] = ["example.com/stuck"]
        await admin.apply(held)
        await cluster.delete("Namespace", name)
        async with aclosing(cluster.watch("Namespace", name)) as states:
            try:
                async for state in states:
                    assert state is not None, "gone although something held it"
                    if "example.com/stuck in 1 resource instances" in held_by(state):
                        break
            finally:
                await admin.apply(config(name))
            assert [state async for state in until_gone(states)][-1] is None
