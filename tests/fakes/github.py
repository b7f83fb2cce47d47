"""A stand-in for GitHub's REST API over real HTTP: the questions that the worker asks, in the documented shapes, and faults on request."""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

TOKEN = "github_pat_of_this_test"
HEAD = "a" * 40
"""Newest commit of a pull request of which a test says nothing else."""
BASE = "b" * 40
"""Newest commit of every branch."""


@dataclass(frozen=True)
class Fault:
    """An answer instead of the right one. Status 0: the connection is closed without an answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = '{"message": "a fault of this test"}'


@dataclass
class Pull:
    """More about a pull request than its state."""

    head: str = HEAD
    head_repository: str | None = "octo/shop"
    """None: the fork was deleted."""
    base: str = "main"
    author: str = "ann"
    author_type: str = "User"
    reviews: list[dict[str, Any]] = field(default_factory=list)


def review(reviewer: str, state: str = "APPROVED", commit: str = HEAD, kind: str = "User", association: str = "MEMBER") -> dict[str, Any]:
    """One review as the list has it."""
    return {
        "id": 80,
        "user": {"login": reviewer, "type": kind},
        "body": "",
        "state": state,
        "commit_id": commit,
        "submitted_at": "2026-03-01T12:00:00Z",
        "author_association": association,
    }


@dataclass
class GitHub:
    """Pull requests by (repository, number) → open or closed, and what else a test says of them."""

    pulls: dict[tuple[str, int], str] = field(default_factory=dict)
    more: dict[tuple[str, int], Pull] = field(default_factory=dict)
    permissions: dict[str, str] = field(default_factory=dict)
    """Login → permission; whoever is not here is no collaborator."""
    branches: dict[str, str] = field(default_factory=lambda: {"main": BASE})
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)
    """(commit, path) → content."""
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
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return _told(HTTPStatus.UNAUTHORIZED, {"message": "Bad credentials", "status": "401"})
        assert headers.get("accept") in {"application/vnd.github+json", "application/vnd.github.object+json"}
        assert headers.get("x-github-api-version")
        assert headers.get("user-agent")
        parts = urlsplit(path)
        found = re.fullmatch(r"/repos/([^/]+/[^/]+)/(.+)", parts.path)
        assert found, path
        for pattern, question in self._questions():
            if words := re.fullmatch(pattern, found[2]):
                return _told_of(question(found[1], dict(parse_qsl(parts.query)), *map(unquote, words.groups())))
        raise AssertionError(f"nobody should ask for {path}")

    def _questions(self) -> list[tuple[str, Callable[..., Any]]]:
        return [
            (r"pulls/([0-9]+)", self._pull),
            (r"pulls/([0-9]+)/reviews", self._reviews),
            (r"collaborators/([^/]+)/permission", self._permission),
            (r"git/ref/heads/(.+)", self._reference),
            (r"contents/(.+)", self._contents),
        ]

    def _pull(self, repository: str, _: dict[str, str], number: str) -> dict[str, Any] | None:
        """https://docs.github.com/rest/pulls/pulls#get-a-pull-request"""
        state = self.pulls.get((repository, int(number)))
        if state is None:
            return None
        more = self.more.get((repository, int(number)), Pull(head_repository=repository))
        return {
            "number": int(number),
            "state": state,
            "merged": False,
            "title": "Mend the teapot",
            "draft": False,
            "user": {"login": more.author, "type": more.author_type},
            "author_association": "CONTRIBUTOR",
            "head": {"ref": "teapot", "sha": more.head, "repo": more.head_repository and {"full_name": more.head_repository}},
            "base": {"ref": more.base, "sha": "c" * 40, "repo": {"full_name": repository, "default_branch": "main"}},
        }

    def _reviews(self, repository: str, query: dict[str, str], number: str) -> list[dict[str, Any]]:
        """https://docs.github.com/rest/pulls/reviews#list-reviews-for-a-pull-request"""
        size, page = int(query.get("per_page", "30")), int(query.get("page", "1"))
        return self.more[repository, int(number)].reviews[(page - 1) * size : page * size]

    def _permission(self, _: str, __: dict[str, str], login: str) -> dict[str, Any] | None:
        """https://docs.github.com/rest/collaborators/collaborators#get-repository-permissions-for-a-user"""
        if login not in self.permissions:
            return None
        role = self.permissions[login]
        base = {"maintain": "write", "triage": "read"}.get(role, role)
        return {"permission": base, "role_name": role, "user": {"login": login, "type": "User"}}

    def _reference(self, _: str, __: dict[str, str], branch: str) -> dict[str, Any] | None:
        """https://docs.github.com/rest/git/refs#get-a-reference"""
        commit = self.branches.get(branch)
        return commit and {"ref": f"refs/heads/{branch}", "object": {"type": "commit", "sha": commit}}  # type: ignore[return-value]

    def _contents(self, _: str, query: dict[str, str], path: str) -> dict[str, Any] | None:
        """https://docs.github.com/rest/repos/contents#get-repository-content, as the object media type gives it"""
        if any(commit == query["ref"] and name.startswith(f"{path}/") for commit, name in self.files):
            return {"type": "dir", "name": path, "path": path, "size": 0, "entries": []}
        content = self.files.get((query["ref"], path))
        if content is None:
            return None
        known = {"type": "file", "name": path.rsplit("/", 1)[-1], "path": path, "sha": "d" * 40, "size": len(content)}
        if len(content) > 1024 * 1024:
            return {**known, "encoding": "none", "content": ""}
        return {**known, "encoding": "base64", "content": base64.encodebytes(content).decode()}


def _told_of(body: Any) -> Fault:
    return _told(HTTPStatus.NOT_FOUND, {"message": "Not Found", "status": "404"}) if body is None else _told(HTTPStatus.OK, body)


def _told(status: HTTPStatus, body: Any) -> Fault:
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
