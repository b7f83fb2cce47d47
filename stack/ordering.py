"""Which of two requests for one pull request counts."""

from datetime import datetime

from stack.models import DeployRequest, Request, TeardownRequest


def precedence(request: Request) -> tuple[datetime, bool]:
    """Sort key: the later by the forge's time wins, at equal times the closing does."""
    return request.requested_at, isinstance(request, TeardownRequest)


def ask_the_same(one: Request, other: Request) -> bool:
    """Whether both would leave the pull request in the same state, so that one piece of work answers both."""
    if isinstance(one, DeployRequest) and isinstance(other, DeployRequest):
        return (one.repository, one.commit, one.images, one.stack) == (other.repository, other.commit, other.images, other.stack)
    return isinstance(one, TeardownRequest) and isinstance(other, TeardownRequest) and one.repository == other.repository
