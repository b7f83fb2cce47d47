"""Proves on the real temporal-ui, with the environment that a preview's has, what it lets the public do and what its pages may run.

It starts by itself and reaches no Temporal: what would be refused by one is not the question here.
"""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest

from local import binaries
from local.modules import BY_NAME
from local.waiting import http_status, wait_until
from stack.manifests.blueprint import Blueprint, Postgres
from stack.manifests.temporal import ui_env
from tests.golden_cases import OUTSIDE, attempt

START_SECONDS = 20.0
NOWHERE = "127.0.0.1:1"
WORKFLOWS = "/api/v1/namespaces/default/workflows"
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)><form action='http://evil.test'><button>"


def run_ui(folder: Path, *, writes: bool) -> Iterator[httpx.Client]:
    shutil.copy(binaries.directory(BY_NAME["temporal-ui"]) / "docker.yaml", folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    blueprint = Blueprint(attempt("shop"), OUTSIDE.model_copy(update={"ui_writes": writes}), Postgres("127.0.0.1", 1))
    environment = {**ui_env(blueprint), "TEMPORAL_ADDRESS": NOWHERE, "TEMPORAL_UI_PORT": str(port), "PATH": os.environ["PATH"]}
    command = [binaries.program("ui-server"), "--root", folder, "--config", ".", "--env", "docker", "start"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            assert wait_until(lambda: http_status("127.0.0.1", port, "/healthz") == 200, START_SECONDS)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
                yield client
        finally:
            process.kill()


@pytest.fixture(scope="module")
def writing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    yield from run_ui(tmp_path_factory.mktemp("writing"), writes=True)


@pytest.fixture(scope="module")
def reading(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    yield from run_ui(tmp_path_factory.mktemp("reading"), writes=False)


def test_what_an_application_shows_as_markdown_runs_no_script(writing: httpx.Client) -> None:
    """Raw HTML of a workflow's summary goes through as it is: the policy is all that keeps it quiet."""
    answer = writing.get("/render", params={"content": EVIL})
    assert EVIL in answer.text
    policy = directives(answer.headers["content-security-policy"])
    assert "sandbox" in policy
    assert not {"allow-scripts", "allow-forms", "allow-top-navigation"} & set(policy["sandbox"])
    assert (policy["default-src"], policy["form-action"], policy["frame-ancestors"]) == (["'none'"], ["'none'"], ["'self'"])
    assert all(word.startswith("'nonce-") for word in policy["script-src"])


def test_no_two_answers_have_the_same_nonce(writing: httpx.Client) -> None:
    first, second = (writing.get("/render", params={"content": "x"}).headers["content-security-policy"] for _ in range(2))
    assert first != second


def test_the_pages_have_a_policy_of_their_own(writing: httpx.Client) -> None:
    """It is in the page, and a public path would take it out: each preview has a host instead."""
    assert 'http-equiv="content-security-policy"' in writing.get("/namespaces/default/workflows").text.lower()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", [f"{WORKFLOWS}/x/cancel", f"{WORKFLOWS}/x", "/api/v1/namespaces", "/api/v1/cluster/namespaces/default"])
def test_a_read_only_one_refuses_every_write(reading: httpx.Client, method: str, path: str) -> None:
    answer = reading.request(method, path, headers=signed(reading), json={})
    assert answer.status_code == HTTPStatus.METHOD_NOT_ALLOWED


def test_a_read_only_one_still_reads_and_asks_workflows(reading: httpx.Client) -> None:
    """Queries are POST requests that change nothing."""
    assert reading.get("/api/v1/settings").json()["DisableWriteActions"] is True
    for answer in (reading.get(WORKFLOWS), reading.post(f"{WORKFLOWS}/x/query/z", headers=signed(reading), json={})):
        assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE, "it went through to the Temporal that is not there"


def test_one_that_may_write_hands_writes_on_to_temporal(writing: httpx.Client) -> None:
    """The control: the same request as above."""
    assert writing.get("/api/v1/settings").json()["DisableWriteActions"] is False
    answer = writing.post(f"{WORKFLOWS}/x/cancel", headers=signed(writing), json={})
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE


@pytest.mark.parametrize("foreign", [{}, {"sec-fetch-site": "cross-site", "origin": "http://pr-123.preview.example.com:8080"}])
def test_another_site_cannot_write_in_the_name_of_who_looks_at_it(writing: httpx.Client, foreign: dict[str, str]) -> None:
    """Neither without the token nor from another origin: the application's own page is one too."""
    answer = writing.post(f"{WORKFLOWS}/x/cancel", headers=(signed(writing) | foreign) if foreign else {}, json={})
    assert answer.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN)


def directives(policy: str) -> dict[str, list[str]]:
    """Name of the directive → its words."""
    return {name: words for name, *words in (part.split() for part in policy.split(";") if part.strip())}


def signed(client: httpx.Client) -> dict[str, str]:
    """The token that the page gets by a cookie and sends back."""
    client.get("/api/v1/settings")
    return {"x-csrf-token": client.cookies["_csrf"]}
