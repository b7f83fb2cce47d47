"""Requests as starter.py would send them, small and valid."""

from datetime import UTC, datetime, timedelta

from stack.models import Attempt, Deployment, Removal, TeardownRequest
from stack.stackfile import Container, Readiness, StackFile, Temporal, Webapp, Worker

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
REPOSITORY = "acme/shop"


def stack_file() -> StackFile:
    readiness = Readiness(path="/health")
    return StackFile(
        app="shop",
        host="pr-{pr}.preview.test",
        webapp=Webapp(containers=(Container(name="backend", image="web", port=8080, readiness=readiness),)),
        temporal=Temporal(server="1.32.2", worker=Worker(image="worker", task_queues=("default",))),
    )


def deploy(request_id: str = "d1", *, minutes: int = 0, commit: str = "abcdef1", repository: str = REPOSITORY, pr: int = 1) -> Deployment:
    """A deploy that the forge reported `minutes` after noon."""
    return Deployment(
        id=request_id,
        pr=pr,
        repository=repository,
        requested_at=NOON + timedelta(minutes=minutes),
        commit=commit,
        images={"web": "registry.test/web:1", "worker": "registry.test/worker:1"},
        stack=stack_file(),
    )


def teardown(request_id: str = "t1", *, minutes: int = 0, repository: str = REPOSITORY, pr: int = 1) -> TeardownRequest:
    return TeardownRequest(id=request_id, pr=pr, repository=repository, requested_at=NOON + timedelta(minutes=minutes))


def attempt(namespace: str = "pr-1", generation: int = 1, **request: str) -> Attempt:
    return Attempt(request=deploy(**request), namespace=namespace, generation=generation)  # type: ignore[arg-type]


def removal(namespace: str = "pr-1", generation: int = 1, **request: str) -> Removal:
    return Removal(request=teardown(**request), namespace=namespace, generation=generation)  # type: ignore[arg-type]
