"""Proves how template databases are made by a Job: once, from nothing, and with its log when it fails."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from gateways.cluster import Object
from gateways.postgres_template import TemplateAccess
from gateways.template_job import JobTemplates, hopeless
from stack.errors import RejectedError, UnavailableError
from stack.manifests.blueprint import Postgres
from stack.settings import Settings
from tests.activities.world import HOME
from tests.fakes.cluster import FakeCluster

JOB = "template-1-32-2"


class Work:
    """The databases, and their lock: notes the order of what happens."""

    version = "1.32.2"

    def __init__(self) -> None:
        self.story: list[str] = []
        self.is_done = False
        self.lock = asyncio.Lock()

    async def exist(self, version: str) -> bool:
        return self.is_done

    @asynccontextmanager
    async def locked(self, version: str) -> AsyncIterator["Work"]:
        async with self.lock:
            yield self

    async def done(self) -> bool:
        return self.is_done

    async def begin(self) -> TemplateAccess:
        self.story.append("begin")
        return TemplateAccess("template_1_32_2", "a-password")

    async def finish(self) -> None:
        self.story.append("finish")
        self.is_done = True


class Frontend:
    def __init__(self, work: Work) -> None:
        self._work = work
        self.error: Exception | None = None

    async def register_namespace(self, address: str, name: str, retention: timedelta) -> None:
        if self.error:
            raise self.error
        self._work.story.append(f"register {name} at {address}")


class RunningCluster(FakeCluster):
    """Starts the Job's pod when the Job is applied, and ends it with the Job."""

    containers: Sequence[Object] = ()
    ready = True

    async def apply(self, manifest: Object) -> None:
        await super().apply(manifest)
        if manifest["kind"] == "Job":
            self.put(self.pod(manifest["metadata"]["name"]))

    async def delete(self, kind: str, name: str, namespace: str | None = None, **options: Any) -> bool:
        if kind == "Job" and await self.read("Job", name, namespace):
            asyncio.get_running_loop().call_later(0.05, self.take, "Pod", f"{name}-x", HOME)
        return await super().delete(kind, name, namespace, **options)

    def pod(self, job: str) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"{job}-x", "namespace": HOME, "labels": {"batch.kubernetes.io/job-name": job}},
            "status": {
                "podIP": "10.1.1.1",
                "conditions": [{"type": "Ready", "status": str(self.ready)}],
                "initContainerStatuses": list(self.containers),
            },
        }


class Place:
    """A Templates with all it works with."""

    def __init__(self) -> None:
        self.work = Work()
        self.cluster = RunningCluster()
        self.cluster.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HOME}})
        self.frontend = Frontend(self.work)
        settings, postgres = Settings.from_env({}), Postgres("db.test", 5432, "PEM")
        self.templates = JobTemplates(self.work, self.cluster, self.frontend, settings, postgres)  # type: ignore[arg-type]

    async def left(self) -> list[str]:
        return [kind for kind in ("Job", "Pod", "Secret") if await self.cluster.list_objects(kind, HOME)]


@pytest.fixture
def place() -> Place:
    return Place()


async def test_from_nothing_and_then_never_again(place: Place) -> None:
    await place.templates.ensure("1.32.2")
    assert place.work.story == ["begin", "register default at 10.1.1.1:7233", "finish"]
    assert f"apply Job {HOME}/{JOB}" in place.cluster.calls
    assert await place.left() == []
    await place.templates.ensure("1.32.2")
    assert place.work.story.count("begin") == 1


async def test_two_at_once_make_it_once(place: Place) -> None:
    await asyncio.gather(place.templates.ensure("1.32.2"), place.templates.ensure("1.32.2"))
    assert place.work.story.count("begin") == 1


async def test_what_a_lost_worker_left_running_is_ended_before_the_databases_are_begun_again(place: Place) -> None:
    await place.cluster.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": JOB, "namespace": HOME}})
    await place.templates.ensure("1.32.2")
    assert place.cluster.calls.index(f"delete Job {HOME}/{JOB}") < place.cluster.calls.index(f"apply Secret {HOME}/{JOB}")
    assert await place.left() == []


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ({"name": "update-temporal", "restartCount": 2, "state": {}}, "failed 2 times: the last words"),
        ({"name": "update-temporal", "state": {"waiting": {"reason": "ErrImageNeverPull"}}}, "ErrImageNeverPull"),
    ],
)
async def test_a_job_that_cannot_work_shows_its_log_and_leaves_nothing(place: Place, status: dict[str, Any], words: str) -> None:
    place.cluster.ready, place.cluster.containers = False, (status,)
    place.cluster.logs[(HOME, f"{JOB}-x", "update-temporal", True)] = "the last words"
    with pytest.raises(RejectedError, match=f"container update-temporal.*{words}"):
        await place.templates.ensure("1.32.2")
    assert await place.left() == []
    assert not place.work.is_done


async def test_its_password_is_in_no_failure(place: Place) -> None:
    place.cluster.ready, place.cluster.containers = False, ({"name": "update-temporal", "restartCount": 2, "state": {}},)
    place.cluster.logs[(HOME, f"{JOB}-x", "update-temporal", True)] = "refused for template_1_32_2 with a-password"
    with pytest.raises(RejectedError, match=r"with \*\*\*") as caught:
        await place.templates.ensure("1.32.2")
    assert "a-password" not in str(caught.value)


@pytest.mark.parametrize(
    ("reason", "message", "expected"),
    [
        ("ErrImagePull", "dial tcp: i/o timeout", ""),
        ("ErrImagePull", "pull access denied", "ErrImagePull"),
        ("ErrImagePull", "docker.io/temporalio/server:9: not found", "ErrImagePull"),
        ("ImagePullBackOff", "Back-off pulling image", "ImagePullBackOff"),
        ("ContainerCreating", "", ""),
    ],
)
def test_one_failed_pull_is_hopeless_only_when_the_registry_refuses(reason: str, message: str, expected: str) -> None:
    assert hopeless({"name": "update-temporal", "state": {"waiting": {"reason": reason, "message": message}}}) == expected


async def test_a_server_that_does_not_answer_leaves_nothing_and_is_tried_again(place: Place) -> None:
    place.frontend.error = UnavailableError("connect")
    with pytest.raises(UnavailableError):
        await place.templates.ensure("1.32.2")
    assert await place.left() == []
    place.frontend.error = None
    await place.templates.ensure("1.32.2")
    assert place.work.is_done


async def test_cancelled_it_leaves_nothing(place: Place) -> None:
    place.cluster.ready = False
    making = asyncio.create_task(place.templates.ensure("1.32.2"))
    await asyncio.sleep(0.3)
    assert await place.left() == ["Job", "Pod", "Secret"]
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    assert await place.left() == []
