"""Who may have a preview: decided by what the forge says of a pull request and by the installation's policies, never by what a caller says.

| the pull request | PREVIEWS_FORKS, PREVIEWS_BOTS | and | then |
| --- | --- | --- | --- |
| the forge does not show it, or it is not open | any | any | refused |
| from a fork, or of a fork that is gone | refuse | any | refused |
| of a bot | refuse | any | refused |
| either | approved | somebody with write access approved the commit, which is the head | admitted |
| either | approved | otherwise | refused |
| of a bot, not from a fork | allow | any | admitted |
| of the team | any | any | admitted |

The commit of an admitted pull request of the team is not looked at: whoever may push to the repository may run its commits.
"""

from collections.abc import Iterable
from typing import Final, Literal

from stack.model import Model
from stack.models import Category, Deployment, DeployRequest, Diagnosis, Outcome
from stack.settings import Settings

MOST_ASKED: Final = 20
"""Reviewers of whom is asked whether they may write: anybody may approve a public pull request, in any number."""


class Admitting(Model):
    """A deploy request that asks to be let in."""

    namespace: str
    request: DeployRequest


class Admission(Model):
    """What became of it: exactly one of `request`, `refusal` and `superseded`."""

    request: Deployment | None = None
    """As it may be carried out."""
    note: str = ""
    """What the caller should know of it."""
    refusal: Diagnosis | None = None
    superseded: str = ""
    """Why it comes too late: a newer request has been accepted."""
    current: Outcome | None = None
    """How the pull request is, whatever was asked for."""


class PullRequest(Model):
    """What the forge says of a pull request."""

    repository: str
    """Where it is to be merged, by its present name."""
    number: int
    state: Literal["open", "closed", "unknown"]
    head: str
    """The whole hash of its newest commit."""
    head_repository: str | None
    """None: the fork was deleted."""
    base: str
    """Name of the branch that it is to be merged into."""
    author: str
    by_bot: bool

    @property
    def from_fork(self) -> bool:
        return self.head_repository is None or self.head_repository.casefold() != self.repository.casefold()


class Review(Model):
    """One review, as the forge lists them: the oldest first."""

    reviewer: str
    state: str
    """APPROVED, CHANGES_REQUESTED, DISMISSED, COMMENTED, PENDING."""
    commit: str | None
    """The whole hash of the commit that was looked at."""
    by_bot: bool
    of_team: bool
    """Whether the forge counts the reviewer among the people of the repository; whether they may write is another question."""


def wants_approval(pull: PullRequest, settings: Settings) -> bool:
    """Whether it matters who approved it."""
    return pull.state == "open" and _barred(pull, settings) is None and _approved_only(pull, settings)


def refusal(pull: PullRequest, commit: str, approver: str, settings: Settings) -> Diagnosis | None:
    """Why the commit may not be deployed and what to do; None: it may. `approver` is who with write access approved the head, or empty."""
    if pull.state != "open":
        return refused(pull, f"The forge says that it is {pull.state}.", "Reopen it, then deploy again.")
    if barred := _barred(pull, settings):
        return barred
    if not _approved_only(pull, settings):
        return None
    if commit != pull.head:
        return refused(
            pull,
            f"Commit {commit} is not its head, which is {pull.head}; only the head can have been approved.",
            "Let the job of the newest push deploy it, with the whole hash of the head (not of a merge commit) as --sha.",
        )
    if not approver:
        return refused(
            pull,
            f"{_kind(pull)}, and nobody with write access has approved commit {pull.head[:12]}.",
            "Somebody who may push to the repository reads the commit and approves it in a review; then run the job again.",
        )
    return None


def _barred(pull: PullRequest, settings: Settings) -> Diagnosis | None:
    """The policy that lets none of its kind in."""
    for is_one, policy, name in (
        (pull.from_fork, settings.forks, "PREVIEWS_FORKS"),
        (pull.by_bot, settings.bots, "PREVIEWS_BOTS"),
    ):
        if is_one and policy == "refuse":
            return refused(
                pull,
                f"{_kind(pull)}, and such pull requests get no preview here.",
                f"Push the commits to a branch of {pull.repository} itself, or let the operator set {name}=approved.",
            )
    return None


def _approved_only(pull: PullRequest, settings: Settings) -> bool:
    return pull.from_fork or (pull.by_bot and settings.bots == "approved")


def _kind(pull: PullRequest) -> str:
    where = f"the fork {pull.head_repository}" if pull.head_repository else "a fork that was deleted"
    return f"It comes from {where}" if pull.from_fork else f"It is of the bot {pull.author}"


def refused(pull: PullRequest, summary: str, resolution: str) -> Diagnosis:
    return not_admitted(pull.repository, pull.number, summary, resolution)


def not_admitted(repository: str, pr: int, summary: str, resolution: str, detail: str = "") -> Diagnosis:
    return Diagnosis(
        category=Category.NOT_ADMITTED,
        object=f"pull request {pr} of {repository}",
        summary=summary,
        detail=detail,
        resolution=resolution,
    )


def approvers(pull: PullRequest, reviews: Iterable[Review]) -> list[str]:
    """Who approved the very head and has not thought otherwise since, people of the team first. Whether they may write is to be asked.

    Nobody approves their own work, and no bot that of others.
    """
    last = {review.reviewer: review for review in reviews if review.state in {"APPROVED", "CHANGES_REQUESTED", "DISMISSED"}}
    standing = [review for review in last.values() if review.state == "APPROVED" and review.commit == pull.head and not review.by_bot]
    ordered = sorted(standing, key=lambda review: not review.of_team)
    return [review.reviewer for review in ordered if review.reviewer.casefold() != pull.author.casefold()][:MOST_ASKED]
