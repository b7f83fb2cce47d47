"""What the runs of one pull request pass on to each other, and what callers see of them.

All work on one pull request runs under one workflow ID. DeployPreview and TeardownPreview hand the baton to each other by continue-as-new:
requests that nobody has worked on yet, and the outcomes that callers may still ask for.
"""

from typing import Final

from stack.model import Model
from stack.models import Outcome, Request

DEPLOY_WORKFLOW: Final = "DeployPreview"
TEARDOWN_WORKFLOW: Final = "TeardownPreview"
REQUEST_SIGNAL: Final = "request"
OUTCOME_QUERY: Final = "outcome"
STATUS_QUERY: Final = "status"

KEPT_OUTCOMES: Final = 50
"""Callers that are further behind than this learn from `status` what became of the pull request."""


class Baton(Model):
    """Input of both workflows."""

    namespace: str
    inbox: tuple[Request, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


class Closing(Model):
    """Result of both workflows: how every request ended that the chain of runs took on, newest last."""

    outcomes: tuple[Outcome, ...]

    @property
    def latest(self) -> Outcome:
        """How the pull request is now: the newest outcome of a request that was neither replaced by another nor turned away."""
        counted = [outcome for outcome in self.outcomes if outcome.state != "superseded" and not outcome.turned_away]
        return (counted or list(self.outcomes))[-1]

    def of(self, request_id: str) -> Outcome | None:
        """The outcome of one request, if it was among them."""
        return next((outcome for outcome in reversed(self.outcomes) if outcome.request_id == request_id), None)
