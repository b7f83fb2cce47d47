"""Seeing a page as the public does."""

import ssl
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import httpx

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


class Web(Protocol):
    """The public side of the ingress."""

    async def get(self, url: str) -> Answer:
        """GET within a short time limit. Redirects are followed on the same host only. Never raises for what the page does."""


class IngressWeb:
    """`Web` that dials the ingress and names the public host, which need not resolve here; without an ingress address it dials the host."""

    def __init__(self, ingress_address: str | None = None) -> None:
        self._address = ingress_address

    async def get(self, url: str) -> Answer:
        page = httpx.URL(url)
        try:
            async with self._client() as client:
                for _ in range(REDIRECTS):
                    answer = await self._get(client, page)
                    onward = page.join(answer.location)
                    if not answer.location or (onward.scheme, onward.netloc) != (page.scheme, page.netloc):
                        return answer
                    page = onward
            return Answer(0, f"more than {REDIRECTS} redirects, the last to {page}")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Answer(0, str(error) or type(error).__name__)

    def _client(self) -> httpx.AsyncClient:
        """Without pooling, so that each try sees what the ingress does now; proxies of the environment are not the public's way."""
        return httpx.AsyncClient(verify=self._trust, timeout=TIMEOUT_SECONDS, trust_env=False, headers={"user-agent": MANAGER})

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
