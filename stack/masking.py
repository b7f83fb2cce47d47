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
from urllib.parse import quote, quote_plus, unquote

from stack.diagnosis.words import without_secrets

SHORTEST: Final = 6
"""Shorter values (`true`, `8080`) are no secrets, and masking them would make a log unreadable."""
MASK: Final = "***"
WITHHELD: Final = "(not shown: the namespace's Secrets could not be read, so nothing could be masked by them)"

PASSWORDS: Final = (
    re.compile(r"\w+://[^\s:/@]*:([^\s@]+)@"),
    re.compile(r"\w+://[^\s:/@]*:(\S+)@"),  # one with an @ in it
    re.compile(r"\bpassword\s*=\s*'?([^\s';&]+)", re.IGNORECASE),
)
"""Where the value of a Secret has a password in it, which drivers log without the rest."""
ONE_TIME: Final = re.compile(
    r"([?&;](?:code|state|key|sig|signature|session|ticket|assertion|nonce|auth|jwt)=)[^&#\s\"'<>]+", re.IGNORECASE
)
"""Parameters of addresses that sign somebody in; those called token, secret and so on are masked everywhere."""
BEARER: Final = re.compile(r"\b(bearer\s+)[\w.~+/=-]{12,}", re.IGNORECASE)
BASIC: Final = re.compile(r"(\bauthorization[\"']?\s*[:=]\s*[\"']?basic\s+)[\w+/=-]+", re.IGNORECASE)
ESCAPE: Final = re.compile("%[0-9A-F]{2}")
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
    it is written in addresses, pages, JSON and base64. Longest first."""
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
    text = without_secrets(text)
    for pattern in (ONE_TIME, BEARER, BASIC):
        text = pattern.sub(rf"\1{MASK}", text)
    return text


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
    yield from (text, text.strip(), *(line.strip() for line in text.splitlines()))
    for password in (found for pattern in PASSWORDS for found in pattern.findall(text)):
        yield from (password, unquote(password))


def _forms(text: str) -> Iterator[str]:
    yield from (text, html.escape(text), json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
    for escaped in (quote(text, safe=""), quote(text), quote_plus(text)):
        yield from (escaped, ESCAPE.sub(lambda match: match[0].lower(), escaped))
    yield from _in_base64(text.encode())


def _in_base64(data: bytes) -> Iterator[str]:
    """As it is written alone, and what is always the same of it wherever in a longer text it is, such as `user:password`."""
    yield from (b64encode(data).decode().rstrip("=") for b64encode in (base64.b64encode, base64.urlsafe_b64encode))
    for before in range(3):
        first, end = -(-before * 4 // 3), (before + len(data)) * 4 // 3
        shifted = bytes(before) + data
        yield from (b64encode(shifted).decode()[first:end] for b64encode in (base64.b64encode, base64.urlsafe_b64encode))
