"""What the parts of the backend hand to each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class UnavailableError(Exception):
    """A part that the shop depends on does not answer; the message says which and why, without any secret."""


@dataclass(frozen=True)
class Greeting:
    """The result of the workflow `Greet`; the worker has a class with the same fields."""

    text: str
    tea: str
    signature: str  # HMAC-SHA256 of the text, hexadecimal
    pr: str | None = None
    commit: str | None = None


@dataclass(frozen=True)
class Cup:
    """A greeting as it is kept: one row of the table."""

    workflow_id: str
    name: str
    greeting: Greeting
    signed: bool
    poured_at: datetime
