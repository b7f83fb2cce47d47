"""Proves that what Temporal keeps is unreadable without the key, whole with it, and that open runs outlive switching on and rotating."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError

from gateways.encryption import Encryption, data_converter, payload_keys
from stack.errors import InvalidInputError, UnreadableError
from stack.models import TeardownRequest
from stack.payload_keys import PayloadKeys

MAY, JUNE = PayloadKeys({"may": os.urandom(32)}), PayloadKeys({"june": os.urandom(32)})
ROTATED = PayloadKeys({**JUNE.by_id, **MAY.by_id})
PAYLOAD = Payload(metadata={"encoding": b"json/plain"}, data=b'"what was said"')

payloads = st.builds(Payload, metadata=st.dictionaries(st.text(max_size=20), st.binary(max_size=20), max_size=3), data=st.binary())


async def sealed(keys: PayloadKeys = MAY, payload: Payload = PAYLOAD) -> Payload:
    [encrypted] = await Encryption(keys).encode([payload])
    return encrypted


async def opened(payload: Payload, keys: PayloadKeys = MAY) -> Payload:
    [decrypted] = await Encryption(keys).decode([payload])
    return decrypted


@given(st.lists(payloads, max_size=4))
async def test_every_payload_comes_back_whole(given_payloads: list[Payload]) -> None:
    codec = Encryption(MAY)
    encrypted = await codec.encode(given_payloads)
    assert [dict(payload.metadata) for payload in encrypted] == [
        {"encoding": b"binary/encrypted", "encryption-key-id": b"may"} for _ in given_payloads
    ]
    assert await codec.decode(encrypted) == given_payloads


async def test_nothing_of_it_can_be_read_and_no_two_are_alike() -> None:
    one, other = await sealed(), await sealed()
    assert b"said" not in one.SerializeToString()
    assert b"json/plain" not in one.SerializeToString()
    assert one.data != other.data


@given(st.data())
async def test_a_changed_bit_is_noticed(data: st.DataObject) -> None:
    encrypted = await sealed()
    changed = bytearray(encrypted.data)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    encrypted.data = bytes(changed)
    with pytest.raises(UnreadableError, match="does not open"):
        await opened(encrypted)


@pytest.mark.parametrize("kept", [0, 5, 12, 27])
async def test_a_payload_that_was_cut_short_is_noticed(kept: int) -> None:
    encrypted = await sealed()
    encrypted.data = encrypted.data[:kept]
    with pytest.raises(UnreadableError, match="does not open"):
        await opened(encrypted)


async def test_the_id_of_the_key_is_part_of_what_is_sealed() -> None:
    same = PayloadKeys({"may": MAY.by_id["may"], "alias": MAY.by_id["may"]})
    encrypted = await sealed(same)
    encrypted.metadata["encryption-key-id"] = b"alias"
    with pytest.raises(UnreadableError, match="'alias'"):
        await opened(encrypted, same)


async def test_another_key_of_the_same_id_does_not_open_it() -> None:
    with pytest.raises(UnreadableError, match="another key under this id"):
        await opened(await sealed(), PayloadKeys({"may": os.urandom(32)}))


async def test_after_a_rotation_the_new_key_encrypts_and_the_old_one_still_decrypts() -> None:
    assert (await sealed(ROTATED)).metadata["encryption-key-id"] == b"june"
    assert await opened(await sealed(MAY), ROTATED) == PAYLOAD


@pytest.mark.parametrize("keys", [JUNE, PayloadKeys()], ids=["a file without this key", "no file"])
async def test_an_unknown_key_is_named_with_the_setting(keys: PayloadKeys) -> None:
    with pytest.raises(UnreadableError, match=r"'may'.*PREVIEWS_PAYLOAD_KEYS_FILE"):
        await opened(await sealed(), keys)


async def test_a_payload_of_before_is_read_as_it_is() -> None:
    assert await opened(PAYLOAD) == PAYLOAD


async def test_without_keys_nothing_is_changed() -> None:
    assert await sealed(PayloadKeys()) == PAYLOAD


async def test_models_pass_through_the_converter() -> None:
    request = TeardownRequest(id="a", pr=7, repository="octo/shop", requested_at=datetime(2026, 5, 4, tzinfo=UTC), reason="closed")
    converter = data_converter(MAY)
    encoded = await converter.encode([request])
    assert b"octo" not in encoded[0].SerializeToString()
    assert await converter.decode(encoded, [TeardownRequest]) == [request]


@pytest.mark.parametrize("keys", [MAY, ROTATED, PayloadKeys()], ids=["encrypted", "after a rotation", "not encrypted"])
async def test_a_failure_comes_back_with_the_text_of_each_cause(keys: PayloadKeys) -> None:
    failure = Failure()
    await data_converter(MAY if keys.current else keys).encode_failure(raised("outer words", raised("inner words")), failure)
    assert (b"words" in failure.SerializeToString()) == (keys.current is None)
    error = await data_converter(keys).decode_failure(failure)
    assert (str(error), str(error.__cause__)) == ("Odd: outer words", "Odd: inner words")


async def test_a_failure_that_is_handed_on_stays_encrypted() -> None:
    converter, first, second = data_converter(MAY), Failure(), Failure()
    await converter.encode_failure(raised("outer words", raised("inner words")), first)
    await converter.encode_failure(await converter.decode_failure(first), second)
    assert b"words" not in second.SerializeToString()
    error = await converter.decode_failure(second)
    assert (str(error), str(error.__cause__)) == ("Odd: outer words", "Odd: inner words")


async def test_a_failure_of_before_is_read_as_it_is() -> None:
    failure = Failure()
    await pydantic_data_converter.encode_failure(raised("the words"), failure)
    assert str(await data_converter(MAY).decode_failure(failure)) == "Odd: the words"


def raised(words: str, cause: ApplicationError | None = None) -> ApplicationError:
    error = ApplicationError(words, {"detail": words}, type="Odd")
    error.__cause__ = cause
    return error


def test_a_file_that_is_not_there_is_told_by_its_setting(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"PREVIEWS_PAYLOAD_KEYS_FILE: .*nowhere: No such file"):
        payload_keys(tmp_path / "nowhere")


def test_no_file_means_no_keys() -> None:
    assert payload_keys(None).current is None
