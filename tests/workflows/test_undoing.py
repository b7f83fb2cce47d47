"""What is done of an attempt that failed or was cancelled is undone, or kept for whoever looks for the cause."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError

from cli.temporal import Handle, follow
from stack.errors import NoCapacityError, RejectedError
from stack.models import Absence, Category, Check, DeployRequest, Diagnosis, Outcome, ReceiptItem
from stack.stackfile_choice import as_given
from tests.workflows.conftest import EVENING, Desk, good, outcome_of
from tests.workflows.doubles import MIDNIGHT, URLS, World
from workflows.attributes import PHASE, URL

CRASH = Diagnosis(category=Category.CRASH, object="Pod webapp", summary="It crashes.", resolution="Mend it.")


async def cancelled(handle: Handle, request: DeployRequest) -> Outcome:
    """The run ends as cancelled, and its caller learns what became of the preview."""
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    return await follow(handle, request, timedelta(seconds=10), lambda _: None)


def crash_once(world: World) -> None:
    """The first attempt's workloads are never ready, those after it are."""
    verdicts = [Check(diagnosis=CRASH, temporal_away=Absence(since=EVENING))]
    back = Check(temporal_away=Absence(since=EVENING, until=EVENING + timedelta(seconds=7)))
    world.answers["await_ready"] = lambda: verdicts.pop() if verdicts else back


async def test_a_failed_update_goes_back_to_what_was_good(desk: Desk, world: World) -> None:
    world.good = good("0000000")
    crash_once(world)
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert (outcome.state, outcome.diagnosis, outcome.urls) == ("failed", CRASH, URLS)
    assert (outcome.note, outcome.generation) == ("generation 1 (commit 0000000) runs again as generation 2", 2)
    assert world.applied == ["abcdef1", "0000000"]
    assert outcome.temporal_away == 7
    assert {"wait", "back: wait", "back: smoke"} <= outcome.seconds.keys()
    assert (outcome.expires_at, world.settled[-1].good) == (MIDNIGHT, None)
    found = (await handle.describe()).typed_search_attributes
    assert (found.get(PHASE), found.get(URL)) == ("failed", URLS.webapp)


async def test_images_are_checked_before_anything_that_runs_is_touched(desk: Desk, world: World) -> None:
    world.good = good()
    world.answers["check_images"] = lambda: Check(diagnosis=CRASH)
    handle, request = await desk.deploy("abcdef1")
    assert outcome_of(await handle.result(), request).state == "failed"
    assert world.applied == ["0000000"], "the new commit was not applied"
    assert world.came_before("end check_images:1", "create_databases:2")


async def test_a_first_attempt_checks_no_images_and_reports_no_absence(desk: Desk, world: World) -> None:
    world.answers["await_ready"] = lambda: Check(temporal_away=Absence(since=EVENING, until=MIDNIGHT))
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert (outcome.state, outcome.temporal_away, outcome.expires_at) == ("ready", None, MIDNIGHT)
    assert "check_images:1" not in world.calls
    assert world.settled[-1].good == as_given(request).request


async def test_going_back_that_fails_says_both(desk: Desk, world: World) -> None:
    world.good = good()
    world.answers["await_ready"] = lambda: Check(diagnosis=CRASH)
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert (outcome.state, outcome.diagnosis, outcome.urls) == ("failed", CRASH, None)
    assert outcome.note == "going back to generation 1 (commit 0000000) failed as well: It crashes."


async def test_a_newer_push_stops_the_way_back(desk: Desk, world: World) -> None:
    world.good = good()
    world.answers["verify_page"] = lambda: Check(diagnosis=CRASH) if world.applied[-1] == "aaaaaaa" else Check()
    handle, first = await desk.deploy("aaaaaaa")
    world.block("create_databases")
    world.gates["create_databases"].set()
    await world.begun["verify_page"].wait()
    world.gates["create_databases"].clear()
    await _until(world, 1, "create_databases:2")
    _, second = await desk.deploy("bbbbbbb", minute=1)
    await _until(world, 1, "end create_databases:2")
    world.gates.clear()
    closing = await handle.result()
    assert (outcome_of(closing, first).state, outcome_of(closing, second).state) == ("superseded", "ready")
    assert world.applied == ["aaaaaaa", "bbbbbbb"]


async def _until(world: World, times: int, entry: str) -> None:
    async with asyncio.timeout(20):
        while world.timeline.count(entry) < times:
            await asyncio.sleep(0.01)


async def test_a_failed_first_attempt_keeps_its_evidence_for_a_while_and_says_so(desk: Desk, world: World) -> None:
    world.answers["await_ready"] = lambda: Check(diagnosis=CRASH)
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert "kept until" in outcome.note
    ended = (await handle.describe()).close_time
    assert ended is not None
    assert outcome.expires_at is not None
    assert timedelta(minutes=59) < outcome.expires_at - ended <= timedelta(hours=1)
    assert world.settled[-1].outcome.expires_at == outcome.expires_at


def refuse() -> None:
    raise NoCapacityError("admit pr-7 to", obj="PostgreSQL", answer="of 22 connections 0 are left")


async def test_a_first_attempt_for_which_there_is_no_room_is_removed(desk: Desk, world: World) -> None:
    world.answers["create_databases"] = refuse
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert outcome.diagnosis is not None
    assert (outcome.state, outcome.diagnosis.category) == ("failed", Category.CAPACITY)
    assert "of 22 connections 0 are left" in outcome.diagnosis.summary
    assert (outcome.note, outcome.expires_at) == ("what it had made is gone", None)
    assert world.came_before("end create_databases:1", "delete_namespace:2"), "under a number of its own"
    assert world.applied == []


async def test_what_is_left_of_one_for_which_there_is_no_room_is_taken_after_a_while(desk: Desk, world: World) -> None:
    held = ReceiptItem(object="Namespace pr-7", existed=True, seen_gone=False, seconds=12, held_by="finalizers")
    world.answers |= {"create_databases": refuse, "delete_namespace": lambda: held}
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert outcome.expires_at is not None
    assert "failedTtl" in outcome.note


async def test_an_update_that_asks_for_more_than_there_is_goes_back_to_what_was_good(desk: Desk, world: World) -> None:
    world.good = good("0000000")
    refusals = [refuse]
    world.answers["create_databases"] = lambda: refusals.pop()() if refusals else None
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert outcome.note == "generation 1 (commit 0000000) runs again as generation 2"
    assert world.applied == ["0000000"]


async def test_a_cancelled_first_attempt_removes_what_it_made(desk: Desk, world: World) -> None:
    world.block("await_ready")
    handle, request = await desk.deploy("abcdef1")
    await world.begun["await_ready"].wait()
    await handle.cancel()
    outcome = await cancelled(handle, request)
    assert (outcome.state, outcome.note) == ("cancelled", "cancelled by an operator; what it had made is gone")
    assert outcome.receipt is not None
    assert world.came_before("end await_ready:1", "delete_namespace:2"), "under a number of its own"
    assert world.settled[-1].outcome.state == "cancelled"


async def test_what_a_cancelled_attempt_cannot_remove_is_named(desk: Desk, world: World) -> None:
    held = ReceiptItem(object="Namespace pr-7", existed=True, seen_gone=False, seconds=12, held_by="finalizers")
    world.answers["delete_namespace"] = lambda: held
    world.block("await_ready")
    handle, request = await desk.deploy("abcdef1")
    await world.begun["await_ready"].wait()
    await handle.cancel()
    outcome = await cancelled(handle, request)
    assert outcome.note == "cancelled by an operator; still there: Namespace pr-7: finalizers"
    assert world.calls.count("delete_namespace:2") == 3, "bounded"


async def test_a_cancelled_update_goes_back_to_what_was_good(desk: Desk, world: World) -> None:
    world.good = good("0000000")
    world.block("await_ready")
    handle, request = await desk.deploy("abcdef1")
    await world.begun["await_ready"].wait()
    await handle.cancel()
    await _until(world, 1, "end await_ready:1")
    world.gates.clear()
    outcome = await cancelled(handle, request)
    assert (outcome.state, outcome.note, outcome.urls) == ("cancelled", "generation 1 (commit 0000000) runs again as generation 2", URLS)
    assert world.applied == ["abcdef1", "0000000"]


async def test_undoing_that_cannot_be_done_is_left_to_the_clean_up(desk: Desk, world: World) -> None:
    def refuse() -> None:
        raise RejectedError("deleting", obj="Namespace pr-7", answer="forbidden")

    world.block("await_ready")
    world.answers["delete_namespace"] = refuse
    handle, request = await desk.deploy("abcdef1")
    await world.begun["await_ready"].wait()
    await handle.cancel()
    outcome = await cancelled(handle, request)
    assert outcome.state == "cancelled"
    assert "forbidden" in outcome.note
    assert "clean-up" in outcome.note


async def test_a_push_that_comes_while_a_cancelled_attempt_is_undone_is_served(desk: Desk, world: World) -> None:
    world.block("await_ready")
    handle, first = await desk.deploy("aaaaaaa")
    await world.begun["await_ready"].wait()
    world.block("delete_namespace")
    await handle.cancel()
    await world.begun["delete_namespace"].wait()
    _, second = await desk.deploy("bbbbbbb", minute=1)
    world.gates.clear()
    closing = await handle.result()
    assert outcome_of(closing, first).state in ("cancelled", "superseded")
    assert outcome_of(closing, second).state == "ready"
