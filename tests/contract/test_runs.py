"""Proves on a real Temporal server what the gateway tells of the runs of previews, and that a request reaches them once."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from gateways.runs import TemporalRuns
from stack.baton import REQUEST_SIGNAL
from stack.errors import RejectedError, UnavailableError
from stack.names import Names
from tests.fakes.requests import deploy, teardown
from tests.temporal_namespace import ensure_namespace

TESTS = "tests"


@pytest.fixture
async def client() -> Client:
    await ensure_namespace(os.environ["TEMPORAL_ADDRESS"], TESTS)
    return await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=TESTS, data_converter=pydantic_data_converter)


@pytest.fixture
def runs(client: Client) -> TemporalRuns:
    return TemporalRuns(lambda: client, "nobody-polls-this")


@pytest.fixture
async def namespace(client: Client) -> AsyncIterator[str]:
    namespace = f"contract-{uuid.uuid4().hex[:12]}"
    yield namespace
    if await TemporalRuns(lambda: client, "-").is_open(namespace):
        await handle(client, namespace).terminate()


def handle(client: Client, namespace: str):  # type: ignore[no-untyped-def]
    return client.get_workflow_handle(Names(namespace).workflow_id)


async def until(look: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not await look():  # type: ignore[misc]
            await asyncio.sleep(0.1)


async def test_what_nobody_asked_for_has_no_open_run(runs: TemporalRuns, namespace: str) -> None:
    assert not await runs.is_open(namespace)


async def test_a_request_opens_a_run_that_is_known_at_once_and_listed_soon(runs: TemporalRuns, namespace: str) -> None:
    await runs.request(namespace, teardown())
    assert await runs.is_open(namespace)

    async def is_listed() -> bool:
        return namespace in await runs.open_namespaces()

    await until(is_listed)


async def test_a_run_that_was_terminated_is_not_open(runs: TemporalRuns, client: Client, namespace: str) -> None:
    await runs.request(namespace, deploy())
    await handle(client, namespace).terminate()

    async def is_closed() -> bool:
        return not await runs.is_open(namespace)

    await until(is_closed)


async def test_another_request_goes_to_the_run_that_is_open(runs: TemporalRuns, client: Client, namespace: str) -> None:
    await runs.request(namespace, deploy())
    await runs.request(namespace, teardown())
    described = await handle(client, namespace).describe()
    assert described.workflow_type == "DeployPreview"
    history = await handle(client, namespace).fetch_history()
    signals = [event.workflow_execution_signaled_event_attributes for event in history.events if event.event_type == 26]
    assert [signal.signal_name for signal in signals] == [REQUEST_SIGNAL, REQUEST_SIGNAL]


async def test_a_temporal_namespace_that_is_not_there_does_not_pass_for_no_run(client: Client, namespace: str) -> None:
    elsewhere = await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace="nowhere", data_converter=pydantic_data_converter)
    with pytest.raises(RejectedError, match="nowhere"):
        await TemporalRuns(lambda: elsewhere, "-").is_open(namespace)


@asynccontextmanager
async def relay() -> AsyncIterator[str]:
    """A way to the server that can be cut: host:port."""
    host, port = os.environ["TEMPORAL_ADDRESS"].split(":")
    open_ways: list[asyncio.StreamWriter] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(port))
        open_ways.extend((writer, back))
        await asyncio.gather(pass_on(reader, back), pass_on(there, writer), return_exceptions=True)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for way in open_ways:
            way.close()


async def test_a_temporal_that_goes_away_is_asked_again(client: Client, namespace: str) -> None:
    async with relay() as address:
        cut_off = await Client.connect(address, namespace=TESTS, data_converter=pydantic_data_converter)
        runs = TemporalRuns(lambda: cut_off, "-")
        assert not await runs.is_open(namespace)
    asked = (runs.is_open(namespace), runs.open_namespaces(), runs.request(namespace, teardown()))
    for answer in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(answer, UnavailableError)
        assert "is the production Temporal up" in str(answer)
    assert not await TemporalRuns(lambda: client, "-").is_open(namespace)
