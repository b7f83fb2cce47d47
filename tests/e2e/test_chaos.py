"""Ten pull requests at once, and everything around them is killed, frozen or restarted. All reach their verdict, and nothing is left."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.e2e import chaos
from tests.e2e.conftest import NUMBERS, Leaving
from tests.e2e.platform import Preview, Result, objects, pod_uids

HOME = "temporal-previews"
PREVIEWS = 10
BETWEEN_SECONDS = 3
"""From one blow to the next: long enough to come back from it, and to be at another step."""
WEBAPP_CPU, WORKER_CPU = "20m", "10m"
"""Ten stacks fit on two cores beside the control plane, and ten more webapp pods while an update replaces them. A pod's request is also its
share of a busy machine: with 10m a webapp was seen without a connection to its database for more than a minute."""
PATIENCE = "5m"
"""Ten previews start at once on a small machine."""


@pytest.fixture(scope="module")
def previews(images: list[str], leaving: Leaving) -> Iterator[list[Preview]]:
    leaving.settle()
    made = [Preview(next(NUMBERS), images) for _ in range(PREVIEWS)]
    for preview in made:
        for container in (*preview.stack["webapp"]["containers"], preview.stack["temporal"]["worker"]):
            container["resources"] = {"memory": "128Mi", "cpu": WORKER_CPU if "taskQueues" in container else WEBAPP_CPU}
            container["readiness"] = {**container.get("readiness", {}), "deadline": PATIENCE}
    yield made
    with ThreadPoolExecutor(PREVIEWS) as pool:
        results = list(pool.map(lambda preview: preview.teardown(), made))
    assert [result for result in results if result.code != 0] == []


def deploy_all(previews: Sequence[Preview], commit: str, disturb: Callable[[], None]) -> None:
    """Every caller hears that its own commit is ready, although they are disturbed in the middle of it."""
    for preview in previews:
        preview.stack["temporal"]["worker"].setdefault("env", {})["COMMIT"] = commit
    with ThreadPoolExecutor(PREVIEWS) as pool:
        running: list[Future[Result]] = [pool.submit(preview.deploy, commit) for preview in previews]
        wait_for_claims(previews, commit)
        assert not any(each.done() for each in running), "the disturbance came too late to disturb"
        disturb()
        results = [each.result() for each in running]
    assert [result for result in results if result.code != 0] == []
    assert {result.outcome["sha"] for result in results} == {commit}
    for preview in previews:
        assert set(pod_uids(preview.namespace)) == {"webapp", "temporal"}


def wait_for_claims(previews: Sequence[Preview], commit: str) -> None:
    """Until every request has reached the production Temporal and has been accepted."""
    until = time.monotonic() + 60
    while claimed(commit) < len(previews):
        assert time.monotonic() < until, f"only {claimed(commit)} requests were accepted"
        time.sleep(0.2)


def claimed(commit: str) -> int:
    records = (json.loads(each["data"]["record"]) for each in objects("configmaps", HOME) if "record" in each.get("data", {}))
    return sum(record.get("commit") == commit and record["state"] == "running" for record in records)


def test_everything_around_the_deploys_is_killed_one_after_the_other(previews: list[Preview]) -> None:
    def disturb() -> None:
        chaos.kill_program("worker")
        time.sleep(BETWEEN_SECONDS)
        chaos.kill_program("temporal")
        time.sleep(BETWEEN_SECONDS)
        chaos.kill_api_server()
        time.sleep(BETWEEN_SECONDS)
        chaos.restart_database()
        time.sleep(BETWEEN_SECONDS)
        chaos.kill_pods([preview.namespace for preview in previews])

    deploy_all(previews, "aaaaaaa", disturb)


def test_the_worker_freezes_and_wakes_up_beside_another_one(previews: list[Preview]) -> None:
    """What it had begun, the other one has finished meanwhile: it writes too late, and nothing of it counts."""
    with chaos.second_worker():
        deploy_all(previews, "ccccccc", chaos.freeze_worker)
