"""A service that the deploy needs is away for a while: the run waits, says what it waits for, and goes on when it is back."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import pytest

from local.family import PLATFORM
from local.waiting import wait_until
from tests.e2e import chaos
from tests.e2e.platform import Preview, kubectl, objects

pytestmark = pytest.mark.usefixtures("alone")

UNDER_WAY_SECONDS = 60
AWAY_SECONDS = 40
"""Longer than every single call, than a watch heals by itself (30 s), and than the heartbeat timeout."""


@contextmanager
def stopped(program: str) -> Iterator[None]:
    PLATFORM.stop(program)
    try:
        yield
    finally:
        PLATFORM.start(program)


@contextmanager
def silent_api_server() -> Iterator[None]:
    """It accepts connections and answers nothing: worse than being away."""
    servers = chaos.api_servers()
    for pid in servers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in servers:
            os.kill(pid, signal.SIGCONT)


def is_begun(preview: Preview) -> bool:
    """The run is at its first steps."""
    return preview.namespace in kubectl("get", "namespaces", "-o", "name")


def has_pods(preview: Preview) -> bool:
    """What it runs is starting."""
    return is_begun(preview) and objects("pods", preview.namespace) != []


OUTAGES = [
    pytest.param(is_begun, silent_api_server, "waits", id="Kubernetes"),
    pytest.param(has_pods, lambda: stopped("postgres-previews"), "PostgreSQL does not answer", id="PostgreSQL"),
    pytest.param(is_begun, lambda: stopped("temporal"), "Temporal or its worker does not answer", id="Temporal"),
]


@pytest.mark.parametrize(("is_so_far", "outage", "said"), OUTAGES)
def test_a_deploy_outlasts_an_outage_and_says_what_it_waits_for(
    preview: Preview, is_so_far: Callable[[Preview], bool], outage: Callable[[], AbstractContextManager[None]], said: str
) -> None:
    with ThreadPoolExecutor(1) as pool:
        deploying = pool.submit(preview.deploy)
        assert wait_until(lambda: is_so_far(preview) or deploying.done(), UNDER_WAY_SECONDS)
        with outage():
            time.sleep(AWAY_SECONDS)
        result = deploying.result()
    assert result.code == 0, result
    assert said in result.err, result
