"""What Temporal keeps, as text that can be searched."""

import json
from collections.abc import Iterator
from typing import TypeVar

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, SearchAttributes
from temporalio.api.history.v1 import MarkerRecordedEventAttributes
from temporalio.converter import PayloadCodec

M = TypeVar("M", bound=Message)


def text_of(message: Message, *, searchable: bool = True) -> str:
    """A message as JSON and, in plain text, its payloads; on request without search attributes, which Temporal must be able to read."""
    copy = type(message)()
    copy.CopyFrom(message)
    if not searchable:
        for attributes in all_of(SearchAttributes, copy):
            attributes.Clear()
    shown = json.dumps(MessageToDict(copy), ensure_ascii=False)
    return "\n".join([shown, *(payload.SerializeToString().decode(errors="replace") for payload in all_of(Payload, copy))])


async def decode(message: Message, codec: PayloadCodec) -> None:
    """Decodes all payloads in place."""
    for payload in payloads(message):
        payload.CopyFrom((await codec.decode([payload]))[0])


def payloads(message: Message) -> Iterator[Payload]:
    """All that a codec sees: no search attributes, and no marker, by which the SDK itself keeps a patch's id."""
    if isinstance(message, Payload):
        yield message
    elif not isinstance(message, SearchAttributes | MarkerRecordedEventAttributes):
        for part in parts(message):
            yield from payloads(part)


def parts(message: Message) -> Iterator[Message]:
    """The messages in a message: single ones, those of lists and those of maps."""
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        found = value.values() if field.message_type.GetOptions().map_entry else value if field.is_repeated else [value]
        yield from (part for part in found if isinstance(part, Message))


def all_of(kind: type[M], message: Message) -> Iterator[M]:
    """The messages of one kind in a message, itself included."""
    if isinstance(message, kind):
        yield message
    for part in parts(message):
        yield from all_of(kind, part)
