"""Taking secrets out of log lines by their values: what a pattern cannot know, the namespace's own Secrets tell."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Final

SHORTEST: Final = 6
"""Shorter values (`true`, `8080`) are no secrets, and masking them would make a log unreadable."""
MASK: Final = "***"


def secret_values(secrets: Iterable[Mapping[str, Any]]) -> list[str]:
    """What must not be shown, of Secret objects: every value and, of texts such as keys, every line. Longest first."""
    values = {line for secret in secrets for value in secret.get("data", {}).values() for line in _lines(value)}
    return sorted(values, key=len, reverse=True)


def masked(text: str, values: Iterable[str]) -> str:
    """The text without these values."""
    for value in values:
        text = text.replace(value, MASK)
    return text


def _lines(encoded: str) -> Iterable[str]:
    try:
        text = base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return []
    return [part for part in (text, *text.splitlines()) if len(part.strip()) >= SHORTEST]
