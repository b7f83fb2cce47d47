"""The keys that encrypt what Temporal keeps. Their file holds one `id:key` a line, a key being 32 bytes in base64: the first one
encrypts, all of them decrypt. Empty lines and those that begin with # count for nothing."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from stack.errors import InvalidInputError

SETTING: Final = "PREVIEWS_PAYLOAD_KEYS_FILE"
KEY_BYTES: Final = 32
ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True)
class PayloadKeys:
    """Id → key, in the order of the file. Without any, nothing is encrypted."""

    by_id: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def current(self) -> str | None:
        """The id of the key that encrypts."""
        return next(iter(self.by_id), None)


def parse_payload_keys(text: str) -> PayloadKeys:
    """Raises InvalidInputError that lists every problem by its line, and quotes none: any line may hold a key."""
    keys: dict[str, bytes] = {}
    problems: list[str] = []
    for number, line in _lines(text):
        key_id, separator, written = line.partition(":")
        if problem := _problem(key_id.strip(), separator, written.strip(), keys):
            problems.append(f"{SETTING}: line {number}: {problem}")
        else:
            keys[key_id.strip()] = _key(written.strip())
    if problems or not keys:
        raise InvalidInputError(problems or [f"{SETTING}: it holds no key; write one id:key a line, a key being 32 bytes in base64"])
    return PayloadKeys(keys)


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _problem(key_id: str, separator: str, written: str, known: Mapping[str, bytes]) -> str:
    if not separator:
        return "expected id:key"
    if not ID.fullmatch(key_id):
        return "the id before : is not 1 to 64 letters, digits, dots, dashes and underscores"
    if key_id in known:
        return "its id is there twice"
    if (length := len(_key(written))) != KEY_BYTES:
        return f"the key after : is not {KEY_BYTES} bytes in base64" + (f" but {length}" if length else "")
    return ""


def _key(written: str) -> bytes:
    """Empty for what is not base64."""
    try:
        return base64.b64decode(written, validate=True)
    except (binascii.Error, ValueError):
        return b""
