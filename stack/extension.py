"""Until when a preview lives, and how that is changed."""

from datetime import datetime
from typing import Final

from stack.models import ExtendRequest, Outcome, Record

LIVING = ("ready", "failed", "running")
"""States of a deploy in which there is something whose life can be extended."""


def unmet(request: ExtendRequest, record: Record) -> str:
    """Why the extension does not count, or empty."""
    if record.generation != request.generation:
        return f"it meant generation {request.generation}, and generation {record.generation} is the accepted one: look, then extend again"
    if record.kind == "teardown" or (record.state not in LIVING and record.good is None):
        return "the preview is gone: there is nothing to extend"
    return ""


def extended(record: Record, request: ExtendRequest, now: datetime) -> Record:
    """The record with the expiry that was asked for. The same request again changes nothing more."""
    until = record.extended_until if request.ttl is None else request.requested_at + request.ttl
    expires_at = record.expires_at if request.ttl is None else until
    pinned = record.pinned if request.pinned is None else request.pinned
    return record.model_copy(update={"expires_at": expires_at, "extended_until": until, "pinned": pinned, "changed_at": now})


def told(request: ExtendRequest, record: Record) -> Outcome:
    """How the preview is, for the caller of the extension, and until when."""
    last = record.outcome or Outcome(
        request_id=request.id, state=record.state, pr=record.pr, generation=record.generation, sha=record.commit
    )
    expires_at = None if record.pinned else record.expires_at
    return last.model_copy(update={"request_id": request.id, "expires_at": expires_at, "note": expiry_note(record), "seconds": {}})


PINNED: Final = "pinned: it never expires"
ENDLESS: Final = "never expires"
EXPIRES: Final = "expires at "


def is_expiry_note(note: str) -> bool:
    """Whether an outcome's note is that of an extension that counted."""
    return note in {PINNED, ENDLESS} or note.startswith(EXPIRES)


def expiry_note(record: Record) -> str:
    """In words."""
    if record.pinned:
        return PINNED
    return f"{EXPIRES}{record.expires_at:%Y-%m-%d %H:%M} UTC" if record.expires_at else ENDLESS
