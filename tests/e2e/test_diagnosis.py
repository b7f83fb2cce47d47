"""Each way a preview can fail is named, with what the server said or the log's last lines, and in time."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.conftest import NUMBERS, Leaving
from tests.e2e.platform import ROOT, Preview, Result, kubectl


def backend(preview: Preview) -> dict[str, Any]:
    container: dict[str, Any] = preview.stack["webapp"]["containers"][0]
    return container


def fails(preview: Preview, category: str, seconds: float, *images: str) -> dict[str, Any]:
    """Deploys, and returns the diagnosis, which must be of this category and come in time."""
    return failed(preview.deploy(images=images or None), category, seconds)


def failed(result: Result, category: str, seconds: float) -> dict[str, Any]:
    assert (result.code, result.outcome["state"]) == (1, "failed"), result
    diagnosis: dict[str, Any] = result.outcome["diagnosis"]
    assert diagnosis["category"] == category, result
    assert diagnosis["resolution"]
    assert result.seconds < seconds, result
    return diagnosis


@pytest.fixture(scope="module", autouse=True)
def too_large(images: list[str], leaving: Leaving) -> Iterator[Future[Result]]:
    """Begun before the other tests and waited for after them: a node that has room for it may come within a minute."""
    preview = Preview(next(NUMBERS), images)
    preview.stack["quota"] = {"memory": "900Gi"}
    backend(preview)["resources"] = {"memory": "400Gi"}
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(preview.deploy)
    leaving.add(preview)


def test_an_image_that_does_not_exist(preview: Preview) -> None:
    webapp = next(image for image in preview.images if image.startswith("webapp="))
    diagnosis = fails(preview, "image-not-available", 15, webapp, "worker=localhost/no-such-image:1")
    assert "localhost/no-such-image:1" in diagnosis["summary"]
    assert "python-worker" in diagnosis["object"]


def test_a_secret_key_that_is_missing(preview: Preview) -> None:
    preview.stack["secrets"]["required"] = ["GREETING_SECRET", "PAYMENT_KEY"]
    assert "PAYMENT_KEY" in fails(preview, "secret-key-missing", 15)["summary"]


def test_a_quota_that_is_too_small(preview: Preview) -> None:
    assert preview.deploy().code == 0
    tight = {"requests.memory": "10Mi"}
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight", "namespace": preview.namespace},
        "spec": {"hard": tight},
    }
    kubectl("apply", "-f", "-", stdin=str(quota).replace("'", '"'))
    backend(preview).setdefault("env", {})["COLOUR"] = "green"
    diagnosis = fails(preview, "quota-exceeded", 15)
    assert "exceeded quota" in diagnosis["detail"]


def test_a_command_that_crashes_shows_its_last_words(preview: Preview) -> None:
    preview.stack["temporal"]["worker"]["command"] = ["python", "-c", "print('no such table: greetings'); raise SystemExit(3)"]
    diagnosis = fails(preview, "container-crashes", 45)
    assert "no such table: greetings" in diagnosis["detail"]


def test_a_probe_that_never_passes(preview: Preview) -> None:
    backend(preview)["readiness"] = {"path": "/no-such-page", "deadline": "15s"}
    diagnosis = fails(preview, "probe-never-passed", 15 + 10)
    assert "404" in diagnosis["detail"]


@pytest.fixture
def worker_with_a_closed_database() -> Iterator[str]:
    """A second worker whose pods are told a PostgreSQL port at which nobody listens. Yields its task queue."""
    queue = "closed-database"
    environment = {**os.environ, "PREVIEWS_TASK_QUEUE": queue, "PREVIEWS_DATABASE_POD_ADDRESS": "10.202.0.1:9"}
    environment["KUBECONFIG"] = os.environ["PLATFORM_DEPLOYER_KUBECONFIG"]
    log = ROOT / ".local" / "logs" / "worker-closed-database.log"
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, str(ROOT / "worker.py")], env=environment, stdout=file, stderr=file)
    try:
        for _ in range(100):
            if "polling task queue" in log.read_text():
                break
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
        else:
            pytest.fail(f"the second worker does not poll: {log.read_text()}")
        yield queue
    finally:
        process.terminate()
        process.wait(30)


def test_a_database_that_refuses(worker_with_a_closed_database: str, preview: Preview) -> None:
    preview.environment["PREVIEWS_TASK_QUEUE"] = worker_with_a_closed_database
    diagnosis = fails(preview, "database-refused", 15)
    assert "no usable database connection" in diagnosis["detail"]


def test_a_pod_that_fits_on_no_node(too_large: Future[Result]) -> None:
    assert "memory" in failed(too_large.result(), "unschedulable", 75)["detail"].lower()
