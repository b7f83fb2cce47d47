"""The whole product on the local platform. Each test cleans up through the product, and the session ends red if anything is left."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.platform import ROOT, Footprint, Preview

NUMBERS = itertools.count(int(time.time()) % 1_000_000 * 100 + 1)
"""Numbers of pull requests that no earlier run has used, of which the records still tell."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Namespaces, databases, roles and sessions after all tests are those from before (the template databases may have been made)."""
    assert "TEMPORAL_ADDRESS" in os.environ, "the platform is not known: run `make up`, then `source .local/env`"
    before = Footprint.now()
    yield
    after = Footprint.now()
    assert after.namespaces <= before.namespaces, f"namespaces left: {after.namespaces - before.namespaces}"
    left = {name for name in after.databases - before.databases if not name.startswith("template_")}
    assert not left, f"databases left: {left}"
    left = {name for name in after.roles - before.roles if not name.startswith("template_")}
    assert not left, f"roles left: {left}"
    assert after.sessions <= before.sessions, f"database sessions left: {after.sessions - before.sessions}"
    assert after.processes <= before.processes, "workers or browsers left"


@pytest.fixture(scope="session")
def images() -> list[str]:
    """The example's images, built and loaded: NAME=REF each."""
    done = subprocess.run([sys.executable, "-m", "local", "example"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()[-2:]


@pytest.fixture
def new_preview(images: list[str]) -> Iterator[Callable[[], Preview]]:
    """Makes previews with fresh numbers, and tears each down afterwards, whatever became of it."""
    made: list[Preview] = []

    def make() -> Preview:
        made.append(Preview(next(NUMBERS), images))
        return made[-1]

    yield make
    for preview in made:
        result = preview.teardown()
        assert result.code == 0, f"{preview.namespace} was not torn down: {result}"


@pytest.fixture
def preview(new_preview: Callable[[], Preview]) -> Preview:
    return new_preview()
