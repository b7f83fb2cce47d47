"""Everything the backend takes from its environment, read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self


class SettingsError(Exception):
    """The environment lacks something; the message names every missing variable."""


@dataclass(frozen=True)
class Settings:
    database_url: str = field(repr=False)  # holds a password
    temporal_address: str
    greeting_secret: str = field(repr=False)
    app_env: str
    pr: str | None
    commit: str | None

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        required = ("DATABASE_URL", "TEMPORAL_SERVER_ADDRESS", "GREETING_SECRET")
        missing = [name for name in required if not env.get(name)]
        if missing:
            raise SettingsError(f"the shop needs these environment variables: {', '.join(missing)}")
        return cls(
            database_url=env["DATABASE_URL"],
            temporal_address=env["TEMPORAL_SERVER_ADDRESS"],
            greeting_secret=env["GREETING_SECRET"],
            app_env=env.get("APP_ENV", "local"),
            pr=env.get("PREVIEW_PR") or None,
            commit=env.get("PREVIEW_COMMIT") or None,
        )
