"""With keys, Temporal itself knows nothing of what was asked, said or went wrong; and open runs outlive switching on and rotating."""

import os

import pytest
from temporalio.client import Client
from temporalio.converter import DataConverter

from cli.temporal import Handle
from gateways.encryption import data_converter
from stack.baton import Closing
from stack.errors import UnavailableError
from stack.models import Category, Check, Diagnosis
from stack.payload_keys import PayloadKeys
from tests.temporal_namespace import ensure_namespace
from tests.temporal_text import text_of
from tests.workflows.conftest import TESTS, Desk, outcome_of
from tests.workflows.doubles import World
from tests.workflows.test_rolling import worker

MAY, JUNE = {"may": os.urandom(32)}, {"june": os.urandom(32)}
COMMIT = "c0ffee1"
SAID = "the words of a failure"


@pytest.fixture
async def client(temporal_address: str) -> Client:
    """What worker and caller have."""
    return await connected(temporal_address, data_converter(PayloadKeys(MAY)))


@pytest.fixture
async def outsider(temporal_address: str) -> Client:
    """Reads what Temporal keeps, and has no key."""
    return await connected(temporal_address, DataConverter.default)


async def connected(address: str, converter: DataConverter) -> Client:
    await ensure_namespace(address, TESTS)
    return await Client.connect(address, namespace=TESTS, data_converter=converter)


async def test_what_was_asked_and_what_failed_is_in_no_history(desk: Desk, world: World, outsider: Client) -> None:
    world.answers["apply_stack"] = lambda: fail_twice(world)
    world.answers["await_ready"] = lambda: Check(
        diagnosis=Diagnosis(category=Category.CRASH, object="Pod webapp", summary=SAID, resolution="Mend it.")
    )
    handle, request = await desk.deploy(COMMIT)
    outcome = outcome_of(await handle.result(), request)
    assert (outcome.state, outcome.diagnosis and outcome.diagnosis.summary) == ("failed", SAID)
    kept = await what_is_kept(outsider, handle)
    assert "binary/encrypted" in kept
    assert [word for word in (COMMIT, SAID, "octo/shop", "Pull request 7", "webapp") if word in kept] == []


async def test_what_a_step_that_runs_tells_of_itself_is_encrypted(desk: Desk, world: World, outsider: Client) -> None:
    gate = world.block("await_ready")
    handle, request = await desk.deploy(COMMIT)
    await world.begun["await_ready"].wait()
    shown = await described(outsider, handle)
    while "heartbeatDetails" not in shown:
        shown = await described(outsider, handle)
    assert "waiting at await_ready" not in shown
    gate.set()
    assert outcome_of(await handle.result(), request).state == "ready"


@pytest.mark.parametrize(("before", "after"), [pytest.param({}, MAY, id="switched on"), pytest.param(MAY, {**JUNE, **MAY}, id="rotated")])
async def test_an_open_run_goes_on_with_other_keys(temporal_address: str, before: dict[str, bytes], after: dict[str, bytes]) -> None:
    old, new = [await connected(temporal_address, data_converter(PayloadKeys(keys))) for keys in (before, after)]
    desk, first, second = Desk(old), World(), World()
    first.block("await_ready")
    async with worker(old, desk.task_queue, first) as leaving:
        handle, request = await desk.deploy(COMMIT)
        await first.begun["await_ready"].wait()
        first.gates["await_ready"].set()
        await leaving.shutdown()
    async with worker(new, desk.task_queue, second):
        closing = await new.get_workflow_handle(handle.id, result_type=Closing).result()
    assert outcome_of(closing, request).state == "ready"
    assert "settle:1" in second.calls


def fail_twice(world: World) -> None:
    if world.calls.count("apply_stack:1") < 3:
        raise UnavailableError("applying", obj="Deployment webapp", answer=SAID)


async def what_is_kept(client: Client, handle: Handle) -> str:
    """All events, and what a look at the run tells."""
    events = [text_of(event, searchable=False) async for event in client.get_workflow_handle(handle.id).fetch_history_events()]
    return "\n".join([*events, await described(client, handle)])


async def described(client: Client, handle: Handle) -> str:
    return text_of((await client.get_workflow_handle(handle.id).describe()).raw_description, searchable=False)
