"""Ten pull requests at once, and everything around them is killed, frozen or restarted. All reach their verdict, and nothing is left."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pytest

from tests.e2e import chaos
from tests.e2e.conftest import NUMBERS
from tests.e2e.platform import Preview, Result, pod_uids

PREVIEWS = 10


@pytest.fixture(scope="module")
def previews(images: list[str]) -> Iterator[list[Preview]]:
    made = [Preview(next(NUMBERS), images) for _ in range(PREVIEWS)]
    for preview in made:
        for container in preview.stack["webapp"]["containers"]:
            container["resources"] = {"memory": "128Mi", "cpu": "10m"}
        preview.stack["temporal"]["worker"]["resources"] = {"memory": "128Mi", "cpu": "10m"}
    yield made
    with ThreadPoolExecutor(PREVIEWS) as pool:
        results = list(pool.map(lambda preview: preview.teardown(), made))
    assert [result for result in results if result.code != 0] == []


def in_parallel(work: Sequence[Callable[[], Result]], disturb: Callable[[], None], *, after: float) -> list[Result]:
    """Starts all, disturbs them after so many seconds, and waits for every verdict."""
    with ThreadPoolExecutor(PREVIEWS) as pool:
        running: list[Future[Result]] = [pool.submit(each) for each in work]
        time.sleep(after)
        assert not all(each.done() for each in running), "the disturbance came too late to disturb"
        disturb()
        return [each.result() for each in running]


def deploy_all(previews: Sequence[Preview], commit: str, disturb: Callable[[], None], *, after: float = 4) -> None:
    """Every caller hears that its own commit is ready."""
    for preview in previews:
        preview.stack["temporal"]["worker"].setdefault("env", {})["COMMIT"] = commit
    results = in_parallel([partial(preview.deploy, commit) for preview in previews], disturb, after=after)
    assert [result for result in results if result.code != 0] == []
    assert {result.outcome["sha"] for result in results} == {commit}
    for preview in previews:
        assert set(pod_uids(preview.namespace)) == {"webapp", "temporal"}


def test_the_worker_and_the_production_temporal_are_killed(previews: list[Preview]) -> None:
    def disturb() -> None:
        chaos.kill_program("worker")
        time.sleep(3)
        chaos.kill_program("temporal")

    deploy_all(previews, "aaaaaaa", disturb)


def test_the_cluster_s_api_is_killed_and_the_database_restarts(previews: list[Preview]) -> None:
    def disturb() -> None:
        chaos.kill_api_server()
        time.sleep(2)
        chaos.restart_database()

    deploy_all(previews, "bbbbbbb", disturb)


def test_the_worker_freezes_and_wakes_up_beside_another_one(previews: list[Preview]) -> None:
    """What it had begun, the other one has finished meanwhile: it writes too late, and nothing of it counts."""

    with chaos.second_worker():
        deploy_all(previews, "ccccccc", chaos.freeze_worker)


def test_the_previews_own_processes_are_killed(previews: list[Preview]) -> None:
    def disturb() -> None:
        assert chaos.kill_pods(preview.namespace for preview in previews)

    deploy_all(previews, "ddddddd", disturb)
