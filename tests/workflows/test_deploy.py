"""What DeployPreview does, in which order, and what each caller learns."""

import pytest

from stack.errors import ForeignNamespaceError, RejectedError, UnavailableError
from stack.models import Category, Check, Claim, Diagnosis, Outcome, SecretsReport
from tests.workflows.conftest import Desk, outcome_of
from tests.workflows.doubles import URLS, World
from workflows.attributes import COMMIT, PHASE, URL

CRASH = Diagnosis(category=Category.CRASH, object="Pod webapp", summary="It crashes.", resolution="Mend it.")


async def test_a_deploy_goes_through_all_steps_in_order_and_ends_ready(desk: Desk, world: World) -> None:
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert (outcome.state, outcome.sha, outcome.urls, outcome.generation) == ("ready", "abcdef1", URLS, 1)
    assert world.calls[0] == "claim:1"
    assert set(world.calls[1:3]) == {"prepare_namespace:1", "prepare_template:1"}
    assert set(world.calls[3:5]) == {"create_databases:1", "write_secret:1"}
    assert world.calls[5:7] == ["apply_stack:1", "await_ready:1"]
    assert set(world.calls[7:11]) == {"verify_page:1", "verify_ui:1", "verify_worker:1", "run_smoke:1"}
    assert world.calls[11:] == ["settle:1"]
    assert {"claim", "namespace", "template", "databases", "secrets", "apply", "wait", "smoke"} <= outcome.seconds.keys()


async def test_operators_find_a_preview_by_its_search_attributes(desk: Desk) -> None:
    handle, _ = await desk.deploy("abcdef1")
    await handle.result()
    found = (await handle.describe()).typed_search_attributes
    assert (found.get(COMMIT), found.get(PHASE), found.get(URL)) == ("abcdef1", "ready", URLS.webapp)


@pytest.mark.parametrize("step", ["await_ready", "verify_page", "verify_ui", "verify_worker", "run_smoke"])
async def test_a_check_that_does_not_pass_fails_the_attempt_with_its_diagnosis(desk: Desk, world: World, step: str) -> None:
    world.answers[step] = lambda: Check(diagnosis=CRASH)
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert (outcome.state, outcome.diagnosis) == ("failed", CRASH)
    assert world.settled[-1].outcome.state == "failed"


async def test_an_app_that_works_with_another_temporal_is_not_looked_for_in_its_own(desk: Desk, world: World) -> None:
    world.answers["write_secret"] = lambda: SecretsReport(keys=("KEY",), sets_temporal_address=True)
    handle, request = await desk.deploy("abcdef1")
    assert outcome_of(await handle.result(), request).state == "ready"
    assert "verify_page:1" in world.calls
    assert not {"verify_worker:1", "run_smoke:1"} & set(world.calls)


async def test_a_permanent_error_is_not_tried_again_and_becomes_a_diagnosis(desk: Desk, world: World) -> None:
    def refuse() -> None:
        raise ForeignNamespaceError("preparing", obj="Namespace pr-7", remedy="it belongs to somebody else")

    world.answers["prepare_namespace"] = refuse
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert outcome.diagnosis is not None
    assert outcome.diagnosis.category is Category.FOREIGN
    assert "belongs to somebody else" in outcome.diagnosis.summary
    assert world.calls.count("prepare_namespace:1") == 1


async def test_a_transient_error_is_tried_again_until_it_passes(desk: Desk, world: World) -> None:
    def fail_twice() -> None:
        if world.calls.count("apply_stack:1") < 3:
            raise UnavailableError("applying", obj="Deployment webapp")

    world.answers["apply_stack"] = fail_twice
    handle, request = await desk.deploy("abcdef1")
    assert outcome_of(await handle.result(), request).state == "ready"
    assert world.calls.count("apply_stack:1") == 3


async def test_a_request_that_the_record_refuses_is_superseded_and_changes_nothing(desk: Desk, world: World) -> None:
    ready = Outcome(request_id="earlier", state="ready", pr=7, sha="bbbbbbb", urls=URLS)
    world.answers["claim"] = lambda: Claim(generation=4, accepted=False, note="a newer one was accepted before", current=ready)
    handle, request = await desk.deploy("abcdef1")
    closing = await handle.result()
    outcome = outcome_of(closing, request)
    assert (outcome.state, outcome.note) == ("superseded", "a newer one was accepted before")
    assert world.calls == ["claim:1"]
    assert closing.latest == ready, "whoever asks for the status learns how the preview is"
    found = (await handle.describe()).typed_search_attributes
    assert (found.get(COMMIT), found.get(PHASE), found.get(URL)) == ("bbbbbbb", "ready", URLS.webapp)


async def test_the_step_that_failed_first_is_told_and_not_the_one_that_was_stopped(desk: Desk, world: World) -> None:
    world.block("verify_page")
    world.answers["run_smoke"] = lambda: Check(diagnosis=CRASH)
    handle, request = await desk.deploy("abcdef1")
    assert outcome_of(await handle.result(), request).diagnosis == CRASH


async def test_a_record_that_cannot_be_written_does_not_hide_the_outcome(desk: Desk, world: World) -> None:
    def refuse() -> None:
        raise RejectedError("writing", obj="the record", answer="no right")

    world.answers["settle"] = refuse
    handle, request = await desk.deploy("abcdef1")
    outcome = outcome_of(await handle.result(), request)
    assert outcome.state == "ready"
    assert "could not be written" in outcome.note


async def test_a_teardown_removes_the_namespace_even_if_the_databases_cannot_be_dropped(desk: Desk, world: World) -> None:
    def refuse() -> None:
        raise RejectedError("dropping", obj="Database pr_7_temporal", answer="password authentication failed")

    gate = world.block("delete_namespace")
    world.answers["drop_databases"] = refuse
    handle, request = await desk.teardown()
    await world.begun["drop_databases"].wait()
    gate.set()
    outcome = outcome_of(await handle.result(), request)
    assert outcome.state == "failed"
    assert outcome.diagnosis is not None
    assert "password authentication failed" in outcome.diagnosis.summary
    assert outcome.receipt is not None
    assert [item.object for item in outcome.receipt.items] == [f"Namespace {desk.namespace}"]
