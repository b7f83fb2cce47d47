"""Images come from a registry that asks who pulls; what it answers when it refuses is told."""

import base64
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.names import PULL_SECRET
from tests.e2e.own_worker import own_worker
from tests.e2e.platform import Preview, objects, secret, staying_pods

CREDENTIALS = Path(os.environ.get("PREVIEWS_REGISTRY_CREDENTIALS_FILE", ""))


def reference(preview: Preview, name: str) -> str:
    return next(image.partition("=")[2] for image in preview.images if image.startswith(f"{name}="))


def test_what_runs_is_what_was_pushed_and_no_namespace_has_more_than_the_credentials(ready: Preview) -> None:
    running = {status["image"]: status["imageID"] for pod in staying_pods(ready.namespace) for status in pod["status"]["containerStatuses"]}
    for name in ("webapp", "worker"):
        repository, _, digest = reference(ready, name).partition("@")
        assert digest.startswith("sha256:")
        assert f"{repository}@{digest}" in running.values(), running
    auths = json.loads(CREDENTIALS.read_text())["auths"]
    assert json.loads(secret(ready.namespace, PULL_SECRET, r"\.dockerconfigjson")) == {"auths": auths}


def test_a_tag_that_was_never_pushed_is_told_apart(preview: Preview) -> None:
    registry = reference(preview, "worker").partition("@")[0]
    webapp = f"webapp={reference(preview, 'webapp')}"
    result = preview.deploy(images=[webapp, f"worker={registry}:never-pushed"])
    assert result.code == 1, result
    diagnosis = result.outcome["diagnosis"]
    assert diagnosis["category"] == "image-not-available", result
    assert "not found" in diagnosis["detail"], "in the registry's own words"
    assert "was pushed under this name and tag" in diagnosis["resolution"]
    assert result.seconds < 15, result


@pytest.fixture
def without_access(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a starter.py whose worker has a password that the registry does not know."""
    (registry,) = json.loads(CREDENTIALS.read_text())["auths"]
    wrong = base64.b64encode(b"previews:guessed").decode()
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"auths": {registry: {"auth": wrong}}}))
    with own_worker(PREVIEWS_REGISTRY_CREDENTIALS_FILE=str(file)) as environment:
        yield environment


def test_who_may_not_pull_does_not_run_what_is_on_the_node_already(
    ready: Preview, without_access: dict[str, str], new_preview: Callable[[], Preview]
) -> None:
    assert objects("pods", ready.namespace), "the images are there"
    preview = new_preview()
    preview.environment = without_access
    result = preview.deploy()
    assert result.code == 1, result
    diagnosis = result.outcome["diagnosis"]
    assert diagnosis["category"] == "image-not-available", result
    assert "PREVIEWS_REGISTRY_CREDENTIALS_FILE" in diagnosis["resolution"], result
    assert result.seconds < 15, result
