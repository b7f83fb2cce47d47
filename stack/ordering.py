"""Which of two requests for one pull request counts."""

from datetime import datetime

from stack.models import Claim, DeployRequest, Record, Request, TeardownRequest


def precedence(request: Request) -> tuple[datetime, bool]:
    """Sort key: the later by the forge's time wins, at equal times the closing does."""
    return request.requested_at, isinstance(request, TeardownRequest)


def ask_the_same(one: Request, other: Request) -> bool:
    """Whether both would leave the pull request in the same state, so that one piece of work answers both."""
    if isinstance(one, DeployRequest) and isinstance(other, DeployRequest):
        return (one.repository, one.commit, one.images, one.stack) == (other.repository, other.commit, other.images, other.stack)
    return isinstance(one, TeardownRequest) and isinstance(other, TeardownRequest) and one.repository == other.repository


def decide(request: Request, record: Record | None) -> Claim:
    """Whether the request is accepted after the one in the record, and under which generation.

    The same request again keeps its generation, so that a step that is tried again does no harm.
    """
    if record is None:
        return Claim(generation=1, accepted=True)
    if record.request_id == request.id:
        return Claim(generation=record.generation, accepted=True)
    if precedence(request) < (record.requested_at, record.kind == "teardown"):
        return Claim(generation=record.generation, accepted=False, note=_declined(record))
    return Claim(generation=record.generation + 1, accepted=True)


def _declined(record: Record) -> str:
    what = f"deploy of commit {record.commit}" if record.kind == "deploy" else "teardown"
    return f"a newer request has been accepted before: the {what} requested at {record.requested_at.isoformat()}"
