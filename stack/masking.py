"""Taking secrets out of what an application said before anybody keeps it: by what they look like, and by their values, which the
namespace's own Secrets tell."""

import base64
import binascii
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote, quote_plus

from stack.diagnosis.words import without_secrets

SHORTEST: Final = 6
"""Shorter values (`true`, `8080`) are no secrets, and masking them would make a log unreadable."""
MASK: Final = "***"
WITHHELD: Final = "(not shown: the namespace's Secrets could not be read, so nothing could be masked by them)"

PASSWORD_IN_URL: Final = re.compile(r"\w+://[^\s:/@]*:([^\s@]+)@")
ONE_TIME: Final = re.compile(
    r"([?&;](?:code|state|key|sig|signature|session|ticket|assertion|nonce|auth|jwt)=)[^&#\s\"'<>]+", re.IGNORECASE
)
"""Parameters of addresses that sign somebody in; those called token, secret and so on are masked everywhere."""
BEARER: Final = re.compile(r"\b(bearer\s+)[\w.~+/=-]{12,}", re.IGNORECASE)
PARAMETER: Final = re.compile(r"([?&;#][^=&#\s]+=)[^&#\s]+")

Mask = Callable[[str], str]
"""Text → the same text without secrets."""


def mask_with(secrets: Iterable[Mapping[str, Any]]) -> Mask:
    """The mask that the values of these Secret objects make."""
    return partial(masked, values=secret_values(secrets))


def withheld(text: str) -> str:
    """The mask of whoever does not know the values: nothing of the text, if there is any."""
    return WITHHELD if text else ""


def secret_values(secrets: Iterable[Mapping[str, Any]]) -> list[str]:
    """What must not be shown, of Secret objects: every value, of texts such as keys every line, the password of an address, and each as
    it is written in addresses, pages and JSON. Longest first."""
    plain = {part for secret in secrets for value in secret.get("data", {}).values() for part in _parts(value)}
    written = {form for part in plain for form in _forms(part) if len(form.strip()) >= SHORTEST}
    return sorted(written, key=len, reverse=True)


def masked(text: str, values: Iterable[str]) -> str:
    """The text without these values, without the beginning of one where the text was cut, and without what looks like a secret."""
    values = list(values)
    for value in values:
        text = text.replace(value, MASK)
    for value in values:
        text = _without_beginning(text, value)
    return BEARER.sub(rf"\1{MASK}", ONE_TIME.sub(rf"\1{MASK}", without_secrets(text)))


def masked_location(location: str, mask: Mask) -> str:
    """An address to which a page redirects: host and path, and the names of its parameters."""
    return mask(PARAMETER.sub(rf"\1{MASK}", location))


def _without_beginning(text: str, value: str) -> str:
    for length in range(min(len(value) - 1, len(text)), SHORTEST - 1, -1):
        if text.endswith(value[:length]):
            return text[:-length] + MASK
    return text


def _parts(encoded: str) -> Iterator[str]:
    try:
        text = base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return
    yield from (text, *text.splitlines(), *PASSWORD_IN_URL.findall(text))


def _forms(text: str) -> tuple[str, ...]:
    return (text, quote(text, safe=""), quote(text), quote_plus(text), html.escape(text), json.dumps(text)[1:-1])
