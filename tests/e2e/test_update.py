"""An update that fails, or is cancelled, leaves what was good running; a first attempt leaves its evidence for a while, or nothing."""

import asyncio
import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Event
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from tests.e2e.conftest import NUMBERS, Leaving
from tests.e2e.platform import INGRESS, Footprint, Preview, Result, example_stack, kubectl, pod_uids, starter, staying_pods

GOOD, NEXT, LATER = "aaaaaaa1", "bbbbbbb2", "ccccccc3"
NO_IMAGE = "worker=localhost/no-such-image:1"
CRASH = ["python", "-c", "raise SystemExit('no such setting')"]


@pytest.fixture(scope="module")
def one(images: list[str], leaving: Leaving) -> Iterator[Preview]:
    """One pull request for all updates: each test begins by deploying what is good."""
    preview = Preview(next(NUMBERS), images)
    yield preview
    leaving.add(preview)


@pytest.fixture
def preview(one: Preview) -> Preview:
    one.stack = example_stack()
    return one


@dataclass
class Page:
    """What the page answered, asked again and again from outside."""

    commits: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self, host: str) -> None:
        try:
            answer = httpx.get(f"http://{INGRESS[0]}:{INGRESS[1]}/api/about", headers={"Host": host}, timeout=5)
            answer.raise_for_status()
            self.commits.append(answer.json()["commit"])
        except (httpx.HTTPError, ValueError) as error:
            self.failures.append(f"{datetime.now(UTC):%H:%M:%S.%f} {error!r}")


@contextmanager
def polled(preview: Preview) -> Iterator[Page]:
    """Asks for the page some twenty times a second, until the end of the block."""
    page, done = Page(), Event()

    def poll() -> None:
        while not done.wait(0.05):
            page.ask(preview.host)

    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(poll)
        try:
            yield page
        finally:
            done.set()
            polling.result()


def backend(preview: Preview) -> dict[str, Any]:
    container: dict[str, Any] = preview.stack["webapp"]["containers"][0]
    return container


def worker(preview: Preview) -> dict[str, Any]:
    process: dict[str, Any] = preview.stack["temporal"]["worker"]
    return process


def deployed(preview: Preview, sha: str = GOOD) -> Result:
    result = preview.deploy(sha)
    assert (result.code, result.outcome["state"]) == (0, "ready"), result
    return result


def runs_again(preview: Preview, result: Result, good: Result) -> None:
    """The good generation is what runs, what the page shows, and what the record calls good; the caller knows where."""
    outcome = result.outcome
    assert outcome["note"].endswith(
        f"generation {good.outcome['generation']} (commit {GOOD}) runs again as generation {outcome['generation']}"
    )
    assert outcome["urls"] == good.outcome["urls"], result
    assert outcome["expires_at"] >= good.outcome["expires_at"], result
    page = Page()
    page.ask(preview.host)
    assert page.commits == [GOOD], page
    pods = staying_pods(preview.namespace)
    assert {condition["status"] for pod in pods for condition in pod["status"]["conditions"] if condition["type"] == "Ready"} == {"True"}
    assert len(pods) == 2, [pod["metadata"]["name"] for pod in pods]
    assert recorded(preview)["good"]["request"]["commit"] == GOOD


def recorded(preview: Preview) -> dict[str, Any]:
    """The record, as it is kept."""
    text = kubectl("get", "configmap", f"record-{preview.namespace}", "-n", "temporal-previews", "-o", "jsonpath={.data.record}")
    record: dict[str, Any] = json.loads(text)
    return record


def failed(result: Result, category: str) -> dict[str, Any]:
    assert (result.code, result.outcome["state"]) == (1, "failed"), result
    diagnosis: dict[str, Any] = result.outcome["diagnosis"]
    assert diagnosis["category"] == category, result
    return diagnosis


def test_an_image_that_does_not_exist_stops_nothing(preview: Preview) -> None:
    good = deployed(preview)
    before = pod_uids(preview.namespace)
    webapp = next(image for image in preview.images if image.startswith("webapp="))
    with polled(preview) as page:
        result = preview.deploy(NEXT, images=[webapp, NO_IMAGE])
    diagnosis = failed(result, "image-not-available")
    assert "python-worker" in diagnosis["object"]
    assert "localhost/no-such-image:1" in diagnosis["summary"]
    assert result.seconds < 15, result
    assert result.outcome["temporal_away"] is None
    assert pod_uids(preview.namespace) == before, "neither pod was touched"
    assert page.failures == []
    assert set(page.commits) == {GOOD}
    runs_again(preview, result, good)


def test_a_webapp_that_crashes_is_never_seen(preview: Preview) -> None:
    good = deployed(preview)
    before = pod_uids(preview.namespace)
    command = backend(preview)["command"]
    backend(preview)["command"] = CRASH
    with polled(preview) as page:
        result = preview.deploy(NEXT)
    failed(result, "container-crashes")
    assert page.failures == []
    assert set(page.commits) == {GOOD}
    assert pod_uids(preview.namespace) == before
    runs_again(preview, result, good)
    backend(preview)["command"] = command
    later = deployed(preview, LATER)
    assert later.outcome["temporal_away"] is None, "a commit of the webapp leaves Temporal alone"
    page.ask(preview.host)
    assert page.commits[-1] == LATER
    assert recorded(preview)["good"]["request"]["commit"] == LATER


def test_a_worker_that_crashes_goes_back_and_the_time_without_temporal_is_told(preview: Preview) -> None:
    good = deployed(preview)
    before = pod_uids(preview.namespace)
    worker(preview)["command"] = CRASH
    result = preview.deploy(NEXT)
    failed(result, "container-crashes")
    assert 0 < result.outcome["temporal_away"] < result.seconds, result
    runs_again(preview, result, good)
    assert pod_uids(preview.namespace)["temporal"] != before["temporal"]


def test_a_good_update_of_the_worker_tells_how_long_temporal_was_away_and_keeps_the_webapp(preview: Preview) -> None:
    assert deployed(preview).outcome["temporal_away"] is None, "nothing of it was changed"
    before = pod_uids(preview.namespace)
    worker(preview).setdefault("env", {})["TEA"] = "green"
    result = deployed(preview)
    assert 0 < result.outcome["temporal_away"] < result.seconds, result
    after = pod_uids(preview.namespace)
    assert after["temporal"] != before["temporal"]
    assert after["webapp"] == before["webapp"]
    status = starter("status", "--pr", str(preview.pr))
    assert "temporal was away" in status.out, status


def test_a_failed_first_attempt_says_until_when_its_evidence_is_kept(new_preview: Callable[[], Preview]) -> None:
    preview = new_preview()
    backend(preview)["command"] = CRASH
    result = preview.deploy(GOOD)
    failed(result, "container-crashes")
    until = datetime.fromisoformat(result.outcome["expires_at"])
    assert abs(until - datetime.now(UTC) - timedelta(hours=1)) < timedelta(minutes=2)
    assert f"is kept until {until:%Y-%m-%d %H:%M} UTC (failedTtl)" in result.outcome["note"], result
    annotations = annotations_of(preview)
    assert datetime.fromisoformat(annotations["previews.temporal.io/expires-at"]) == until
    assert set(pod_uids(preview.namespace)) == {"webapp", "temporal"}


def annotations_of(preview: Preview) -> dict[str, str]:
    """Of the namespace."""
    annotations: dict[str, str] = json.loads(kubectl("get", "namespace", preview.namespace, "-o", "json"))["metadata"]["annotations"]
    return annotations


def test_cancelling_a_first_attempt_removes_what_it_made(new_preview: Callable[[], Preview]) -> None:
    preview = new_preview()
    backend(preview)["readiness"] = {"path": "/no-such-page", "deadline": "2m"}
    result = cancelled(preview, GOOD, lambda: "webapp" in pod_uids(preview.namespace))
    assert result.outcome["note"].startswith("cancelled by an operator; "), result
    assert Footprint.now().of(preview.namespace) <= {preview.namespace}
    kubectl("wait", "--for=delete", f"namespace/{preview.namespace}", "--timeout=30s")


def test_cancelling_an_update_goes_back(preview: Preview) -> None:
    good = deployed(preview)
    before = pod_uids(preview.namespace)
    backend(preview)["readiness"] = {"path": "/no-such-page", "deadline": "2m"}
    with polled(preview) as page:
        result = cancelled(preview, NEXT, lambda: len(staying_pods(preview.namespace)) > 2)
    assert page.failures == []
    assert set(page.commits) == {GOOD}
    assert pod_uids(preview.namespace) == before
    runs_again(preview, result, good)


def cancelled(preview: Preview, sha: str, is_under_way: Callable[[], bool]) -> Result:
    """Deploys, and cancels the run as an operator does in temporal-ui once it is under way. What the caller was told."""
    with ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(preview.deploy, sha)
        give_up = time.monotonic() + 60
        while not is_under_way():
            assert time.monotonic() < give_up, "the attempt did not come so far"
            assert not deploying.done(), deploying.result()
            time.sleep(0.2)
        asyncio.run(cancel(preview))
        result = deploying.result()
    assert (result.code, result.outcome["state"]) == (1, "cancelled"), result
    return result


async def cancel(preview: Preview) -> None:
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"])
    await client.get_workflow_handle(f"preview/{preview.namespace}").cancel()
