"""The codec server: decrypts payloads for temporal-ui in the browser of whoever is signed in, by Temporal's protocol for remote codecs.

temporal-ui has a token to pass on only where an identity provider gave it one. So it is the browser that signs in, by HTTP basic
authentication: an operator opens this server's page once, and from then on the browser adds the password to what temporal-ui asks
(`includeCredentials`). A login prompt never appears for a page of another origin, which is why it has to be opened. Nothing is encrypted
here, and nothing is logged: what passes through is what was worth encrypting.
"""

import asyncio
import base64
import binascii
import hmac
import json
import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import PayloadCodec

from gateways.encryption import Encryption, payload_keys
from gateways.files import text_of
from stack.errors import InvalidInputError, UnreadableError
from stack.settings import PREFIX, Settings

BODY_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one question: Temporal keeps no payload above 2 MiB, and temporal-ui asks for those of an event at a time."""
BODY_SECONDS: Final = 10.0
STOP_SECONDS: Final = 1.0
"""For answers that are on their way when it is told to stop."""
SHORTEST_TOKEN: Final = 16
PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "authorization, authorization-extras, content-type, x-namespace",
    "Access-Control-Max-Age": "600",
}
ASK: Final = {"WWW-Authenticate": 'Basic realm="payloads of Temporal", charset="UTF-8"'}
WELCOME: Final = "You are signed in: temporal-ui shows payloads in this browser until it is closed.\n"
SILENT: Final = logging.getLogger("codec-server")
SILENT.disabled = True


@dataclass(frozen=True)
class CodecServer:
    """Answers one origin, to who knows the token."""

    codec: PayloadCodec = field(repr=False)
    origin: str
    token: str = field(repr=False)

    def application(self) -> web.Application:
        application = web.Application(client_max_size=BODY_LIMIT, middlewares=[self._guard])
        application.on_response_prepare.append(self._add_headers)
        application.router.add_get("/", _welcome)
        application.router.add_post("/decode", self._decode)
        return application

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Preflights carry no password; whoever asks from another page gets nothing, not even the question for one."""
        if request.headers.get("Origin", self.origin) != self.origin:
            raise web.HTTPForbidden(text=f"{PREFIX}CODEC_ORIGIN names another page than the one that asks\n")
        if request.method == "OPTIONS":
            return web.Response(status=204, headers=PREFLIGHT)
        if not self._knows(request.headers.get("Authorization", "")):
            raise web.HTTPUnauthorized(headers=ASK, text="Open this address in the browser once, and sign in.\n")
        return await handler(request)

    def _knows(self, authorization: str) -> bool:
        """Any user with the token as password, or the token as a bearer's, such as `temporal --codec-auth` sends it."""
        scheme, _, credentials = authorization.partition(" ")
        given = credentials if scheme.lower() == "bearer" else _password(credentials)
        return hmac.compare_digest(given.encode(errors="replace"), self.token.encode())

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update({"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Vary": "Origin"})
        if request.headers.get("Origin") == self.origin:
            response.headers.update({"Access-Control-Allow-Origin": self.origin, "Access-Control-Allow-Credentials": "true"})

    async def _decode(self, request: web.Request) -> web.Response:
        try:
            decoded = await self.codec.decode(await _payloads(request))
        except UnreadableError as error:
            raise web.HTTPUnprocessableEntity(text=f"{error}\n") from None
        return web.json_response({"payloads": [MessageToDict(payload) for payload in decoded]})


def codec_server(settings: Settings) -> CodecServer:
    """Raises InvalidInputError that lists everything that is missing."""
    keys_file, token_file, origin = settings.payload_keys_file, settings.codec_token_file, settings.codec_origin
    if keys_file is None or token_file is None or origin is None:
        wanted = {"payload_keys_file": keys_file, "codec_token_file": token_file, "codec_origin": origin}
        raise InvalidInputError([f"{PREFIX}{name.upper()} is missing" for name, value in wanted.items() if value is None])
    return CodecServer(Encryption(payload_keys(keys_file)), origin, _token(text_of(token_file, f"{PREFIX}CODEC_TOKEN_FILE")))


async def serve(server: CodecServer, listen: str, tell: Callable[[str], None]) -> None:
    """Answers until SIGTERM or SIGINT; tells where, once it listens. Raises OSError when it cannot."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    runner = web.AppRunner(server.application(), access_log=None, logger=SILENT, shutdown_timeout=STOP_SECONDS)
    await runner.setup()
    try:
        host, port = listen.rsplit(":", 1)
        await web.TCPSite(runner, host, int(port)).start()
        tell("http://{}:{}".format(*runner.addresses[0]))
        await stop.wait()
    finally:
        await runner.cleanup()


def _token(text: str) -> str:
    if len(text.strip()) < SHORTEST_TOKEN:
        raise InvalidInputError([f"{PREFIX}CODEC_TOKEN_FILE: the token has fewer than {SHORTEST_TOKEN} characters, and can be guessed"])
    return text.strip()


def _password(credentials: str) -> str:
    try:
        return base64.b64decode(credentials, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


async def _welcome(_: web.Request) -> web.Response:
    return web.Response(text=WELCOME)


async def _payloads(request: web.Request) -> Sequence[Payload]:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = json.loads(await request.read())
        return ParseDict(body, Payloads(), ignore_unknown_fields=True).payloads
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError):
        raise web.HTTPBadRequest(text='expected {"payloads": […]} as Temporal writes it in JSON\n') from None
