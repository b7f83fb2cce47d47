"""What may be a secret of an application, and that it survives on its way byte for byte."""

import json
from base64 import b64decode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.doppler import OWN, downloaded
from stack.env_file import parse_env_file
from stack.errors import MissingSecretError, SecretSourceError
from stack.secrets import app_secret, decoded, secrets_report, usable
from stack.stackfile import DopplerConfig, Secrets
from tests.fakes.requests import attempt

CONFIG = DopplerConfig(project="shop", config="preview")
AS_ENV, AS_FILES = Secrets(doppler=CONFIG), Secrets(doppler=CONFIG, as_="files")
KIB = 1024

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True).filter(lambda name: name not in OWN | {"TEMPORAL_SERVER_ADDRESS"})
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.text(st.sampled_from("$(){}'\"`\\\r\n\t #=☃é"))
MAPPINGS = st.dictionaries(NAMES, TEXTS, max_size=6)


def bytes_in(secret: dict[str, Any]) -> dict[str, bytes]:
    return {key: b64decode(value) for key, value in secret["data"].items()}


@settings(deadline=None)  # a busy machine is no failure
@given(values=MAPPINGS, compact=st.booleans())
def test_any_text_survives_from_doppler_s_answer_to_the_bytes_of_the_secret(values: dict[str, str], compact: bool) -> None:
    added = {"DOPPLER_PROJECT": "shop", "DOPPLER_CONFIG": "preview", "DOPPLER_ENVIRONMENT": "dev"}
    answer = json.dumps(values | added, ensure_ascii=compact).encode()
    secret = app_secret(attempt(), usable(downloaded(answer, CONFIG), AS_ENV, ()), "salt")
    assert bytes_in(secret) == {name: value.encode() for name, value in values.items()}
    assert decoded(secret, "it") == values, "and back, as a Secret is a source as well"


@settings(deadline=None)
@given(values=MAPPINGS)
def test_the_fingerprint_is_that_of_the_values_whatever_they_came_from(values: dict[str, str]) -> None:
    quoted = {name: value for name, value in values.items() if "'" not in value}
    file = parse_env_file("".join(f"{name}='{value}'\n" for name, value in quoted.items()))
    answer = downloaded(json.dumps(quoted).encode(), CONFIG)
    secret = decoded(app_secret(attempt(), quoted, "salt"), "it")
    assert secrets_report(file, "s") == secrets_report(answer, "s") == secrets_report(secret, "s")
    assert secrets_report(answer, "s").fingerprint != secrets_report(answer, "another salt").fingerprint
    assert secrets_report({**answer, "NEW": ""}, "s").fingerprint != secrets_report(answer, "s").fingerprint or "NEW" in answer


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "a name with a dash": ({"A-B": "hidden"}, "'A-B' cannot be the name of an environment variable"),
    "a name that begins with a digit": ({"1A": "hidden"}, "'1A' cannot be the name"),
    "a name of nothing": ({"": "hidden"}, "'' cannot be the name"),
    "a name with a line break": ({"A\n": "hidden"}, r"'A\n' cannot be the name"),
    "a name of other letters": ({"ключ": "hidden"}, "cannot be the name"),
    "a NUL": ({"FINE": "x", "BROKEN": "hidden\0"}, "a NUL or half a character is in: BROKEN"),
    "half a character": ({"BROKEN": "hidden\ud83e"}, "a NUL or half a character is in: BROKEN"),
    "more than a Secret holds": ({f"A{number}": "hidden" * 20 * KIB for number in range(9)}, "larger than 1 MiB together"),
    "more than a variable holds": ({"LONG": "hidden" * 22 * KIB}, "longer than 128 KiB: LONG"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_container_can_have_is_refused_by_name_and_not_shown(name: str) -> None:
    values, told = REFUSED[name]
    with pytest.raises(SecretSourceError) as caught:
        usable(values, AS_ENV, ())
    assert told in str(caught.value)
    assert "Doppler config shop/preview" in str(caught.value)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("name", ["tls.crt", "config.json", ".hidden", "A-B", "1A"])
def test_files_may_be_called_what_variables_may_not(name: str) -> None:
    assert usable({name: "x" * 200 * KIB}, AS_FILES, ()) == {name: "x" * 200 * KIB}


@pytest.mark.parametrize("name", ["..", "..data", "a/b", "", "a" * 254])
def test_files_have_names_that_a_secret_can_have(name: str) -> None:
    with pytest.raises(SecretSourceError, match="cannot be the name of a file"):
        usable({name: "x"}, AS_FILES, ())


@pytest.mark.parametrize("size", [128 * KIB - len("A") - 2])
def test_the_longest_variable_is_one(size: int) -> None:
    assert usable({"A": "x" * size}, AS_ENV, ())
    with pytest.raises(SecretSourceError):
        usable({"A": "x" * (size + 1)}, AS_ENV, ())


@pytest.mark.parametrize("secrets", [Secrets(doppler=CONFIG), Secrets(file="shop.env"), Secrets(secret="shop")])
def test_missing_keys_are_named_with_their_source(secrets: Secrets) -> None:
    wanted = secrets.model_copy(update={"required": ("ONE", "TWO", "THREE")})
    with pytest.raises(MissingSecretError, match=f"{secrets.source}; the answer was: missing or empty: TWO, THREE"):
        usable({"ONE": "x", "TWO": ""}, wanted, ())
