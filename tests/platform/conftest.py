"""The ring that stops and starts the platform itself. It runs last, and leaves the platform up."""

from collections.abc import Iterator

import pytest

from tests.platform.machine import command


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/platform/" in str(item.path):
            item.add_marker(pytest.mark.platform)


@pytest.fixture(autouse=True)
def as_it_begins(request: pytest.FixtureRequest) -> None:
    """Most from a platform that is up. Those that begin from one that is down follow each other: each start is twenty seconds."""
    command("down" if request.node.get_closest_marker("from_down") else "up").check()


@pytest.fixture(scope="session", autouse=True)
def leave_it_up() -> Iterator[None]:
    yield
    command("up").check()
