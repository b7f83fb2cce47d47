"""Whose stack file counts and who gets a preview at all, decided by what the forge says; here a stand-in for GitHub over real HTTP."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.forge import Forge, forge_and_worker
from tests.e2e.platform import REPOSITORY, Footprint, Preview, Result, example_stack, objects, pod_uids, secret, starter
from tests.fakes.github import HEAD, review

NEWER = "9" * 40
FOR_STRANGERS = "what-strangers-may-know"


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    with forge_and_worker(tmp_path, PREVIEWS_FORKS="approved") as forge:
        forge.github.permissions["lead"] = "maintain"
        yield forge


@pytest.fixture
def for_strangers(preview: Preview) -> Iterator[str]:
    """Name of an env file whose values previews of forks get."""
    file = Path(os.environ["PREVIEWS_SECRETS_DIR"]) / f"forks-{preview.pr}.env"
    file.write_text(f"GREETING_SECRET={FOR_STRANGERS}\n")
    yield file.name
    file.unlink()


def assert_refused(result: Result, category: str, *told: str) -> None:
    assert result.code == 1, result
    diagnosis = result.outcome["diagnosis"]
    assert diagnosis["category"] == category, result
    text = " ".join(diagnosis.values())
    assert all(words in text for words in told), result


def policies(preview: Preview) -> set[str]:
    return {policy["metadata"]["name"] for policy in objects("networkpolicies", preview.namespace)}


def backend(preview: Preview) -> dict[str, Any]:
    (deployment,) = (each for each in objects("deployments", preview.namespace) if each["metadata"]["name"] == "webapp")
    container: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


def status(preview: Preview) -> dict[str, Any]:
    return starter("status", "--pr", str(preview.pr), "--json", environment=preview.environment).outcome


def test_a_fork_gets_a_preview_of_an_approved_commit_and_keeps_it_when_another_is_pushed(
    forge: Forge, preview: Preview, for_strangers: str
) -> None:
    stack = example_stack()
    stack["secrets"]["forks"] = {"file": for_strangers}
    forge.merge(stack)
    pull = forge.open(preview, head_repository="stranger/shop")
    assert_refused(forge.deploy_without_stack(preview, HEAD), "not-admitted", "nobody with write access has approved", "approves it")
    assert preview.namespace not in Footprint.now().namespaces, "a refusal makes nothing"

    pull.reviews = [review("passer-by", association="NONE"), review("lead")]
    ready = forge.deploy_without_stack(preview, HEAD)
    assert ready.code == 0, ready
    assert "it comes from a fork" in ready.outcome["note"]
    assert "allow-internet" not in policies(preview)
    assert secret(preview.namespace, "app-secrets", "GREETING_SECRET") == FOR_STRANGERS

    before, pull.head = pod_uids(preview.namespace), NEWER
    assert_refused(preview.deploy(NEWER), "not-admitted", f"commit {NEWER[:12]}")
    assert_refused(preview.deploy(HEAD), "not-admitted", "is not its head")
    assert pod_uids(preview.namespace) == before
    now = status(preview)
    assert (now["state"], now["sha"], now["generation"]) == ("ready", HEAD, ready.outcome["generation"])


def test_the_stack_file_of_the_base_counts_and_not_one_that_asks_for_more(forge: Forge, preview: Preview) -> None:
    forge.open(preview)
    preview.stack["webapp"]["containers"][0]["env"]["COLOUR"] = "green"
    preview.stack["quota"] = {"pods": 50}
    ready = preview.deploy("1111111")
    assert ready.code == 0, ready
    assert "the stack file is preview.yaml of main" in ready.outcome["note"]
    assert "COLOUR" not in {variable["name"] for variable in backend(preview).get("env", [])}
    (quota,) = objects("resourcequotas", preview.namespace)
    assert quota["spec"]["hard"]["pods"] != "50"


def test_a_stack_file_that_cannot_be_used_and_a_closed_pull_request_start_nothing(forge: Forge, preview: Preview) -> None:
    forge.open(preview)
    stack = example_stack()
    stack["webapp"]["containers"][0]["privileged"] = True
    forge.merge(stack)
    assert_refused(preview.deploy("1111111"), "stack-file-invalid", "preview.yaml of main", "privileged: no stack file can ask for this")
    forge.merge(example_stack())
    forge.github.pulls[REPOSITORY, preview.pr] = "closed"
    assert_refused(preview.deploy("1111111"), "not-admitted", "it is closed")
    assert preview.namespace not in Footprint.now().namespaces
