"""What may not be deployed changes nothing: neither the record, nor what runs, nor what is under way."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import WorkflowFailureError

from cli.temporal import follow
from stack.admission import Admission
from stack.errors import RejectedError, UnavailableError
from stack.models import Category, Diagnosis, Outcome
from stack.stackfile_choice import as_given
from tests.workflows.conftest import Desk, outcome_of
from tests.workflows.doubles import URLS, World
from workflows.attributes import COMMIT, PHASE, URL

REFUSAL = Diagnosis(category=Category.NOT_ADMITTED, object="pull request 7", summary="It comes from a fork.", resolution="Approve it.")
READY = Outcome(request_id="earlier", state="ready", pr=7, generation=4, sha="0000000", urls=URLS)


def refuse(world: World, commit: str, current: Outcome | None = None) -> None:
    world.answers[f"admit {commit}"] = lambda: Admission(refusal=REFUSAL, current=current)


async def test_a_deploy_is_asked_about_first_and_once(desk: Desk, world: World) -> None:
    handle, request = await desk.deploy("aaaaaaa")
    outcome = outcome_of(await handle.result(), request)
    assert (outcome.state, world.admitted) == ("ready", ["aaaaaaa"])
    assert next(iter(outcome.seconds)) == "admit"


async def test_a_refused_first_deploy_fails_with_the_explanation_and_changes_nothing(desk: Desk, world: World) -> None:
    refuse(world, "aaaaaaa")
    handle, request = await desk.deploy("aaaaaaa")
    closing = await handle.result()
    outcome = outcome_of(closing, request)
    assert (outcome.state, outcome.diagnosis, outcome.generation) == ("failed", REFUSAL, 0)
    assert world.calls == [], "not even the record was asked"
    assert closing.latest == outcome
    assert (await handle.describe()).typed_search_attributes.get(PHASE) == "failed"


async def test_a_refused_push_leaves_the_preview_and_whoever_looks_sees_that_it_runs(desk: Desk, world: World) -> None:
    refuse(world, "bbbbbbb", READY)
    handle, request = await desk.deploy("bbbbbbb")
    closing = await handle.result()
    assert outcome_of(closing, request).diagnosis == REFUSAL
    assert (world.calls, closing.latest) == ([], READY)
    found = (await handle.describe()).typed_search_attributes
    assert (found.get(COMMIT), found.get(PHASE), found.get(URL)) == ("0000000", "ready", URLS.webapp)


async def test_one_that_comes_too_late_is_superseded(desk: Desk, world: World) -> None:
    world.answers["admit aaaaaaa"] = lambda: Admission(superseded="a newer one was accepted before", current=READY)
    handle, request = await desk.deploy("aaaaaaa")
    closing = await handle.result()
    outcome = outcome_of(closing, request)
    assert (outcome.state, outcome.note, outcome.diagnosis) == ("superseded", "a newer one was accepted before", None)
    assert (world.calls, closing.latest) == ([], READY)


async def test_the_stack_file_that_counts_is_used_and_the_verdict_says_so(desk: Desk, world: World) -> None:
    handle, request = await desk.deploy("aaaaaaa")
    given = as_given(request).request
    assert given is not None
    await handle.result()
    other = given.model_copy(update={"stack": given.stack.model_copy(update={"ttl": timedelta(hours=1)})})
    world.answers["admit bbbbbbb"] = lambda: Admission(request=other, note="the stack file is another")
    handle, request = await desk.deploy("bbbbbbb", minute=1)
    assert outcome_of(await handle.result(), request).note == "the stack file is another"
    good = world.settled[-1].good
    assert good is not None
    assert good.stack == other.stack, "going back uses the stack file that was good then"


async def test_a_refused_push_does_not_stop_the_attempt_that_runs(desk: Desk, world: World) -> None:
    gate = world.block("await_ready")
    refuse(world, "bbbbbbb")
    handle, first = await desk.deploy("aaaaaaa", minute=0)
    await world.begun["await_ready"].wait()
    _, refused = await desk.deploy("bbbbbbb", minute=1)
    outcome = await follow(handle, refused, timedelta(seconds=10), lambda _: None)
    assert (outcome.state, outcome.diagnosis) == ("failed", REFUSAL), "told while the other one runs"
    gate.set()
    closing = await handle.result()
    assert (outcome_of(closing, first).state, outcome_of(closing, first).generation) == ("ready", 1)
    assert closing.latest.sha == "aaaaaaa"
    assert "claim:2" not in world.calls


async def test_the_attempt_goes_on_while_is_asked_whether_the_newer_push_may_stop_it(desk: Desk, world: World) -> None:
    answered, gate = world.block("admit bbbbbbb"), world.block("await_ready")
    handle, first = await desk.deploy("aaaaaaa", minute=0)
    await world.begun["await_ready"].wait()
    _, second = await desk.deploy("bbbbbbb", minute=1)
    await world.begun["admit bbbbbbb"].wait()
    gate.set()
    assert (await follow(handle, first, timedelta(seconds=10), lambda _: None)).state == "ready"
    answered.set()
    assert outcome_of(await handle.result(), second).state == "ready"
    assert world.applied == ["aaaaaaa", "bbbbbbb"]


async def test_a_close_waits_for_no_answer_of_the_forge(desk: Desk, world: World) -> None:
    world.block("admit bbbbbbb")
    world.block("await_ready")
    _, first = await desk.deploy("aaaaaaa", minute=0)
    await world.begun["await_ready"].wait()
    _, second = await desk.deploy("bbbbbbb", minute=1)
    await world.begun["admit bbbbbbb"].wait()
    handle, close = await desk.teardown(minute=2)
    closing = await handle.result()
    assert [outcome_of(closing, each).state for each in (first, second, close)] == ["superseded", "superseded", "gone"]


async def test_what_waited_with_a_refused_push_is_compared_again(desk: Desk, world: World) -> None:
    answered, gate = world.block("admit ccccccc"), world.block("await_ready")
    refuse(world, "ccccccc")
    handle, current = await desk.deploy("bbbbbbb", minute=2)
    await world.begun["await_ready"].wait()
    _, refused = await desk.deploy("ccccccc", minute=3)
    await world.begun["admit ccccccc"].wait()
    _, older = await desk.deploy("aaaaaaa", minute=1)
    _, same = await desk.deploy("bbbbbbb", minute=2)
    answered.set()
    await follow(handle, refused, timedelta(seconds=10), lambda _: None)
    gate.set()
    closing = await handle.result()
    assert [outcome_of(closing, each).state for each in (current, older, same)] == ["ready", "superseded", "ready"]
    assert world.applied == ["bbbbbbb"]


async def test_a_forge_that_is_away_is_waited_for_and_the_caller_reads_so(desk: Desk, world: World) -> None:
    def away_for_two_tries() -> Admission:
        if len(world.admitted) < 3:
            raise UnavailableError("asking the forge for", obj="pull request 7")
        return Admission(request=as_given(request).request)

    world.answers["admit aaaaaaa"] = away_for_two_tries
    handle, request = await desk.deploy("aaaaaaa")
    assert outcome_of(await handle.result(), request).state == "ready"
    assert len(world.admitted) == 3


async def test_what_cannot_be_found_out_is_refused(desk: Desk, world: World) -> None:
    def broken() -> Admission:
        raise RejectedError("reading", obj="ConfigMap record", answer="a newer version wrote it")

    world.answers["admit aaaaaaa"] = broken
    handle, request = await desk.deploy("aaaaaaa")
    outcome = outcome_of(await handle.result(), request)
    assert outcome.state == "failed"
    assert outcome.diagnosis is not None
    assert "a newer version wrote it" in outcome.diagnosis.summary
    assert world.calls == []


async def test_who_cancels_while_is_asked_has_nothing_to_undo(desk: Desk, world: World) -> None:
    world.block("admit aaaaaaa")
    handle, request = await desk.deploy("aaaaaaa")
    await world.begun["admit aaaaaaa"].wait()
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    assert (await follow(handle, request, timedelta(seconds=10), lambda _: None)).state == "cancelled"
    assert world.calls == []


async def test_who_cancels_while_is_asked_about_a_newer_push_cancels_the_attempt(desk: Desk, world: World) -> None:
    world.block("admit bbbbbbb")
    world.block("await_ready")
    handle, first = await desk.deploy("aaaaaaa", minute=0)
    await world.begun["await_ready"].wait()
    await desk.deploy("bbbbbbb", minute=1)
    await world.begun["admit bbbbbbb"].wait()
    await handle.cancel()
    await asyncio.sleep(0.5)
    world.gates.clear()
    await asyncio.gather(handle.result(), return_exceptions=True)
    assert (await follow(handle, first, timedelta(seconds=10), lambda _: None)).state in {"cancelled", "superseded"}
