"""Passwords of the platform's own accounts."""

import secrets

from local.commands import write
from local.settings import PATHS


def password(name: str) -> str:
    """Random, made once, readable by root."""
    path = PATHS.secrets / f"{name}.password"
    if not path.exists():
        write(path, secrets.token_urlsafe(24), 0o600)
    return path.read_text()
