"""Proves that an update's new images are pulled by a pod that is gone afterwards, and that nothing is made where nothing is new."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.images import LIMIT, ImageActivities
from gateways.records import ClusterRecords
from stack.errors import OutdatedError, RejectedError, UnavailableError
from stack.manifests import to_dict, workload_objects
from stack.models import Application, Attempt, Category, Check, SecretsReport
from stack.settings import Settings
from tests.activities.conftest import accept, namespace
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import NOON, attempt

pytestmark = pytest.mark.usefixtures("_accepted")

NAME = "image-check-1"
OTHER = "registry.test/worker:2"
STARTED = {"imageID": "sha256:1f", "state": {"terminated": {"reason": "StartError", "exitCode": 128}}}
QUOTA = RejectedError("creating", obj=f"Pod pr-1/{NAME}", answer="403 exceeded quota: tight, requested: pods=1")
Json = dict[str, Any]


@dataclass
class Clock:
    """Time that passes only as a test says."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def activities(cluster: FakeCluster, records: ClusterRecords, settings: Settings, clock: Clock) -> ImageActivities:
    """With a live preview of the worker's first image."""
    cluster.put(namespace())
    application = Application(attempt=attempt(), secrets=SecretsReport())
    for obj in workload_objects(application, settings, database_ca=None, database_address=("postgres.test", 5432)):
        cluster.put(to_dict(obj))
    return ImageActivities(cluster, records, settings, clock)


def update(worker: str = OTHER) -> Attempt:
    """With this image for the worker."""
    wanted = attempt()
    return wanted.model_copy(update={"request": wanted.request.model_copy(update={"images": {**wanted.request.images, "worker": worker}})})


def environment(said: Callable[..., None] = lambda *_: None) -> ActivityEnvironment:
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, scheduled_time=NOON)
    environment.on_heartbeat = said
    return environment


def writes(cluster: FakeCluster) -> list[str]:
    return [call for call in cluster.calls if call.startswith(("create Pod", "delete Pod"))]


async def kubelet(cluster: FakeCluster, state: Json, phase: str = "Pending", *, after: str = "") -> Json:
    """Writes the state into the check's pod as soon as there is one (apart from the one of that UID). Returns the pod."""
    while (pod := await cluster.read("Pod", NAME, "pr-1")) is None or pod["metadata"]["uid"] == after:
        await asyncio.sleep(0.005)
    status = {"name": pod["spec"]["containers"][0]["name"], "imageID": "", "restartCount": 0, **state}
    cluster.set_status("Pod", NAME, {"phase": phase, "startTime": NOON.isoformat(), "containerStatuses": [status]}, "pr-1")
    return dict(pod)


async def checked(activities: ImageActivities, cluster: FakeCluster, state: Json, wanted: Attempt | None = None) -> Check:
    check, _ = await asyncio.gather(environment().run(activities.check_images, wanted or update()), kubelet(cluster, state))
    return check


async def test_where_nothing_is_new_nothing_is_written(activities: ImageActivities, cluster: FakeCluster) -> None:
    assert await environment().run(activities.check_images, attempt()) == Check()
    assert not writes(cluster)


async def test_without_a_live_temporal_pod_there_is_nothing_to_protect(activities: ImageActivities, cluster: FakeCluster) -> None:
    cluster.take("Deployment", "temporal", "pr-1")
    assert await environment().run(activities.check_images, update()) == Check()
    assert not writes(cluster)


async def test_a_new_image_is_pulled_and_the_pod_is_gone(activities: ImageActivities, cluster: FakeCluster) -> None:
    check, pod = await asyncio.gather(environment().run(activities.check_images, update()), kubelet(cluster, STARTED, "Failed"))
    assert check == Check()
    assert [(container["name"], container["image"]) for container in pod["spec"]["containers"]] == [("python-worker", OTHER)]
    assert writes(cluster) == [f"create Pod pr-1/{NAME}", f"delete Pod pr-1/{NAME}"]
    assert cluster.listeners == 0


async def test_an_image_that_cannot_be_had_is_told_and_the_pod_is_gone(activities: ImageActivities, cluster: FakeCluster) -> None:
    check = await checked(activities, cluster, {"state": {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}})
    assert check.diagnosis is not None
    assert (check.diagnosis.category, check.diagnosis.object) == (Category.IMAGE, f"Pod {NAME} container python-worker")
    assert OTHER in check.diagnosis.summary
    assert await cluster.read("Pod", NAME, "pr-1") is None


async def test_what_is_waited_for_is_said(activities: ImageActivities, cluster: FakeCluster) -> None:
    said: list[str] = []
    waiting = asyncio.create_task(environment(said.append).run(activities.check_images, update()))
    await kubelet(cluster, {"state": {"waiting": {"reason": "ContainerCreating"}}})
    await asyncio.sleep(0.1)
    await kubelet(cluster, STARTED)
    assert (await waiting).passed
    assert f"image {OTHER} is being pulled (ContainerCreating)" in said


async def test_an_outdated_attempt_makes_no_pod(activities: ImageActivities, cluster: FakeCluster, records: ClusterRecords) -> None:
    await accept(records, 2)
    with pytest.raises(OutdatedError):
        await environment().run(activities.check_images, update())
    assert not writes(cluster)


async def test_a_cancelled_check_takes_its_pod_away(activities: ImageActivities, cluster: FakeCluster) -> None:
    env = environment()
    waiting = asyncio.create_task(env.run(activities.check_images, update()))
    await kubelet(cluster, {"state": {"waiting": {"reason": "ContainerCreating"}}})
    env.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await cluster.read("Pod", NAME, "pr-1") is None
    assert cluster.listeners == 0


async def test_the_pod_of_a_killed_try_is_gone_on_with(activities: ImageActivities, cluster: FakeCluster) -> None:
    killed = asyncio.create_task(environment().run(activities.check_images, update()))
    left = await kubelet(cluster, STARTED)
    assert (await killed).passed
    cluster.put({**left, "status": {"containerStatuses": [{"name": "python-worker", **STARTED}]}})
    cluster.calls.clear()
    assert (await environment().run(activities.check_images, update())).passed
    assert writes(cluster) == [f"delete Pod pr-1/{NAME}"]


async def test_the_pod_of_an_earlier_generation_goes_first(activities: ImageActivities, cluster: FakeCluster) -> None:
    labels = {"app.kubernetes.io/component": "image-check"}
    cluster.put({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "image-check-0", "namespace": "pr-1", "labels": labels}})
    assert (await checked(activities, cluster, STARTED)).passed
    assert writes(cluster) == ["delete Pod pr-1/image-check-0", f"create Pod pr-1/{NAME}", f"delete Pod pr-1/{NAME}"]


async def test_an_evicted_pod_says_nothing_and_is_made_again(activities: ImageActivities, cluster: FakeCluster) -> None:
    waiting = asyncio.create_task(environment().run(activities.check_images, update()))
    evicted = await kubelet(cluster, {"state": {"waiting": {"reason": "ContainerCreating"}}}, "Failed")
    await kubelet(cluster, STARTED, after=evicted["metadata"]["uid"])
    assert (await waiting).passed
    assert writes(cluster) == [f"create Pod pr-1/{NAME}", f"delete Pod pr-1/{NAME}"] * 2


async def test_a_quota_without_room_is_told(activities: ImageActivities, cluster: FakeCluster) -> None:
    cluster.fail("create", "Pod", QUOTA)
    check = await environment().run(activities.check_images, update())
    assert check.diagnosis is not None
    assert (check.diagnosis.category, check.diagnosis.object) == (Category.QUOTA, f"Pod {NAME}")
    assert "exceeded quota: tight" in check.diagnosis.detail


async def test_room_that_is_being_made_is_waited_for(activities: ImageActivities, cluster: FakeCluster) -> None:
    leaving = {"name": "webapp-1", "namespace": "pr-1", "deletionTimestamp": NOON.isoformat()}
    cluster.put({"apiVersion": "v1", "kind": "Pod", "metadata": leaving})
    cluster.fail("create", "Pod", QUOTA)
    assert (await checked(activities, cluster, STARTED)).passed


@pytest.mark.parametrize("error", [RejectedError("creating", answer="403 grant the right"), UnavailableError("creating", answer="503")])
async def test_other_refusals_are_raised_as_they_are(
    activities: ImageActivities, cluster: FakeCluster, error: RejectedError | UnavailableError
) -> None:
    cluster.fail("create", "Pod", error)
    with pytest.raises(type(error)):
        await environment().run(activities.check_images, update())


async def test_a_pull_without_end_is_told_when_the_time_is_up(activities: ImageActivities, cluster: FakeCluster, clock: Clock) -> None:
    clock.now = NOON + LIMIT - timedelta(seconds=0.1)
    check = await checked(activities, cluster, {"state": {"waiting": {"reason": "ContainerCreating"}}})
    assert check.diagnosis is not None
    assert check.diagnosis.category is Category.DEADLINE
    assert OTHER in check.diagnosis.detail
    assert await cluster.read("Pod", NAME, "pr-1") is None
