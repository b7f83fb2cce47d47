"""Proves who may have a preview: every combination of what the forge can say and what the installation allows."""

from itertools import product
from typing import Any

import pytest

from stack.admission import PullRequest, Review, approvers, refusal, wants_approval
from stack.models import Category
from stack.settings import Settings

HEAD = "a" * 40
OLDER = "b" * 40


def pull(**facts: Any) -> PullRequest:
    return PullRequest(
        **{
            "repository": "octo/shop",
            "number": 7,
            "state": "open",
            "head": HEAD,
            "head_repository": "octo/shop",
            "base": "main",
            "author": "ann",
            "by_bot": False,
            **facts,
        }
    )


def settings(forks: str = "refuse", bots: str = "refuse") -> Settings:
    return Settings.from_env({"PREVIEWS_FORKS": forks, "PREVIEWS_BOTS": bots})


WHERE = {"of the team": "octo/shop", "from a fork": "stranger/shop", "from a fork that is gone": None}
COMMITS = {"the head": HEAD, "the head, abbreviated": HEAD[:12], "another commit": OLDER}


Row = tuple[str, str, bool, str, str, str, str]


def table() -> list[Row]:
    """State, where from, by a bot, which commit, approver, policy for forks, policy for bots."""
    return list(
        product(
            ("open", "closed", "unknown"),
            WHERE,
            (False, True),
            COMMITS,
            ("", "lead"),
            ("refuse", "approved"),
            ("refuse", "allow", "approved"),
        )
    )


def expected(row: Row) -> bool:
    """The rules in other words than the code has."""
    state, where, by_bot, commit, approver, forks, bots = row
    if state != "open":
        return False
    approved = commit == "the head" and bool(approver)
    own = where == "of the team"
    by_fork_rule = own or (forks == "approved" and approved)
    by_bot_rule = not by_bot or bots == "allow" or (bots == "approved" and approved)
    return by_fork_rule and by_bot_rule


@pytest.mark.parametrize("row", table(), ids=lambda row: ", ".join(map(str, row)))
def test_the_whole_table(row: Row) -> None:
    state, where, by_bot, commit, approver, forks, bots = row
    facts = pull(state=state, head_repository=WHERE[where], by_bot=by_bot)
    found = refusal(facts, COMMITS[commit], approver, settings(forks, bots))
    assert (found is None) is expected(row)
    if found is not None:
        assert found.category is Category.NOT_ADMITTED
        assert found.object == "pull request 7 of octo/shop"
        assert found.summary
        assert found.resolution


def test_nobody_is_asked_for_an_approval_that_changes_nothing() -> None:
    fork, bot = pull(head_repository="stranger/shop"), pull(by_bot=True)
    assert not wants_approval(pull(), settings("approved", "approved"))
    assert not wants_approval(fork, settings("refuse", "approved"))
    assert not wants_approval(bot, settings("approved", "allow"))
    assert not wants_approval(pull(head_repository=None, state="closed"), settings("approved"))
    assert wants_approval(fork, settings("approved"))
    assert wants_approval(bot, settings("refuse", "approved"))


REFUSED = {
    "a fork, by default": (pull(head_repository="stranger/shop"), HEAD, settings(), "the fork stranger/shop", "branch of octo/shop"),
    "a bot, by default": (pull(by_bot=True, author="dependabot[bot]"), HEAD, settings(), "of the bot dependabot[bot]", "PREVIEWS_BOTS"),
    "a deleted fork": (pull(head_repository=None), HEAD, settings("approved"), "a fork that was deleted", "approves it"),
    "not approved": (pull(head_repository="stranger/shop"), HEAD, settings("approved"), "nobody with write access", "approves it"),
    "an older commit": (pull(head_repository="stranger/shop"), OLDER, settings("approved"), f"is {HEAD}", "the newest push"),
    "closed": (pull(state="closed"), HEAD, settings(), "it is closed", "Reopen it"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_says_what_is_the_matter_and_what_to_do(name: str) -> None:
    facts, commit, given, summary, resolution = REFUSED[name]
    found = refusal(facts, commit, "", given)
    assert found is not None
    assert summary in found.summary
    assert resolution in found.resolution


def test_the_name_of_a_repository_is_compared_as_the_forge_does() -> None:
    assert not pull(head_repository="Octo/Shop").from_fork


def review(reviewer: str, state: str = "APPROVED", commit: str | None = HEAD, *, by_bot: bool = False, of_team: bool = True) -> Review:
    return Review(reviewer=reviewer, state=state, commit=commit, by_bot=by_bot, of_team=of_team)


APPROVALS = {
    "nobody looked": ([], []),
    "approved": ([review("lead")], ["lead"]),
    "approved before the newest push": ([review("lead", commit=OLDER)], []),
    "approved without a commit": ([review("lead", commit=None)], []),
    "approved again after the newest push": ([review("lead", commit=OLDER), review("lead")], ["lead"]),
    "approved, then thought otherwise": ([review("lead"), review("lead", "CHANGES_REQUESTED")], []),
    "thought otherwise, then approved": ([review("lead", "CHANGES_REQUESTED"), review("lead")], ["lead"]),
    "approved, then dismissed": ([review("lead", "DISMISSED")], []),
    "approved, then commented": ([review("lead"), review("lead", "COMMENTED")], ["lead"]),
    "only commented": ([review("lead", "COMMENTED"), review("lead", "PENDING")], []),
    "one approves and one objects": ([review("lead"), review("deputy", "CHANGES_REQUESTED")], ["lead"]),
    "the author": ([review("Ann")], []),
    "a bot": ([review("approver[bot]", by_bot=True)], []),
    "the team is asked first": ([review("x", of_team=False), review("lead"), review("y", of_team=False)], ["lead", "x", "y"]),
}


@pytest.mark.parametrize("name", APPROVALS)
def test_an_approval_counts_for_the_very_head_and_until_it_is_taken_back(name: str) -> None:
    reviews, expected_ones = APPROVALS[name]
    assert approvers(pull(head_repository="stranger/shop"), reviews) == expected_ones


def test_a_crowd_that_approves_does_not_hide_the_one_who_may() -> None:
    crowd = [review(f"sock-{number}", of_team=False) for number in range(500)]
    found = approvers(pull(), [*crowd, review("lead")])
    assert found[0] == "lead"
    assert len(found) == 20
