"""The connection to a cluster's API: where it is, who we are, and one way to ask it something."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Container, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.client.exceptions import OpenApiException
from kubernetes.aio.client.rest import RESTResponse
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from yaml import YAMLError

from gateways.translation import Answer, not_ready, refusal, unreachable, will_pass
from stack.errors import InvalidInputError

CALL_SECONDS: Final = 8.0
CONNECT_SECONDS: Final = 3.0
TOKEN_PERIOD_SECONDS: Final = 30.0
"""A token in a file is renewed by somebody else (the kubelet, the local platform) long before it expires: re-read it this often."""

CLIENT_ERRORS: Final = (aiohttp.ClientError, OpenApiException, ConfigException, OSError, TimeoutError, ValueError)
"""Everything that the client raises for a call: ValueError is what aiohttp has for a line that is too long, ConfigException what a pod's
token that is just being written leads to."""

CLOSING_SECONDS: Final = 0.05
"""aiohttp does not wait until connections with TLS are closed; without a moment for it the loop may end before."""
PATIENCE_SECONDS: Final = 5.0
"""How long a right that was just granted may take to reach the API server's cache, and a new quota to be counted."""

FIRST_PAUSE_SECONDS: Final = 0.01
"""The right that is awaited most often is there some ten milliseconds after its binding."""

CONFIG_ERRORS: Final = (ConfigException, YAMLError, OSError, TypeError, ValueError)
"""Everything that reading a kubeconfig raises, half-written ones included."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """One request. `did` and `obj` are for the error that says what went wrong with it."""

    method: str
    path: str
    did: str
    obj: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content_type: str = "application/json"
    seconds: float = CALL_SECONDS
    """How long the whole answer may take."""


class Session:
    """Sends requests as the worker's identity and raises only errors of stack/errors.py."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    @classmethod
    async def connect(cls, kubeconfig: Path | None) -> Self:
        """From a kubeconfig, or (None) from the service account of the pod that this runs in. Raises InvalidInputError."""
        configuration = Configuration()
        try:
            if kubeconfig is None:
                load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
            else:
                identity = _Kubeconfig(kubeconfig)
                await identity.load(configuration)
                configuration.refresh_api_key_hook = identity.refresh  # type: ignore[assignment]
        except CONFIG_ERRORS as error:
            source = kubeconfig or "the pod's service account"
            raise InvalidInputError([f"KUBECONFIG: cannot connect to a cluster by {source}: {error}"]) from None
        return cls(ApiClient(configuration))

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]
        await asyncio.sleep(CLOSING_SECONDS)

    async def call(self, request: Request, *, accept: Container[int] = ()) -> Answer:
        """The answer, if it is a success or its status among those to accept. Refusals that will pass are waited out for a while."""
        patience = _Patience(self, request)
        while True:
            answer = await self._ask(request)
            if answer.ok or answer.status in accept:
                return answer
            await patience.wait(answer)

    async def _ask(self, request: Request) -> Answer:
        try:
            response = await self._send(request, aiohttp.ClientTimeout(total=request.seconds, sock_connect=CONNECT_SECONDS))
            return Answer(response.status, await _text(response))
        except CLIENT_ERRORS as error:
            raise unreachable(error, request.did, request.obj) from None

    @asynccontextmanager
    async def stream(self, request: Request, *, quiet_seconds: float) -> AsyncIterator[aiohttp.StreamReader]:
        """An answer to be read line by line. A connection on which nothing comes for `quiet_seconds` is a broken one."""
        limits = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=quiet_seconds)
        patience = _Patience(self, request)
        try:
            while (response := await self._send(request, limits)).status != HTTPStatus.OK:
                await patience.wait(Answer(response.status, await _text(response)))
            try:
                yield response.response.content
            finally:
                response.response.close()
        except CLIENT_ERRORS as error:
            raise unreachable(error, request.did, request.obj) from None

    async def is_ready(self) -> bool:
        """Whether the API server has all that it needs to judge a request. One that has just started knows nobody's rights."""
        return (await self._ask(Request("GET", "/readyz", "asking", "the API server whether it is ready"))).ok

    async def _send(self, request: Request, limits: aiohttp.ClientTimeout) -> RESTResponse:
        parameters = await self._client.param_serialize(
            request.method,
            request.path,
            query_params=list(request.query.items()),
            header_params={"Accept": "application/json", "Content-Type": request.content_type},
            body=request.body,
            auth_settings=["BearerToken"],
        )
        return await self._client.call_api(*parameters, _request_timeout=limits)


class _Patience:
    """Waits between two attempts of one request for as long as its refusal may pass, and raises when that has lasted too long."""

    def __init__(self, session: Session, request: Request) -> None:
        self._session, self._request = session, request
        self._deadline, self._pause = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE_SECONDS
        self._is_last = False

    async def wait(self, answer: Answer) -> None:
        if self._is_last or not will_pass(answer):
            raise refusal(answer, self._request.did, self._request.obj)
        if time.monotonic() > self._deadline:
            if not await self._session.is_ready():
                raise not_ready(answer, self._request.did, self._request.obj)
            self._is_last = True
            return
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, 0.5)


async def _text(response: RESTResponse) -> str:
    data: bytes = await response.read()  # type: ignore[no-untyped-call]
    return data.decode(errors="replace")


class _Kubeconfig:
    """Reads the kubeconfig and, because the library reads a `tokenFile` only once, again whenever a call finds it too old."""

    def __init__(self, file: Path) -> None:
        self._file, self._read_at = file, 0.0

    async def load(self, configuration: Configuration) -> None:
        self._read_at = time.monotonic()
        await load_kube_config(  # type: ignore[no-untyped-call]
            config_file=str(self._file), client_configuration=configuration, persist_config=False
        )
        if token := configuration.api_key.get("BearerToken"):
            configuration.api_key["BearerToken"] = token.strip()

    async def refresh(self, configuration: Configuration) -> None:
        """The library's hook before each call. A file that cannot be read just now leaves the identity as it is."""
        if time.monotonic() - self._read_at < TOKEN_PERIOD_SECONDS:
            return
        try:
            await self.load(configuration)
        except CONFIG_ERRORS as error:
            log.warning("keeping the identity in use: cannot read %s: %s", self._file, error)
