"""A stand-in for Doppler's HTTP API over real HTTP: the download of a config's secrets in the documented shapes, and faults on request."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

Config = tuple[str, str]
"""Project and config."""
LIMITS = {"x-ratelimit-limit": "240", "x-ratelimit-remaining": "239"}


@dataclass(frozen=True)
class Fault:
    """An answer instead of the right one. Status 0: the connection is closed without an answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"messages": ["a fault of this test"], "success": false}'
    seconds: float = 0
    """Before it comes."""


@dataclass
class Doppler:
    """Configs and their secrets, and the tokens that read them. A token that is not here was revoked."""

    configs: dict[Config, dict[str, object]] = field(default_factory=dict)
    tokens: dict[str, set[Config]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    """Answered first, one after the other."""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # it did not want to ask, or to wait
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        target = line.split()[1]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self.asked.append(target)
        answer = self.faults.pop(0) if self.faults else self._answer(target, headers.get("authorization", ""))
        await asyncio.sleep(answer.seconds)
        if answer.status:
            writer.write(_response(answer))
            await writer.drain()

    def _answer(self, target: str, authorization: str) -> Fault:
        """https://docs.doppler.com/reference/secrets-download"""
        path, query = urlsplit(target).path, {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        if path != "/v3/configs/config/secrets/download" or query.get("format") != "json":
            return _refused(HTTPStatus.NOT_FOUND, "Could not find requested resource")
        readable = self.tokens.get(authorization.removeprefix("Bearer "))
        if readable is None:
            return _refused(HTTPStatus.UNAUTHORIZED, "Invalid Auth token")
        return self._download((query["project"], query["config"]), readable)

    def _download(self, config: Config, readable: set[Config]) -> Fault:
        """One that reads a single config is a service token, which is not told what else there is."""
        if config not in readable and len(readable) == 1:
            return _refused(HTTPStatus.BAD_REQUEST, f"This token does not have access to requested config '{config[1]}'")
        if config[0] not in {project for project, _ in self.configs}:
            return _refused(HTTPStatus.NOT_FOUND, f"Could not find requested project '{config[0]}'")
        if config not in self.configs:
            return _refused(HTTPStatus.NOT_FOUND, f"Could not find requested config '{config[1]}'")
        added = {"DOPPLER_PROJECT": config[0], "DOPPLER_CONFIG": config[1], "DOPPLER_ENVIRONMENT": config[1].partition("_")[0]}
        return Fault(HTTPStatus.OK, LIMITS, json.dumps(added | self.configs[config]).encode())


def _refused(status: HTTPStatus, message: str) -> Fault:
    return Fault(status, LIMITS, json.dumps({"messages": [message], "success": False}).encode())


def _response(answer: Fault) -> bytes:
    sized = {"content-length": str(len(answer.body)), "connection": "close"}
    headers = {"content-type": "application/json; charset=utf-8", **sized, **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + answer.body


@asynccontextmanager
async def running() -> AsyncIterator[Doppler]:
    """Listens on a port of its own on loopback."""
    doppler = Doppler()
    server = await asyncio.start_server(doppler.serve, "127.0.0.1", 0)
    doppler.port = server.sockets[0].getsockname()[1]
    async with server:
        yield doppler
