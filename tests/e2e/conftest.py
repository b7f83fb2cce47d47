"""The whole product on the local platform. Each test cleans up through the product, and the session ends red if anything is left."""

import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.platform import ROOT, Footprint, Preview, Result

NUMBERS = itertools.count(int(time.time()) % 1_000_000 * 100 + 1)
"""Numbers of pull requests that no earlier run has used, of which the records still tell."""
COMMIT = "0123456789abcdef0123456789abcdef01234567"
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


class Leaving:
    """Previews that no test needs any more. Each is torn down while the tests go on: most of a teardown is waiting for Kubernetes."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(4)
        self._teardowns: dict[str, Future[Result]] = {}

    def add(self, preview: Preview) -> None:
        self._teardowns[preview.namespace] = self._pool.submit(preview.teardown)

    def settle(self) -> None:
        """All of them are gone."""
        results = {namespace: teardown.result() for namespace, teardown in self._teardowns.items()}
        self._teardowns.clear()
        failed = [f"{namespace} was not torn down: {result}" for namespace, result in results.items() if result.code != 0]
        assert not failed, "\n".join(failed)


@pytest.fixture(scope="session")
def leaving() -> Iterator[Leaving]:
    leaving = Leaving()
    yield leaving
    leaving.settle()


@pytest.fixture(scope="session")
def ready(images: list[str], leaving: Leaving) -> Iterator[Preview]:
    """A preview that several tests look at; some deploy it again."""
    preview = Preview(next(NUMBERS), images)
    try:
        result = preview.deploy(COMMIT)
        assert (result.code, result.outcome["state"]) == (0, "ready"), result
        yield preview
    finally:
        leaving.add(preview)


@pytest.fixture
def alone(leaving: Leaving) -> None:
    """For tests that disturb the platform, or look at all of it: no other preview is being torn down."""
    leaving.settle()


@pytest.fixture
def new_preview(images: list[str], leaving: Leaving) -> Iterator[Callable[[], Preview]]:
    """Makes previews with fresh numbers, and has each torn down afterwards, whatever became of it: at once where a worker of the test's
    own has to do it."""
    made: list[Preview] = []

    def make() -> Preview:
        made.append(Preview(next(NUMBERS), images))
        return made[-1]

    yield make
    for preview in made:
        leaving.add(preview)
    if any(preview.environment for preview in made):
        leaving.settle()


@pytest.fixture
def preview(new_preview: Callable[[], Preview]) -> Preview:
    return new_preview()
