"""Proves which files of payload keys are understood, and that a message about one that is not shows nothing of it."""

import base64
import os

import pytest

from stack.errors import InvalidInputError
from stack.payload_keys import PayloadKeys, parse_payload_keys

NEW, OLD = os.urandom(32), os.urandom(32)


def written(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_the_first_key_encrypts_and_all_are_known() -> None:
    keys = parse_payload_keys(f"# since May\n2026-05: {written(NEW)}\r\n\n2026-01:{written(OLD)}")
    assert keys.current == "2026-05"
    assert dict(keys.by_id) == {"2026-05": NEW, "2026-01": OLD}


def test_without_keys_none_encrypts() -> None:
    assert PayloadKeys().current is None


def test_every_problem_is_told_by_its_line() -> None:
    text = (
        f"{written(OLD)}\nbad id:{written(OLD)}\nok:{written(OLD)}\nok:{written(NEW)}\nshort:{written(OLD[:16])}\nodd:not base64!\nempty:"
    )
    with pytest.raises(InvalidInputError) as caught:
        parse_payload_keys(text)
    assert caught.value.problems == [
        "PREVIEWS_PAYLOAD_KEYS_FILE: line 1: expected id:key",
        "PREVIEWS_PAYLOAD_KEYS_FILE: line 2: the id before : is not 1 to 64 letters, digits, dots, dashes and underscores",
        "PREVIEWS_PAYLOAD_KEYS_FILE: line 4: its id is there twice",
        "PREVIEWS_PAYLOAD_KEYS_FILE: line 5: the key after : is not 32 bytes in base64 but 16",
        "PREVIEWS_PAYLOAD_KEYS_FILE: line 6: the key after : is not 32 bytes in base64",
        "PREVIEWS_PAYLOAD_KEYS_FILE: line 7: the key after : is not 32 bytes in base64",
    ]


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n"])
def test_a_file_without_a_key_is_a_problem(text: str) -> None:
    with pytest.raises(InvalidInputError, match="holds no key"):
        parse_payload_keys(text)


def test_keys_are_shown_nowhere() -> None:
    keys = parse_payload_keys(f"a:{written(NEW)}")
    assert str(NEW) not in repr(keys)
    with pytest.raises(InvalidInputError) as caught:
        parse_payload_keys(f"{written(NEW)}\nid {written(NEW)}:x\nb:{written(NEW)}{written(NEW)}")
    assert written(NEW)[:12] not in str(caught.value)
