"""For all rings: how pytest ends."""

import os
import sys

import pytest

STATUS = pytest.StashKey[int]()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """A thread of the Temporal SDK can crash an interpreter that is finalizing (temporalio/sdk-python#300): a green run would end red."""
    if not hasattr(config, "workerinput") and STATUS in config.stash and "temporalio.bridge.temporal_sdk_bridge" in sys.modules:
        config.get_terminal_writer().flush()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash[STATUS])
