"""Proves on a real Temporal server what the gateway tells of a server, its workers and its workflows."""

import asyncio
import os
import socket
import time
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from gateways.temporal import TemporalFrontends
from stack.errors import UnavailableError
from stack.names import TEMPORAL_NAMESPACE

SOON = timedelta(seconds=10)


@workflow.defn
class Completes:
    @workflow.run
    async def run(self, name: str = "friend") -> dict[str, str]:
        return {"greeting": name}


@workflow.defn
class Fails:
    @workflow.run
    async def run(self) -> None:
        try:
            raise ApplicationError("no tea")
        except ApplicationError as error:
            raise ApplicationError("no greeting") from error


@pytest.fixture
async def address() -> str:
    address = os.environ["TEMPORAL_ADDRESS"]
    await TemporalFrontends().register_namespace(address, TEMPORAL_NAMESPACE, timedelta(days=1))
    return address


@pytest.fixture
async def queue(address: str) -> AsyncIterator[str]:
    """A task queue with a worker, as soon as the server knows it."""
    queue = f"contract-{uuid.uuid4().hex}"
    client = await connected(address)
    async with Worker(client, task_queue=queue, workflows=[Completes, Fails]):
        while queue not in await TemporalFrontends().polled(address, [queue]):
            await asyncio.sleep(0.02)
        yield queue


async def connected(address: str) -> Client:
    """A namespace that was just registered is known to the server's caches a moment later."""
    deadline = time.monotonic() + 20
    while True:
        try:
            await TemporalFrontends().polled(address, ["nobody"])
            return await Client.connect(address, namespace=TEMPORAL_NAMESPACE)
        except UnavailableError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.2)


async def test_a_server_serves(address: str) -> None:
    assert await TemporalFrontends().serving(address)


async def test_registering_a_namespace_again_is_fine(address: str) -> None:
    await TemporalFrontends().register_namespace(address, TEMPORAL_NAMESPACE, timedelta(days=1))


async def test_only_polled_queues_are_named(address: str, queue: str) -> None:
    assert await TemporalFrontends().polled(address, [queue, "nobody-polls-this"]) == {queue}


async def test_a_workflow_that_completes_has_no_reason(address: str, queue: str) -> None:
    assert await TemporalFrontends().run(address, "Completes", queue, f"smoke-{uuid.uuid4()}", SOON) == ""


async def test_a_workflow_that_fails_says_its_innermost_cause(address: str, queue: str) -> None:
    assert await TemporalFrontends().run(address, "Fails", queue, f"smoke-{uuid.uuid4()}", SOON) == "ApplicationError: no tea"


async def test_a_workflow_that_nobody_works_on_ends_in_time(address: str) -> None:
    reason = await TemporalFrontends().run(address, "Completes", "nobody-polls-this", f"smoke-{uuid.uuid4()}", timedelta(seconds=1))
    assert "timed out" in reason


async def test_the_same_run_twice_is_joined(address: str, queue: str) -> None:
    workflow_id = f"smoke-{uuid.uuid4()}"
    runs = (TemporalFrontends().run(address, "Completes", queue, workflow_id, SOON) for _ in range(2))
    assert await asyncio.gather(*runs) == ["", ""]


async def test_a_server_that_is_away_is_tried_again() -> None:
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1"):
        await TemporalFrontends().serving("127.0.0.1:1")


async def test_a_server_that_takes_connections_and_says_nothing_is_away_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # the system takes the connection, nobody reads it
        started = time.monotonic()
        with pytest.raises(UnavailableError):
            await TemporalFrontends().serving(f"127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - started < 8
