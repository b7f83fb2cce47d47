"""What Temporal keeps, encrypted: AES-256-GCM over each whole payload, under a key that its id names (docs/security.md).

The form is that of Temporal's own samples, so that their codec servers and SDKs can read it with the same key.
"""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, DefaultFailureConverterWithEncodedAttributes, PayloadCodec

from gateways.files import text_of
from stack.errors import UnreadableError
from stack.payload_keys import SETTING, PayloadKeys, parse_payload_keys

ENCODING: Final = b"binary/encrypted"
KEY_ID: Final = "encryption-key-id"
NONCE_BYTES: Final = 12
"""Random, as GCM wants it: safe for the 2³² payloads of one key, which no installation reaches before it rotates."""


def payload_keys(file: Path | None) -> PayloadKeys:
    """The keys of the setting's file; none without one. Raises InvalidInputError."""
    return parse_payload_keys(text_of(file, SETTING)) if file else PayloadKeys()


def data_converter(keys: PayloadKeys) -> DataConverter:
    """For every client of the production Temporal. Without keys it still tells which is missing when it meets what is encrypted."""
    converter = dataclasses.replace(pydantic_data_converter, payload_codec=Encryption(keys))
    if keys.current is None:
        return converter
    return dataclasses.replace(converter, failure_converter_class=DefaultFailureConverterWithEncodedAttributes)


class Encryption(PayloadCodec):
    """Encrypts by the current key; decrypts by any, and leaves alone what was never encrypted: open runs go on when it is switched on."""

    def __init__(self, keys: PayloadKeys) -> None:
        self._current = keys.current
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.by_id.items()}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        if self._current is None:
            return list(payloads)
        return [self._encrypted(payload, self._current) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Raises UnreadableError."""
        return [self._decrypted(payload) if payload.metadata.get("encoding") == ENCODING else payload for payload in payloads]

    def _encrypted(self, payload: Payload, key_id: str) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._ciphers[key_id].encrypt(nonce, payload.SerializeToString(), key_id.encode())
        return Payload(metadata={"encoding": ENCODING, KEY_ID: key_id.encode()}, data=nonce + sealed)

    def _decrypted(self, payload: Payload) -> Payload:
        key_id = payload.metadata.get(KEY_ID, b"").decode(errors="replace")
        if key_id not in self._ciphers:
            raise _unreadable(key_id, "no such key is known here", f"{SETTING} must name a file that has it")
        try:
            opened = self._ciphers[key_id].decrypt(payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:], key_id.encode())
            return Payload.FromString(opened)
        except (InvalidTag, ValueError, DecodeError):
            remedy = f"the payload was changed, or {SETTING} has another key under this id"
            raise _unreadable(key_id, "it does not open", remedy) from None


def _unreadable(key_id: str, answer: str, remedy: str) -> UnreadableError:
    return UnreadableError("decrypting", obj=f"a payload of key {key_id!r}", answer=answer, remedy=remedy)
