"""A teardown that something holds up: named within 15 s, nothing forced, everything else released, and done when the holder lets go."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from tests.e2e.platform import REPOSITORY, ROOT, Preview, kubectl, query, starter

pytestmark = pytest.mark.usefixtures("alone")

NAMED_SECONDS = 15
HOLDER = "previews.test/nobody-serves-this"
BROKEN_API = "v1.broken.previews.test"


@contextmanager
def a_finalizer(preview: Preview) -> Iterator[None]:
    """On an object inside: the namespace waits for a controller that does not exist."""
    kubectl("create", "configmap", "held", "-n", preview.namespace)
    _set_finalizers(preview, [HOLDER])
    try:
        yield
    finally:
        _set_finalizers(preview, [])


def _set_finalizers(preview: Preview, finalizers: list[str]) -> None:
    patch = json.dumps({"metadata": {"finalizers": finalizers}})
    kubectl("patch", "configmap", "held", "-n", preview.namespace, "--type=merge", "-p", patch)


@contextmanager
def an_api_that_is_away(_: Preview) -> Iterator[None]:
    """Its objects cannot be listed, so no namespace of the cluster can be known to be empty."""
    service = {"name": "nobody", "namespace": "default", "port": 443}
    spec = {"group": "broken.previews.test", "version": "v1", "service": service, "groupPriorityMinimum": 1000, "versionPriority": 10}
    manifest: dict[str, Any] = {"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": {"name": BROKEN_API}}
    kubectl("apply", "-f", "-", stdin=json.dumps({**manifest, "spec": {**spec, "insecureSkipTLSVerify": True}}))
    try:
        yield
    finally:
        kubectl("delete", "apiservice", BROKEN_API)


HOLDERS = [
    pytest.param(a_finalizer, HOLDER, id="a finalizer that nobody serves"),
    pytest.param(an_api_that_is_away, "broken.previews.test", id="an APIService that is away"),
]


@pytest.mark.parametrize(("holder", "named"), HOLDERS)
def test_what_holds_a_namespace_is_named_and_not_forced(
    preview: Preview, holder: Callable[[Preview], AbstractContextManager[None]], named: str
) -> None:
    assert preview.deploy().code == 0
    with holder(preview):
        tearing = subprocess.Popen(
            [sys.executable, str(ROOT / "starter.py"), "teardown", "--pr", str(preview.pr), "--repo", REPOSITORY],
            stdout=subprocess.PIPE,
            text=True,
        )
        deleted = _deletion_began(preview)
        status = _status_naming(preview, named, until=deleted + NAMED_SECONDS)
        fates = {item["object"]: item["seen_gone"] for item in status["receipt"]["items"]}
        assert fates.pop(f"Namespace {preview.namespace}") is False
        assert set(fates.values()) == {True}, "databases and roles are released meanwhile"
        assert query("SELECT 1 FROM pg_roles WHERE rolname = %s", f"pr_{preview.pr}") == []
        assert "Terminating" in kubectl("get", "namespace", preview.namespace), "it was not forced"
        assert starter("teardown", "--pr", str(preview.pr), "--repo", REPOSITORY, "--timeout", "2s").code == 5
    said, _ = tearing.communicate(timeout=120)
    assert tearing.returncode == 0, said
    assert named in said, "the receipt tells what had held it"


def _deletion_began(preview: Preview) -> float:
    until = time.monotonic() + 15
    while "Terminating" not in kubectl("get", "namespace", preview.namespace):
        assert time.monotonic() < until, "no deletion began"
        time.sleep(0.1)
    return time.monotonic()


def _status_naming(preview: Preview, named: str, *, until: float) -> dict[str, Any]:
    """What `starter.py status` says as soon as it names the holder."""
    while True:
        status = starter("status", "--pr", str(preview.pr), "--json").outcome
        if named in str(status["note"]):
            return status
        assert time.monotonic() < until, f"not named in time: {status}"
        time.sleep(0.3)
