"""A teardown that is held up says what holds it, and an extension waits its turn."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError

from cli.temporal import follow
from stack.baton import STATUS_QUERY
from stack.models import Claim, Outcome, ReceiptItem
from tests.workflows.conftest import Desk, outcome_of
from tests.workflows.doubles import URLS, World
from workflows import removal
from workflows.attributes import HELD_BY, PHASE


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "PAUSES", (timedelta(milliseconds=200),))


def item(*, gone: bool, existed: bool = True, held_by: str = "") -> ReceiptItem:
    return ReceiptItem(object="Namespace pr-7", existed=existed, seen_gone=gone, seconds=0.1, held_by=held_by)


async def test_what_holds_a_teardown_is_named_and_the_rest_is_released_meanwhile(desk: Desk, world: World) -> None:
    looks = [item(gone=False, held_by="finalizers on the namespace: example.com/hold")] * 3
    looks_seen = world.begun["third"]

    def look() -> ReceiptItem:
        if world.calls.count("delete_namespace:1") == 3:
            looks_seen.set()
        return looks.pop() if looks else item(gone=True, existed=False)

    world.answers["delete_namespace"] = look
    handle, request = await desk.teardown()
    await looks_seen.wait()
    status: Outcome = await handle.query(STATUS_QUERY, result_type=Outcome)
    outcome = outcome_of(await handle.result(), request)
    assert "held by Namespace pr-7: finalizers on the namespace: example.com/hold" in status.note
    assert status.receipt is not None
    assert {each.object: each.seen_gone for each in status.receipt.items} == {"Namespace pr-7": False, "Database pr_7_temporal": True}
    assert outcome.receipt is not None
    namespace = next(each for each in outcome.receipt.items if each.object == "Namespace pr-7")
    assert (outcome.state, namespace.existed, namespace.seen_gone) == ("gone", True, True)
    assert namespace.held_by == "finalizers on the namespace: example.com/hold", "it is told what had held it"
    assert namespace.seconds > 0.5
    found = (await handle.describe()).typed_search_attributes
    assert (found.get(PHASE), found.get(HELD_BY)) == ("gone", None)
    assert world.calls.count("drop_databases:1") == 1


async def test_operators_find_a_stuck_teardown_by_its_search_attributes(desk: Desk, world: World) -> None:
    world.answers["delete_namespace"] = lambda: item(gone=False, held_by="an APIService does not answer " * 20)
    handle, _ = await desk.teardown()
    async with asyncio.timeout(20):
        while (found := (await handle.describe()).typed_search_attributes).get(PHASE) != "stuck":
            await asyncio.sleep(0.05)
    held = found.get(HELD_BY)
    assert held is not None
    assert held.startswith("Namespace pr-7: an APIService does not answer")
    assert len(held) <= 200
    del world.answers["delete_namespace"]
    await handle.result()


async def test_an_extension_of_a_preview_that_just_lives_is_answered_by_its_state(desk: Desk, world: World) -> None:
    handle, request = await desk.extend(1)
    outcome = outcome_of(await handle.result(), request)
    assert (outcome.state, outcome.note, outcome.urls) == ("ready", "pinned", URLS)
    assert world.calls == ["extend:1"]
    assert (await handle.describe()).typed_search_attributes.get(PHASE) == "ready"


async def test_an_extension_waits_for_the_deploy_that_runs_and_does_not_disturb_it(desk: Desk, world: World) -> None:
    gate = world.block("await_ready")
    handle, deploy = await desk.deploy("aaaaaaa")
    await world.begun["await_ready"].wait()
    _, extension = await desk.extend(1)
    await asyncio.sleep(0.3)
    assert "extend:1" not in world.calls
    gate.set()
    closing = await handle.result()
    assert (outcome_of(closing, deploy).state, outcome_of(closing, extension).note) == ("ready", "pinned")
    assert world.came_before("end settle:1", "extend:1")


async def test_an_extension_that_the_record_declines_changes_nothing_and_says_why(desk: Desk, world: World) -> None:
    ready = Outcome(request_id="earlier", state="ready", pr=7, sha="bbbbbbb", urls=URLS)
    world.answers["extend"] = lambda: Claim(generation=4, accepted=False, note="it meant generation 1", current=ready)
    handle, request = await desk.extend(1)
    closing = await handle.result()
    assert (outcome_of(closing, request).state, outcome_of(closing, request).note) == ("superseded", "it meant generation 1")
    assert closing.latest == ready


async def test_a_push_is_served_before_an_extension_that_came_earlier(desk: Desk, world: World) -> None:
    gate = world.block("delete_namespace")
    handle, _ = await desk.teardown(minute=0)
    await world.begun["delete_namespace"].wait()
    _, extension = await desk.extend(1)
    _, push = await desk.deploy("bbbbbbb", minute=1)
    gate.set()
    closing = await handle.result()
    assert outcome_of(closing, push).state == "ready"
    assert outcome_of(closing, extension).state == "ready"
    assert world.came_before("end settle:2", "extend:1")


async def test_a_cancelled_teardown_is_told_and_left_to_the_clean_up(desk: Desk, world: World) -> None:
    world.block("delete_namespace")
    handle, request = await desk.teardown()
    await world.begun["delete_namespace"].wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    outcome = await follow(handle, request, timedelta(seconds=10), lambda _: None)
    assert (outcome.state, outcome.note) == ("cancelled", "cancelled by an operator; the clean-up takes what is left")
    assert world.settled[-1].outcome.state == "cancelled"
    assert world.came_before("end delete_namespace:1", "settle:1")
