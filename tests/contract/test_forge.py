"""Proves over real HTTP what is made of a forge's answers. Closed is only what the forge calls closed."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateways.forge import GitHub
from stack.errors import RejectedError, UnavailableError
from tests.fakes import github
from tests.fakes.github import TOKEN, Fault

REPOSITORY = "octo/shop"


@pytest.fixture
async def stand_in() -> AsyncIterator[github.GitHub]:
    async with github.running() as running:
        yield running


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    return file


def keep(token_file: Path, content: bytes) -> None:
    token_file.write_bytes(content)


@pytest.fixture
def forge(stand_in: github.GitHub, token_file: Path) -> GitHub:
    return GitHub(stand_in.url + "/", token_file)


@pytest.mark.parametrize("state", ["open", "closed"])
async def test_it_tells_what_the_forge_says(forge: GitHub, stand_in: github.GitHub, state: str) -> None:
    stand_in.pulls[REPOSITORY, 7] = state
    assert await forge.state_of(REPOSITORY, 7) == state
    assert stand_in.asked == ["/repos/octo/shop/pulls/7"]


async def test_what_the_forge_does_not_know_or_show_is_unknown(forge: GitHub) -> None:
    assert await forge.state_of(REPOSITORY, 8) == "unknown"


async def test_a_state_that_nobody_has_heard_of_is_unknown(forge: GitHub, stand_in: github.GitHub) -> None:
    stand_in.pulls[REPOSITORY, 7] = "hibernating"
    assert await forge.state_of(REPOSITORY, 7) == "unknown"


async def test_a_repository_that_was_renamed_is_followed(forge: GitHub, stand_in: github.GitHub) -> None:
    stand_in.pulls["octo/store", 7] = "closed"
    stand_in.faults.append(Fault(301, {"location": f"{stand_in.url}/repos/octo/store/pulls/7"}))
    assert await forge.state_of(REPOSITORY, 7) == "closed"


async def test_a_token_is_not_taken_to_another_host(forge: GitHub, stand_in: github.GitHub) -> None:
    stand_in.pulls[REPOSITORY, 7] = "closed"
    elsewhere = stand_in.url.replace("127.0.0.1", "localhost")
    stand_in.faults.append(Fault(302, {"location": f"{elsewhere}/repos/octo/shop/pulls/7"}))
    with pytest.raises(RejectedError, match="Bad credentials"):
        await forge.state_of(REPOSITORY, 7)


LATER = [
    Fault(429, {"retry-after": "60"}),
    Fault(403, {"retry-after": "60"}, '{"message": "You have exceeded a secondary rate limit."}'),
    Fault(403, {"x-ratelimit-remaining": "0"}, '{"message": "API rate limit exceeded"}'),
    Fault(500),
    Fault(502, {"content-type": "text/html"}, "<html>Bad Gateway</html>"),
    Fault(503),
    Fault(0),
    Fault(200, {"content-type": "text/html"}, "<html>sign in to the proxy</html>"),
    Fault(200, {}, '["not", "an", "object"]'),
]


@pytest.mark.parametrize("fault", LATER, ids=lambda fault: f"{fault.status} {fault.headers or fault.body}")
async def test_no_answer_now_is_asked_again_later(forge: GitHub, stand_in: github.GitHub, fault: Fault) -> None:
    stand_in.pulls[REPOSITORY, 7] = "closed"
    stand_in.faults.append(fault)
    with pytest.raises(UnavailableError, match="pull request 7 of octo/shop"):
        await forge.state_of(REPOSITORY, 7)
    assert await forge.state_of(REPOSITORY, 7) == "closed"


@pytest.mark.parametrize("fault", [Fault(401), Fault(403), Fault(410), Fault(422)], ids=lambda fault: str(fault.status))
async def test_a_refusal_is_for_a_person(forge: GitHub, stand_in: github.GitHub, fault: Fault) -> None:
    stand_in.faults.append(fault)
    with pytest.raises(RejectedError, match="PREVIEWS_FORGE_TOKEN_FILE") as caught:
        await forge.state_of(REPOSITORY, 7)
    assert TOKEN not in str(caught.value)


async def test_a_forge_that_is_away_is_asked_again_later(token_file: Path) -> None:
    with pytest.raises(UnavailableError):
        await GitHub("http://127.0.0.1:1", token_file).state_of(REPOSITORY, 7)


async def test_a_rotated_token_works_at_the_next_question(forge: GitHub, stand_in: github.GitHub, token_file: Path) -> None:
    stand_in.pulls[REPOSITORY, 7] = "open"
    keep(token_file, b"an old one")
    with pytest.raises(RejectedError, match="Bad credentials"):
        await forge.state_of(REPOSITORY, 7)
    keep(token_file, TOKEN.encode())
    assert await forge.state_of(REPOSITORY, 7) == "open"


@pytest.mark.parametrize("content", [b"", b"\n", b"two\nlines", "ключ".encode(), b"\xff\xfe"])
async def test_a_file_without_a_token_is_for_a_person_and_not_quoted(forge: GitHub, token_file: Path, content: bytes) -> None:
    keep(token_file, content)
    with pytest.raises(RejectedError, match="forge's token") as caught:
        await forge.state_of(REPOSITORY, 7)
    assert "two" not in str(caught.value)


async def test_a_token_file_that_is_not_there_is_for_a_person(stand_in: github.GitHub, tmp_path: Path) -> None:
    with pytest.raises(RejectedError, match="No such file"):
        await GitHub(stand_in.url, tmp_path / "none").state_of(REPOSITORY, 7)
