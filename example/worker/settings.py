"""Everything the worker takes from its environment, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self


class CannotStartError(Exception):
    """The worker cannot do its work; the message says what is missing."""


@dataclass(frozen=True)
class Settings:
    temporal_address: str
    secret: str = field(repr=False)
    database_url: str | None = field(repr=False)  # holds a password
    wait: float
    pr: str | None
    commit: str | None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        missing = [name for name in ("TEMPORAL_SERVER_ADDRESS", "GREETING_SECRET") if not env.get(name)]
        if missing:
            raise CannotStartError(f"the worker needs these environment variables: {', '.join(missing)}")
        return cls(
            temporal_address=env["TEMPORAL_SERVER_ADDRESS"],
            secret=env["GREETING_SECRET"],
            database_url=env.get("DATABASE_URL") or None,
            wait=seconds(env.get("TEMPORAL_WAIT_SECONDS", "60")),
            pr=env.get("PREVIEW_PR") or None,
            commit=env.get("PREVIEW_COMMIT") or None,
        )


def seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CannotStartError(f"TEMPORAL_WAIT_SECONDS is {text!r}, not a number of seconds") from None
