"""Proves over real sockets that a page is seen as the public sees it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from gateways.web import BODY_LIMIT, Answer, Credentials, IngressWeb
from stack.errors import InvalidInputError

FINE = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"


@dataclass
class Ingress:
    """Answers by path and notes the requests."""

    port: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.requests.append(request)
        writer.write(self.answers.get(request.split()[1], FINE).encode())
        await writer.drain()
        writer.close()

    @property
    def hosts(self) -> list[str]:
        lines = [line for request in self.requests for line in request.lower().splitlines()]
        return [line.removeprefix("host: ") for line in lines if line.startswith("host:")]


@pytest.fixture
async def ingress() -> AsyncIterator[Ingress]:
    ingress = Ingress()
    server = await asyncio.start_server(ingress.serve, "127.0.0.1", 0)
    ingress.port = server.sockets[0].getsockname()[1]
    async with server:
        yield ingress


def web(ingress: Ingress) -> IngressWeb:
    return IngressWeb(f"127.0.0.1:{ingress.port}")


async def test_the_ingress_is_dialled_and_the_public_host_named(ingress: Ingress) -> None:
    answer = await web(ingress).get("http://pr-1.does-not-resolve.test:8080")
    assert (answer.ok, answer.body) == (True, "fine")
    assert ingress.hosts == ["pr-1.does-not-resolve.test:8080"]


async def test_without_an_ingress_address_the_host_itself_is_dialled(ingress: Ingress) -> None:
    assert (await IngressWeb().get(f"http://127.0.0.1:{ingress.port}/")).ok


async def test_a_redirect_on_the_same_host_is_followed(ingress: Ingress) -> None:
    ingress.answers["/"] = "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"
    assert (await web(ingress).get("http://pr-1.test/")).ok
    assert ingress.hosts == ["pr-1.test", "pr-1.test"]


@pytest.mark.parametrize("elsewhere", ["http://evil.test/", "https://pr-1.test/", "//evil.test/", "http://pr-1.test:81/"])
async def test_a_redirect_to_elsewhere_is_not_followed(ingress: Ingress, elsewhere: str) -> None:
    ingress.answers["/"] = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"
    answer = await web(ingress).get("http://pr-1.test/")
    assert (answer.ok, answer.status, answer.location) == (False, 302, elsewhere)
    assert len(ingress.requests) == 1


async def test_a_circle_of_redirects_ends(ingress: Ingress) -> None:
    ingress.answers["/"] = "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"
    answer = await web(ingress).get("http://pr-1.test/")
    assert (answer.status, answer.ok) == (0, False)
    assert "redirects" in answer.body


async def test_only_the_beginning_of_a_body_is_read(ingress: Ingress) -> None:
    ingress.answers["/"] = "HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n" + "x" * 100_000
    answer = await web(ingress).get("http://pr-1.test/")
    assert (answer.status, answer.body) == (500, "x" * BODY_LIMIT)


@pytest.mark.parametrize("answer", ["", "nonsense\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: http://[\r\n\r\n"])
async def test_what_is_no_answer_is_said_and_not_raised(ingress: Ingress, answer: str) -> None:
    ingress.answers["/"] = answer
    assert not (await web(ingress).get("http://pr-1.test/")).ok


async def test_nothing_listening_is_said_and_not_raised() -> None:
    answer = await IngressWeb("127.0.0.1:1").get("http://pr-1.test/")
    assert (answer.ok, answer.status) == (False, 0)
    assert answer.body


CREDENTIALS = Credentials("previews", "correct horse: battery")
HEADER = "Basic cHJldmlld3M6Y29ycmVjdCBob3JzZTogYmF0dGVyeQ=="


async def test_basic_authentication_is_answered_and_only_when_there_are_credentials(ingress: Ingress) -> None:
    for credentials in (CREDENTIALS, None):
        await IngressWeb(f"127.0.0.1:{ingress.port}", credentials).get("http://pr-1.test/")
    first, second = ingress.requests
    assert f"authorization: {HEADER}\r\n" in first.replace("Authorization", "authorization")
    assert "authorization" not in second.lower()


async def test_a_page_that_shows_the_password_it_was_sent_is_masked(ingress: Ingress) -> None:
    shown = f"you are {HEADER}, with correct horse: battery"
    ingress.answers["/"] = f"HTTP/1.1 500 Oops\r\nLocation: http://evil.test/{HEADER[6:]}\r\nContent-Length: {len(shown)}\r\n\r\n{shown}"
    answer = await IngressWeb(f"127.0.0.1:{ingress.port}", CREDENTIALS).get("http://pr-1.test/")
    assert answer == Answer(500, "you are Basic ***, with ***", "http://evil.test/***")


@pytest.mark.parametrize("text", ["", "user", "user:", ":password", "user:short", "user:pass\nword", "user:password\nanother:password"])
def test_what_is_no_user_and_password_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError, match="user:password"):
        Credentials.read(text)


def test_the_end_of_the_line_is_no_part_of_the_password() -> None:
    assert Credentials.read("previews:correct horse: battery\n") == CREDENTIALS


@pytest.mark.parametrize(
    ("answer", "asks"),
    [
        (Answer(401, ""), True),
        (Answer(403, ""), True),
        (Answer(302, "", "https://login.test/?to=pr-1.test"), True),
        (Answer(302, "", "https://pr-1.test/"), False),
        (Answer(302, "", "/login"), False),
        (Answer(404, ""), False),
        (Answer(503, "", "https://login.test/"), False),
        (Answer(0, "connection refused"), False),
    ],
)
def test_a_login_is_asked_for_by_a_refusal_or_by_another_host(answer: Answer, asks: bool) -> None:
    assert answer.asks_to_sign_in("http://pr-1.test/") is asks
