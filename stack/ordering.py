"""Which of two requests for one pull request counts, and what the record says of the one that does."""

from datetime import UTC, datetime
from typing import Final

from stack.models import Claim, Condition, Deployment, DeployRequest, Record, Request, TeardownRequest

NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Time of the last request of a pull request for which there was none: whatever the forge reports is later."""


def precedence(request: Request) -> tuple[datetime, bool]:
    """Sort key: the later by the forge's time wins, at equal times the closing does."""
    return request.requested_at, isinstance(request, TeardownRequest)


def competes(request: Request) -> bool:
    """Whether the request has a place in the order of the forge's times. Those of the clean-up and extensions have none: they mean one
    generation, and count while it is the accepted one."""
    return isinstance(request, DeployRequest | TeardownRequest) and request.condition is None


def ask_the_same(one: Request, other: Request) -> bool:
    """Whether both would leave the pull request in the same state, so that one piece of work answers both."""
    if not (competes(one) and competes(other)):
        return False
    if isinstance(one, DeployRequest) and isinstance(other, DeployRequest):
        return (one.repository, one.commit, one.images, one.stack) == (other.repository, other.commit, other.images, other.stack)
    return isinstance(one, TeardownRequest) and isinstance(other, TeardownRequest) and one.repository == other.repository


def decide(request: DeployRequest | TeardownRequest, record: Record | None, now: datetime) -> Claim:
    """Whether the request is accepted after the one in the record, and under which generation.

    The same request again keeps its generation, so that a step that is tried again does no harm.
    """
    generation = 0 if record is None else record.generation
    if record is not None and record.request_id == request.id:
        return Claim(generation=generation, accepted=True)
    if refusal := _refusal(request, record, now):
        return Claim(generation=generation, accepted=False, note=refusal)
    return Claim(generation=generation + 1, accepted=True)


def go_on(request: DeployRequest | TeardownRequest, record: Record | None, after: int) -> Claim:
    """The next generation for a request that has been accepted as `after`; asked again, the same one."""
    if record is None or record.request_id != request.id or record.generation not in (after, after + 1):
        generation = 0 if record is None else record.generation
        return Claim(generation=generation, accepted=False, note="it is no longer the accepted request")
    return Claim(generation=after + 1, accepted=True)


def _refusal(request: DeployRequest | TeardownRequest, record: Record | None, now: datetime) -> str:
    if request.condition is not None:
        return unmet(request.condition, record, now)
    if record is not None and precedence(request) < (record.requested_at, record.kind == "teardown"):
        return f"a newer request has been accepted before: {_accepted(record)}"
    return ""


def unmet(condition: Condition, record: Record | None, now: datetime) -> str:
    """Why the condition does not hold, or empty."""
    generation = 0 if record is None else record.generation
    if record is not None and generation != condition.generation:
        return f"it meant generation {condition.generation}; a newer request has been accepted: {_accepted(record)}"
    if generation != condition.generation:
        return f"it meant generation {condition.generation}, of which there is no record any more"
    if condition.expired and not has_expired(record, now):
        return "the preview has been extended meanwhile"
    return ""


def has_expired(record: Record | None, now: datetime) -> bool:
    """Whether the time of a preview is over. One without an end, or pinned, never is."""
    return record is not None and not record.pinned and record.expires_at is not None and record.expires_at <= now


def accept(request: Deployment | TeardownRequest, claim: Claim, before: Record | None, now: datetime) -> Record:
    """The record after an accepted request. A teardown ends what was good and the pin; a deploy keeps both."""
    previous = before if before is not None and before.kind == request.kind == "deploy" else None
    return Record(
        pr=request.pr,
        repository=request.repository,
        generation=claim.generation,
        kind=request.kind,
        request_id=request.id,
        requested_at=_counted_time(request, before),
        state="running",
        commit=request.commit if isinstance(request, DeployRequest) else None,
        changed_at=now,
        good=previous.good if previous else None,
        expires_at=_expiry(request, before, now),
        extended_until=previous.extended_until if previous else None,
        pinned=previous.pinned if previous else False,
    )


def _expiry(request: Deployment | TeardownRequest, before: Record | None, now: datetime) -> datetime | None:
    """A push gives a preview a new life, not a shorter one than somebody asked for; the clean-up, which brings it back, gives none."""
    if not isinstance(request, Deployment):
        return None
    if not competes(request) and before is not None:
        return before.expires_at
    extended = before.extended_until if before is not None and before.kind == "deploy" else None
    return max(now + request.stack.ttl, extended or now)


def _counted_time(request: Request, before: Record | None) -> datetime:
    if competes(request):
        return request.requested_at
    return NEVER if before is None else before.requested_at


def _accepted(record: Record) -> str:
    what = f"deploy of commit {record.commit}" if record.kind == "deploy" else "teardown"
    return f"the {what} requested at {record.requested_at.isoformat()}"
