"""Proves which request is accepted after which, and that the same one twice does no harm."""

import pytest

from stack.models import DeployRequest, Record, TeardownRequest
from stack.ordering import decide
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


def test_the_first_request_of_a_pull_request_is_generation_one() -> None:
    assert decide(deploy(), None).model_dump(include={"generation", "accepted"}) == {"generation": 1, "accepted": True}


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
    claim = decide(request_, record_of(before))
    assert (claim.accepted, claim.generation) == (accepted, generation)
    assert bool(claim.note) is not accepted


def test_the_note_names_what_was_accepted_before() -> None:
    assert "deploy of commit abcdef1 requested at 2026-03-01T12:00:00" in decide(deploy("b", minutes=-5), record_of(deploy("a"))).note
    assert "the teardown requested at" in decide(deploy("b", minutes=-5), record_of(teardown("a"))).note
