"""A stand-in for GitHub's REST API over real HTTP: one question, in the documented shapes, and faults on request."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

TOKEN = "github_pat_of_this_test"


@dataclass(frozen=True)
class Fault:
    """An answer instead of the right one. Status 0: the connection is closed without an answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = '{"message": "a fault of this test"}'


@dataclass
class GitHub:
    """Pull requests by (repository, number) → open or closed."""

    pulls: dict[tuple[str, int], str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    """Answered first, one after the other."""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        path = line.split()[1]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.asked.append(path)
        fault = self.faults.pop(0) if self.faults else self._answer(path, headers)
        if fault.status:
            writer.write(_response(fault))
            await writer.drain()
        writer.close()

    def _answer(self, path: str, headers: dict[str, str]) -> Fault:
        """https://docs.github.com/rest/pulls/pulls#get-a-pull-request"""
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return _told(HTTPStatus.UNAUTHORIZED, message="Bad credentials", status="401")
        assert headers.get("accept") == "application/vnd.github+json"
        assert headers.get("x-github-api-version")
        assert headers.get("user-agent")
        _, repos, owner, name, pulls, number = path.split("/")
        assert (repos, pulls) == ("repos", "pulls")
        state = self.pulls.get((f"{owner}/{name}", int(number)))
        if state is None:
            return _told(HTTPStatus.NOT_FOUND, message="Not Found", status="404")
        return _told(HTTPStatus.OK, number=int(number), state=state, merged=False, title="Mend the teapot", draft=False)


def _told(status: HTTPStatus, /, **body: Any) -> Fault:
    return Fault(status, {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999"}, json.dumps(body))


def _response(answer: Fault) -> bytes:
    headers = {"content-type": "application/json; charset=utf-8", "content-length": str(len(answer.body.encode())), **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + answer.body).encode()


@asynccontextmanager
async def running() -> AsyncIterator[GitHub]:
    """Listens on a port of its own on loopback."""
    github = GitHub()
    server = await asyncio.start_server(github.serve, "127.0.0.1", 0)
    github.port = server.sockets[0].getsockname()[1]
    async with server:
        yield github
