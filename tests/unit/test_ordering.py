"""Proves which request is accepted after which, and that the same one twice does no harm."""

from datetime import timedelta

import pytest

from stack.models import Claim, Condition, DeployRequest, ExtendRequest, Good, Record, TeardownRequest
from stack.ordering import NEVER, accept, ask_the_same, competes, decide, go_on
from tests.fakes.requests import NOON, deploy, teardown


def record_of(request: DeployRequest | TeardownRequest, generation: int = 4) -> Record:
    return Record(
        pr=1,
        repository=request.repository,
        generation=generation,
        kind=request.kind,
        request_id=request.id,
        requested_at=request.requested_at,
        state="running",
        commit=request.commit if isinstance(request, DeployRequest) else None,
        changed_at=NOON,
    )


def expiring(*, hours: int, pinned: bool = False) -> Record:
    """A ready preview whose time ends so many hours after noon."""
    return record_of(deploy("a")).model_copy(update={"state": "ready", "expires_at": NOON + timedelta(hours=hours), "pinned": pinned})


def test_the_first_request_of_a_pull_request_is_generation_one() -> None:
    assert decide(deploy(), None, NOON).model_dump(include={"generation", "accepted"}) == {"generation": 1, "accepted": True}


@pytest.mark.parametrize(
    ("request_", "before", "accepted", "generation"),
    [
        pytest.param(deploy("b", minutes=1), deploy("a"), True, 5, id="a later push is accepted"),
        pytest.param(deploy("b", minutes=-1), deploy("a"), False, 4, id="a CI job that arrives late rolls nothing back"),
        pytest.param(deploy("b"), deploy("a"), True, 5, id="a push of the same second is accepted"),
        pytest.param(deploy("a"), deploy("a"), True, 4, id="the same request again is the same generation"),
        pytest.param(teardown("b", minutes=1), deploy("a"), True, 5, id="a closing after a push is accepted"),
        pytest.param(teardown("b"), deploy("a"), True, 5, id="at equal times the closing wins over the push before it"),
        pytest.param(deploy("b"), teardown("a"), False, 4, id="at equal times the closing stands against the push after it"),
        pytest.param(deploy("b", minutes=-1), teardown("a"), False, 4, id="a late job of an old commit does not reopen"),
        pytest.param(deploy("b", minutes=1), teardown("a"), True, 5, id="a reopening after the closing is accepted"),
        pytest.param(teardown("b", minutes=-1), deploy("a"), False, 4, id="an old closing does not close a reopened pull request"),
        pytest.param(teardown("b"), teardown("a"), True, 5, id="closing twice is accepted twice"),
        pytest.param(teardown("a"), teardown("a"), True, 4, id="the same closing again is the same generation"),
    ],
)
def test_which_request_is_accepted(
    request_: DeployRequest | TeardownRequest, before: DeployRequest | TeardownRequest, accepted: bool, generation: int
) -> None:
    claim = decide(request_, record_of(before), NOON)
    assert (claim.accepted, claim.generation) == (accepted, generation)
    assert bool(claim.note) is not accepted


def test_the_note_names_what_was_accepted_before() -> None:
    assert "deploy of commit abcdef1 requested at 2026-03-01T12:00:00" in decide(deploy("b", minutes=-5), record_of(deploy("a")), NOON).note
    assert "the teardown requested at" in decide(deploy("b", minutes=-5), record_of(teardown("a")), NOON).note


def conditional(generation: int = 4, *, expired: bool = False) -> TeardownRequest:
    """As the clean-up would send it, long after everything else."""
    return teardown("c", minutes=999).model_copy(update={"condition": Condition(generation=generation, expired=expired)})


@pytest.mark.parametrize(
    ("request_", "record", "accepted"),
    [
        pytest.param(conditional(), record_of(deploy("a", minutes=5)), True, id="it means the accepted generation"),
        pytest.param(conditional(3), record_of(deploy("a")), False, id="a newer generation has been accepted"),
        pytest.param(conditional(0), None, True, id="it means that there is no record, and there is none"),
        pytest.param(conditional(0), record_of(deploy("a")), False, id="a first request has been accepted meanwhile"),
        pytest.param(conditional(4), None, False, id="the record has gone"),
        pytest.param(conditional(expired=True), expiring(hours=-1), True, id="the time is over"),
        pytest.param(conditional(expired=True), expiring(hours=0), True, id="the time is over just now"),
        pytest.param(conditional(expired=True), expiring(hours=1), False, id="it has been extended"),
        pytest.param(conditional(expired=True), expiring(hours=-1, pinned=True), False, id="it has been pinned"),
        pytest.param(conditional(expired=True), record_of(deploy("a")), False, id="it never expires"),
    ],
)
def test_a_request_of_the_clean_up_counts_while_what_it_saw_is_so(request_: TeardownRequest, record: Record | None, accepted: bool) -> None:
    claim = decide(request_, record, NOON)
    assert claim.accepted is accepted
    assert bool(claim.note) is not accepted


def test_a_request_of_the_clean_up_moves_no_time() -> None:
    before = record_of(deploy("a"))
    after = accept(conditional(), decide(conditional(), before, NOON), before, NOON)
    assert (after.generation, after.requested_at) == (5, NOON)
    first = accept(conditional(0), decide(conditional(0), None, NOON), None, NOON)
    assert first.requested_at == NEVER, "whatever the forge reports is later"


def test_a_preview_that_the_clean_up_brings_back_lives_no_longer() -> None:
    before = expiring(hours=1)
    again = deploy("c", minutes=999).model_copy(update={"condition": Condition(generation=4)})
    assert accept(again, decide(again, before, NOON), before, NOON).expires_at == NOON + timedelta(hours=1)


def test_a_deploy_keeps_what_was_good_and_the_pin_and_a_teardown_ends_both() -> None:
    before = record_of(deploy("a")).model_copy(update={"good": Good(request=deploy("a"), generation=4), "pinned": True})
    again = accept(deploy("b", minutes=1), Claim(generation=5, accepted=True), before, NOON)
    assert (again.good, again.pinned, again.expires_at) == (before.good, True, NOON + deploy().stack.ttl)
    gone = accept(teardown("t", minutes=1), Claim(generation=5, accepted=True), before, NOON)
    assert (gone.good, gone.pinned, gone.expires_at) == (None, False, None)
    reopened = accept(deploy("c", minutes=2), Claim(generation=6, accepted=True), gone, NOON)
    assert (reopened.good, reopened.pinned) == (None, False)


def test_requests_that_do_not_compete_are_never_the_same_as_others() -> None:
    assert ask_the_same(teardown("a"), teardown("b"))
    assert not ask_the_same(teardown("a"), conditional())
    extension = ExtendRequest(id="e", pr=1, repository="acme/shop", requested_at=NOON, generation=4, pinned=True)
    assert not competes(extension)
    assert not ask_the_same(extension, extension)


def test_work_that_has_ended_goes_on_under_a_number_of_its_own_and_once() -> None:
    before = record_of(deploy("a"), generation=4)
    assert (go_on(deploy("a"), before, 4).accepted, go_on(deploy("a"), before, 4).generation) == (True, 5)
    after = accept(deploy("a"), go_on(deploy("a"), before, 4), before, NOON)
    assert (after.generation, after.request_id, after.requested_at) == (5, "a", NOON)
    assert go_on(deploy("a"), after, 4).generation == 5, "asked again"
    assert not go_on(deploy("a"), record_of(deploy("b"), generation=5), 4).accepted, "somebody else has been accepted"
    assert not go_on(deploy("a"), None, 4).accepted
