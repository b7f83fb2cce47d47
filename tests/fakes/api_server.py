"""A server that answers as a test tells it, to see what the gateway makes of broken answers. Not a Kubernetes API."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateways.connection import Session
from gateways.kubernetes_cluster import KubernetesCluster

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ScriptedServer:
    """Gives the scripted answers in order, then the last one again and again. Keeps the requests."""

    def __init__(self, *script: Handler) -> None:
        self._script = list(script)
        self.requests: list[str] = []
        self.tokens: list[str] = []
        self.url = ""
        self.ready = True
        """What /readyz says; that is not part of the script."""

    async def readyz(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=200 if self.ready else 403)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        self.tokens.append(request.headers.get("Authorization", ""))
        handler = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return await handler(request)


def answer(status: int, body: Any) -> Handler:
    """A whole answer: text as it is, anything else as JSON."""

    async def handler(request: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, content_type="application/json")

    return handler


def lines(*events: Any, then: Callable[[], Awaitable[None]] | None = None) -> Handler:
    """A watch that sends these events and ends, or does what `then` does first."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for event in events:
            text = event if isinstance(event, str) else json.dumps(event) + "\n"
            await response.write(text.encode())
        if then is not None:
            await then()
        return response

    return handler


def hang_up() -> Handler:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    return handler


@asynccontextmanager
async def serving(*script: Handler) -> AsyncIterator[ScriptedServer]:
    """The server on a free port of loopback."""
    server = ScriptedServer(*script)
    app = web.Application()
    app.router.add_get("/readyz", server.readyz)
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await site.stop()
        await asyncio.sleep(0.01)  # a connection that was accepted in this very moment becomes one of those that are closed now
        await runner.cleanup()


@cache
def _authority() -> str:
    """Nobody's: with one named, the client does not load all that the machine trusts, which takes longer than most tests."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "nobody")])
    draft = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    return base64.b64encode(draft.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)).decode()


def write_kubeconfig(folder: Path, url: str) -> Path:
    """A kubeconfig whose token is in a file that somebody else renews."""
    (folder / "token").write_text("first\n")
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    user = {"name": "u", "user": {"tokenFile": "token"}}
    cluster = {"name": "c", "cluster": {"server": url, "certificate-authority-data": _authority()}}
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "c", "contexts": [context], "users": [user], "clusters": [cluster]}
    (folder / "kubeconfig").write_text(yaml.safe_dump(config))
    return folder / "kubeconfig"


@asynccontextmanager
async def connected(folder: Path, url: str) -> AsyncIterator[KubernetesCluster]:
    cluster = KubernetesCluster(await Session.connect(write_kubeconfig(folder, url)))
    try:
        yield cluster
    finally:
        await cluster.close()
