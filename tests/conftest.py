"""For all rings: what may run side by side (pytest-xdist), and how pytest ends."""

import os
import sys

import pytest

STATUS = pytest.StashKey[int]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[STATUS] = int(exitstatus)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a file stay together and in order (`--dist loadgroup`), unless they say with whom they must be."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path)))


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """A thread of the Temporal SDK can crash an interpreter that is finalizing (temporalio/sdk-python#300): a green run would end red."""
    if not hasattr(config, "workerinput") and STATUS in config.stash and "temporalio.bridge.temporal_sdk_bridge" in sys.modules:
        config.get_terminal_writer().flush()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[STATUS])
