"""Proves over real HTTP what is made of Doppler's answers: values byte for byte, or one error that tells what to mend and no value."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateways.doppler import ANSWER_LIMIT, Doppler
from stack.errors import PermanentError, PreviewError, SecretSourceError, UnavailableError
from stack.stackfile import DopplerConfig
from tests.fakes import doppler
from tests.fakes.doppler import Fault

TOKEN, WIDE = "dp.st.preview.of-this-test", "dp.sa.account-of-this-test"
SHOP = DopplerConfig(project="shop", config="preview")
VALUE = "hidden-value"
ODD = {"DOLLAR": "$HOME $(id) ${X} $$", "QUOTES": "'\"`\\", "LINES": "a\nb\r\n\tc\n", "SIGNS": "naïve ☃ 🦉", "BLANK": "", "SPACES": "  x  "}


@pytest.fixture
async def stand_in() -> AsyncIterator[doppler.Doppler]:
    async with doppler.running() as running:
        running.configs["shop", "preview"] = {"KEY": VALUE, **ODD}
        running.tokens[TOKEN] = {("shop", "preview")}
        yield running


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    (tmp_path / "shop.preview").write_text(TOKEN + "\n")
    return tmp_path


@pytest.fixture
def source(stand_in: doppler.Doppler, tokens: Path) -> Doppler:
    return Doppler(stand_in.url + "/", tokens)


async def told(source: Doppler, kind: type[PreviewError] = SecretSourceError, wanted: DopplerConfig = SHOP) -> str:
    """The message of the error, in which neither a value nor the token is."""
    with pytest.raises(kind) as caught:
        await source.read(wanted)
    assert type(caught.value) is kind
    message = str(caught.value)
    assert f"Doppler config {wanted.project}/{wanted.config}" in message or "Doppler's token" in message
    assert not [hidden for hidden in (VALUE, TOKEN, WIDE) if hidden in message]
    return message


async def test_values_arrive_byte_for_byte_without_what_doppler_adds(source: Doppler, stand_in: doppler.Doppler) -> None:
    assert await source.read(SHOP) == {"KEY": VALUE, **ODD}
    assert stand_in.asked == ["/v3/configs/config/secrets/download?format=json&project=shop&config=preview"]


async def test_a_config_without_secrets_is_empty(source: Doppler, stand_in: doppler.Doppler) -> None:
    stand_in.configs["shop", "preview"] = {}
    assert await source.read(SHOP) == {}


async def test_a_revoked_token_is_for_a_person(source: Doppler, stand_in: doppler.Doppler) -> None:
    stand_in.tokens.clear()
    message = await told(source)
    assert "401 Invalid Auth token" in message
    assert "the token in the file shop.preview was revoked, has expired or is none" in message
    assert len(stand_in.asked) == 1


async def test_a_token_of_another_config_is_for_a_person(source: Doppler, stand_in: doppler.Doppler) -> None:
    stand_in.tokens[TOKEN] = {("shop", "production")}
    assert "a service token reads exactly one" in await told(source)


async def test_values_of_another_config_are_none_of_ours(source: Doppler, stand_in: doppler.Doppler) -> None:
    """Whatever answers, and however."""
    stand_in.faults.append(Fault(200, body=json.dumps({"DOPPLER_PROJECT": "shop", "DOPPLER_CONFIG": "live", "KEY": VALUE}).encode()))
    assert "these are the values of another config" in await told(source)


@pytest.mark.parametrize(("project", "config"), [("shop", "none"), ("none", "preview")])
async def test_a_project_or_config_that_is_not_there_is_for_a_person(
    source: Doppler, stand_in: doppler.Doppler, tokens: Path, project: str, config: str
) -> None:
    (tokens / "token").write_text(WIDE)
    stand_in.tokens[WIDE] = {("shop", "preview"), ("shop", "other")}
    message = await told(source, wanted=DopplerConfig(project=project, config=config))
    assert "404 Could not find requested" in message
    assert "correct the project and the config in `secrets.doppler`" in message


async def test_the_token_of_a_service_account_serves_configs_without_one_of_their_own(
    source: Doppler, stand_in: doppler.Doppler, tokens: Path
) -> None:
    stand_in.configs["shop", "other"] = {"KEY": "other"}
    stand_in.tokens = {WIDE: {("shop", "other"), ("shop", "preview")}}
    (tokens / "token").write_text(WIDE)
    assert await source.read(DopplerConfig(project="shop", config="other")) == {"KEY": "other"}
    assert "revoked" in await told(source), "a token of its own comes first"


async def test_a_rotated_token_works_at_the_next_use(source: Doppler, stand_in: doppler.Doppler, tokens: Path) -> None:
    stand_in.tokens = {WIDE: {("shop", "preview")}}
    await told(source)
    (tokens / "shop.preview").write_text(WIDE)
    assert (await source.read(SHOP))["KEY"] == VALUE


@pytest.mark.parametrize("folder", [None, "empty"])
async def test_a_config_without_a_token_is_for_a_person(stand_in: doppler.Doppler, tmp_path: Path, folder: str | None) -> None:
    message = await told(Doppler(stand_in.url, tmp_path / folder if folder else None))
    assert "PREVIEWS_DOPPLER_TOKENS_DIR, as shop.preview or as token" in message
    assert stand_in.asked == []


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", "ключ".encode(), b"\xff\xfe"])
async def test_a_file_without_a_token_is_for_a_person_and_not_quoted(source: Doppler, tokens: Path, content: bytes) -> None:
    (tokens / "shop.preview").write_bytes(content)
    assert "two" not in await told(source)


PASSING = [
    Fault(429, {"retry-after": "1"}),
    Fault(429),
    Fault(500),
    Fault(502, {"content-type": "text/html"}, b"<html>Bad Gateway</html>"),
    Fault(503, {"retry-after": "0.1"}),
    Fault(0),
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: f"{fault.status} {fault.headers}")
async def test_a_moment_s_fault_is_waited_out(source: Doppler, stand_in: doppler.Doppler, fault: Fault) -> None:
    stand_in.faults += [fault, Fault(500)]
    started = time.monotonic()
    assert (await source.read(SHOP))["KEY"] == VALUE
    assert len(stand_in.asked) == 3
    assert time.monotonic() - started >= float(fault.headers.get("retry-after", 0))


@pytest.mark.parametrize("retry_after", ["60", "999999", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 400, "-1", "soon"])
async def test_a_longer_wait_is_left_to_temporal(source: Doppler, stand_in: doppler.Doppler, retry_after: str) -> None:
    stand_in.faults.append(Fault(429, {"retry-after": retry_after}))
    started = time.monotonic()
    assert "429" in await told(source, UnavailableError)
    assert time.monotonic() - started < 3
    assert len(stand_in.asked) == 1


async def test_a_doppler_that_stays_broken_is_asked_for_under_five_seconds(source: Doppler, stand_in: doppler.Doppler) -> None:
    stand_in.faults += [Fault(500)] * 50
    await told(source, UnavailableError)
    assert 3 <= len(stand_in.asked) <= 6


async def test_an_answer_that_takes_too_long_is_not_awaited(
    source: Doppler, stand_in: doppler.Doppler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.doppler.REQUEST_SECONDS", 1)
    stand_in.faults.append(Fault(200, seconds=3))
    assert (await source.read(SHOP))["KEY"] == VALUE


async def test_a_doppler_that_is_away_is_asked_again_later(tokens: Path) -> None:
    await told(Doppler("http://127.0.0.1:1", tokens), UnavailableError)


@pytest.mark.parametrize("status", [200, 500], ids=str)
async def test_five_megabytes_are_not_read_to_the_end(source: Doppler, stand_in: doppler.Doppler, status: int) -> None:
    stand_in.faults.append(Fault(status, body=json.dumps({"KEY": VALUE * (5 * 1024 * 1024 // len(VALUE))}).encode()))
    assert "larger than 4 MiB" in await told(source)
    assert len(stand_in.asked) == 1


async def test_a_config_as_large_as_doppler_allows_is_read(source: Doppler, stand_in: doppler.Doppler) -> None:
    """500 KiB, of characters that take most in JSON."""
    stand_in.configs["shop", "preview"] = {f"KEY_{number}": "\x01" * 50 * 1024 for number in range(10)}
    assert len(json.dumps(stand_in.configs["shop", "preview"])) < ANSWER_LIMIT
    assert await source.read(SHOP) == stand_in.configs["shop", "preview"]


NO_CONFIG = {
    "a page": b"<html>sign in, hidden-value</html>",
    "nothing": b"",
    "a list": b'["hidden-value"]',
    "text": b'"hidden-value"',
    "half an object": b'{"KEY": "hidden-value',
    "bytes that are no text": b'{"KEY": "\xffhidden-value"}',
    "lists within lists": b"[" * 100_000,
}


@pytest.mark.parametrize("name", NO_CONFIG)
async def test_what_is_no_json_object_is_refused_and_not_shown(source: Doppler, stand_in: doppler.Doppler, name: str) -> None:
    stand_in.faults.append(Fault(200, body=NO_CONFIG[name]))
    assert "check that PREVIEWS_DOPPLER_URL is the address of Doppler's API" in await told(source)


@pytest.mark.parametrize("value", [7, 1.5, True, None, ["hidden-value"], {"raw": "hidden-value"}])
async def test_values_that_are_not_text_are_named_and_not_shown(source: Doppler, stand_in: doppler.Doppler, value: object) -> None:
    stand_in.configs["shop", "preview"] |= {"ODD_ONE": value, "ANOTHER": value}
    assert "not text: ANOTHER, ODD_ONE" in await told(source)


@pytest.mark.parametrize("fault", [Fault(301, {"location": "https://elsewhere.test/"}), Fault(302, {"location": "/login"})])
async def test_the_token_follows_no_redirect(source: Doppler, stand_in: doppler.Doppler, fault: Fault) -> None:
    stand_in.faults.append(fault)
    assert "PREVIEWS_DOPPLER_URL" in await told(source)
    assert len(stand_in.asked) == 1


@pytest.mark.parametrize(
    "body",
    [b'{"messages": ["no, %b"], "success": false}' % TOKEN.encode(), b"hidden-value", b'{"messages": "hidden-value"}', b'["hidden-value"]'],
)
async def test_of_a_refusal_only_its_sentences_are_shown_and_no_token(source: Doppler, stand_in: doppler.Doppler, body: bytes) -> None:
    stand_in.faults.append(Fault(403, body=body))
    await told(source, SecretSourceError)


def test_its_errors_end_a_step_at_once() -> None:
    assert issubclass(SecretSourceError, PermanentError)
