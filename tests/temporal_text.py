"""What Temporal keeps, as text that can be searched."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

SEARCHABLE = {"searchAttributes", "upsertWorkflowSearchAttributesEventAttributes"}
"""Fields by which Temporal finds runs, and so must be able to read."""


def text_of(message: Message, *, without: frozenset[str] | set[str] = frozenset()) -> str:
    """A message as JSON and, in plain text, the data of each of its payloads; fields of these names are left out."""
    shown = _without(MessageToDict(message), without)
    return "\n".join([json.dumps(shown, ensure_ascii=False), *_payloads(shown)])


def _without(shown: Any, names: frozenset[str] | set[str]) -> Any:
    if isinstance(shown, dict):
        return {name: _without(value, names) for name, value in shown.items() if name not in names}
    return [_without(value, names) for value in shown] if isinstance(shown, list) else shown


def _payloads(shown: Any) -> Iterator[str]:
    """The decoded data of every payload, however deep."""
    if isinstance(shown, dict):
        if isinstance(shown.get("data"), str) and "metadata" in shown:
            yield base64.b64decode(shown["data"]).decode(errors="replace")
            yield from (base64.b64decode(value).decode(errors="replace") for value in shown["metadata"].values())
        for value in shown.values():
            yield from _payloads(value)
    elif isinstance(shown, list):
        for value in shown:
            yield from _payloads(value)
