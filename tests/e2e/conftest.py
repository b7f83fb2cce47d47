"""The whole product on the local platform. Each test cleans up through the product, and the session ends red if anything is left."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.platform import ROOT, Footprint, Preview

NUMBERS = itertools.count(int(time.time()) % 1_000_000 * 100 + 1)
"""Numbers of pull requests that no earlier run has used, of which the records still tell."""
LEFT = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.e2e)


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Namespaces, databases, roles, sessions and processes after all tests are those from before (the template databases may have been
    made)."""
    if session.config.option.collectonly:
        return (yield)
    if "TEMPORAL_ADDRESS" not in os.environ:
        raise pytest.UsageError("the platform is not known: run `make up`, then `source .local/env`")
    before = Footprint.now()
    result = yield
    session.config.stash[LEFT] = left = Footprint.now().beyond(before)
    session.testsfailed += len(left)
    return result


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(LEFT, []):
        terminalreporter.write_line(f"LEFT BEHIND: {line}", red=True)


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
