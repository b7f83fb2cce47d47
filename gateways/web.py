"""Seeing a page as the public does."""

import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

import httpx

from stack.errors import InvalidInputError
from stack.masking import SHORTEST, masked, secret_values
from stack.names import MANAGER

TIMEOUT_SECONDS: Final = 5.0
BODY_LIMIT: Final = 2048
"""Bytes of a body that are read: enough to recognise an error page."""
REDIRECTS: Final = 5


@dataclass(frozen=True)
class Answer:
    """What a page answered: `status` 0 means that nothing answered, and `body` then says why."""

    status: int
    body: str
    """The first 2 KB."""
    location: str = ""
    """Where a redirect that was not followed points to."""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def asks_to_sign_in(self, url: str) -> bool:
        """Refused there for want of a login, or sent from there to another host."""
        elsewhere = urlsplit(self.location).hostname not in (None, urlsplit(url).hostname)
        return self.status in (401, 403) or (300 <= self.status < 400 and elsewhere)


@dataclass(frozen=True)
class Credentials:
    """How to sign in by basic authentication."""

    user: str
    password: str

    @classmethod
    def read(cls, text: str) -> Self:
        """`user:password`, one line. Raises InvalidInputError, also for a password that is too short to be masked."""
        user, _, password = text.rstrip("\r\n").partition(":")
        if not user or len(password) < SHORTEST or not (user + password).isprintable():
            raise InvalidInputError([f"it must hold one line, user:password, with a password of at least {SHORTEST} characters"])
        return cls(user, password)

    @property
    def header(self) -> str:
        return f"Basic {self._token}"

    @property
    def _token(self) -> str:
        return b64encode(f"{self.user}:{self.password}".encode()).decode()

    def masked(self, text: str) -> str:
        """Without the password and the header's value: an ingress may hand both on to the page, and a page may show what it was sent."""
        data = {"password": self.password, "token": self._token}
        held = {"data": {name: b64encode(value.encode()).decode() for name, value in data.items()}}
        return masked(text, secret_values([held]))


class Web(Protocol):
    """The public side of the ingress."""

    async def get(self, url: str) -> Answer:
        """GET within a short time limit. Redirects are followed on the same host only. Never raises for what the page does."""


class IngressWeb:
    """`Web` that dials the ingress and names the public host, which need not resolve here; without an ingress address it dials the host.

    Credentials are sent with every request: only that host is asked.
    """

    def __init__(self, ingress_address: str | None = None, credentials: Credentials | None = None) -> None:
        self._address, self._credentials = ingress_address, credentials

    async def get(self, url: str) -> Answer:
        page = httpx.URL(url)
        try:
            async with self._client() as client:
                for _ in range(REDIRECTS):
                    answer = await self._get(client, page)
                    onward = page.join(answer.location)
                    if not answer.location or (onward.scheme, onward.netloc) != (page.scheme, page.netloc):
                        return self._masked(answer)
                    page = onward
            return Answer(0, f"more than {REDIRECTS} redirects, the last to {page}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(0, str(error) or type(error).__name__)

    def _client(self) -> httpx.AsyncClient:
        """Without pooling, so that each try sees what the ingress does now; proxies of the environment are not the public's way."""
        return httpx.AsyncClient(verify=self._trust, timeout=TIMEOUT_SECONDS, trust_env=False, headers=self._headers())

    def _headers(self) -> Mapping[str, str]:
        return {"user-agent": MANAGER} | ({"authorization": self._credentials.header} if self._credentials else {})

    def _masked(self, answer: Answer) -> Answer:
        if self._credentials is None:
            return answer
        return replace(answer, body=self._credentials.masked(answer.body), location=self._credentials.masked(answer.location))

    async def _get(self, client: httpx.AsyncClient, page: httpx.URL) -> Answer:
        target, headers = self._dialled(page), {"host": page.netloc.decode()}
        async with client.stream("GET", target, headers=headers, extensions={"sni_hostname": page.host}) as response:
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) >= BODY_LIMIT:
                    break
            return Answer(response.status_code, body[:BODY_LIMIT].decode(errors="replace"), response.headers.get("location", ""))

    def _dialled(self, page: httpx.URL) -> httpx.URL:
        if self._address is None:
            return page
        host, _, port = self._address.rpartition(":")
        return page.copy_with(host=host, port=int(port))

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """Read once: it takes longer than a request."""
        return ssl.create_default_context()
