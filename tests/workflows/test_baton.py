"""One owner per pull request: requests that meet each other."""

import asyncio

from stack.errors import ForeignNamespaceError, UnavailableError
from tests.workflows.conftest import Desk, outcome_of
from tests.workflows.doubles import World


async def test_a_newer_push_stops_the_running_attempt_and_both_callers_learn_their_own_outcome(desk: Desk, world: World) -> None:
    world.block("await_ready")
    first_handle, first = await desk.deploy("aaaaaaa", minute=0)
    await world.begun["await_ready"].wait()
    second_handle, second = await desk.deploy("bbbbbbb", minute=1)
    await _until(world, "end await_ready:1")
    world.gates.clear()
    closing = await second_handle.result()
    assert first_handle.id == second_handle.id
    assert outcome_of(closing, first).state == "superseded"
    assert (outcome_of(closing, second).state, outcome_of(closing, second).generation) == ("ready", 2)
    assert world.came_before("end await_ready:1", "claim:2")
    assert [call for call in world.calls if call.endswith(":1")][-1] == "await_ready:1", (
        "the first attempt began nothing after it was stopped"
    )


async def test_a_close_during_a_deploy_hands_the_baton_to_the_teardown(desk: Desk, world: World) -> None:
    world.block("await_ready")
    _, deploy = await desk.deploy("aaaaaaa", minute=0)
    await world.begun["await_ready"].wait()
    handle, close = await desk.teardown(minute=1)
    closing = await handle.result()
    assert outcome_of(closing, deploy).state == "superseded"
    gone = outcome_of(closing, close)
    assert gone.state == "gone"
    assert gone.receipt is not None
    assert all(item.seen_gone for item in gone.receipt.items)
    assert world.came_before("end await_ready:1", "claim:2")
    assert (await handle.describe()).workflow_type == "TeardownPreview"


async def test_a_reopen_during_a_teardown_waits_until_everything_is_gone(desk: Desk, world: World) -> None:
    gate = world.block("delete_namespace")
    _, close = await desk.teardown(minute=0)
    await world.begun["delete_namespace"].wait()
    handle, reopen = await desk.deploy("bbbbbbb", minute=1)
    gate.set()
    closing = await handle.result()
    assert (outcome_of(closing, close).state, outcome_of(closing, reopen).state) == ("gone", "ready")
    assert world.came_before("end delete_namespace:1", "claim:2")


async def test_at_equal_times_the_close_wins(desk: Desk, world: World) -> None:
    world.block("await_ready")
    _, deploy = await desk.deploy("aaaaaaa", minute=1)
    await world.begun["await_ready"].wait()
    handle, close = await desk.teardown(minute=1)
    closing = await handle.result()
    assert (outcome_of(closing, deploy).state, outcome_of(closing, close).state) == ("superseded", "gone")


async def test_of_two_pushes_of_the_same_second_the_one_that_comes_later_wins(desk: Desk, world: World) -> None:
    world.block("await_ready")
    _, first = await desk.deploy("aaaaaaa", minute=1)
    await world.begun["await_ready"].wait()
    handle, second = await desk.deploy("bbbbbbb", minute=1)
    await _until(world, "end await_ready:1")
    world.gates.clear()
    closing = await handle.result()
    assert (outcome_of(closing, first).state, outcome_of(closing, second).state) == ("superseded", "ready")


async def test_an_older_push_that_arrives_late_does_not_disturb_the_running_attempt(desk: Desk, world: World) -> None:
    gate = world.block("await_ready")
    handle, newer = await desk.deploy("bbbbbbb", minute=5)
    await world.begun["await_ready"].wait()
    _, older = await desk.deploy("aaaaaaa", minute=1)
    gate.set()
    closing = await handle.result()
    assert (outcome_of(closing, newer).state, outcome_of(closing, older).state) == ("ready", "superseded")
    assert "claim:2" not in world.calls


async def test_the_same_commit_again_joins_the_attempt_that_runs(desk: Desk, world: World) -> None:
    gate = world.block("await_ready")
    handle, first = await desk.deploy("aaaaaaa", minute=0)
    await world.begun["await_ready"].wait()
    _, again = await desk.deploy("aaaaaaa", minute=1)
    gate.set()
    closing = await handle.result()
    assert (outcome_of(closing, first).state, outcome_of(closing, again).state) == ("ready", "ready")
    assert world.calls.count("apply_stack:1") == 1
    assert "claim:2" not in world.calls


async def test_a_request_that_is_delivered_twice_counts_once(desk: Desk, world: World) -> None:
    gate = world.block("await_ready")
    handle, _ = await desk.deploy("aaaaaaa", request_id="one")
    await world.begun["await_ready"].wait()
    await desk.deploy("aaaaaaa", request_id="one")
    gate.set()
    assert len((await handle.result()).outcomes) == 1


async def test_the_same_commit_after_a_ready_verdict_is_checked_again(desk: Desk, world: World) -> None:
    handle, _ = await desk.deploy("aaaaaaa", minute=0)
    await handle.result()
    handle, again = await desk.deploy("aaaaaaa", minute=1)
    assert outcome_of(await handle.result(), again).state == "ready"
    assert "verify_page:2" in world.calls


async def test_a_request_that_joined_moves_the_time_of_the_record(desk: Desk, world: World) -> None:
    gate = world.block("await_ready")
    handle, _ = await desk.deploy("aaaaaaa", minute=1)
    await world.begun["await_ready"].wait()
    _, again = await desk.deploy("aaaaaaa", minute=5)
    _, late = await desk.deploy("bbbbbbb", minute=3)
    gate.set()
    closing = await handle.result()
    assert outcome_of(closing, late).state == "superseded", "it is older than the newest request for what runs"
    assert world.settled[-1].requested_at == again.requested_at


async def test_a_request_of_another_repository_stops_nothing(desk: Desk, world: World) -> None:
    gate = world.block("await_ready")
    handle, mine = await desk.deploy("aaaaaaa", minute=0)
    await world.begun["await_ready"].wait()
    world.answers["claim"] = refuse
    _, other = await desk.deploy("ccccccc", minute=1, repository="octo/other")
    gate.set()
    closing = await handle.result()
    assert (outcome_of(closing, mine).state, outcome_of(closing, other).state) == ("ready", "failed")


async def test_a_close_that_arrives_while_an_operator_cancels_is_served(desk: Desk, world: World) -> None:
    world.block("await_ready")
    gate = world.block("settle")
    handle, _ = await desk.deploy("aaaaaaa", minute=0)
    await world.begun["await_ready"].wait()
    await handle.cancel()
    await world.begun["settle"].wait()
    _, close = await desk.teardown(minute=1)
    gate.set()
    assert outcome_of(await handle.result(), close).state == "gone"


async def test_a_push_that_arrives_while_the_record_cannot_be_written_is_served(desk: Desk, world: World) -> None:
    def fail() -> None:
        raise UnavailableError("writing", obj="the record")

    world.answers["settle"] = fail
    _, first = await desk.deploy("aaaaaaa", minute=0)
    await world.begun["settle"].wait()
    handle, second = await desk.deploy("bbbbbbb", minute=1)
    await _until(world, "claim:2")
    world.answers.clear()
    closing = await handle.result()
    assert (outcome_of(closing, first).state, outcome_of(closing, second).state) == ("superseded", "ready")


def refuse() -> None:
    """What the record says to another repository."""
    raise ForeignNamespaceError("accepting a request for", obj="pr-7", remedy="it belongs to octo/shop")


async def _until(world: World, entry: str) -> None:
    async with asyncio.timeout(20):
        while entry not in world.timeline:
            await asyncio.sleep(0.01)
