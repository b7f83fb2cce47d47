"""An application's secrets from Doppler.

Source: https://docs.doppler.com/reference/secrets-download (`GET /v3/configs/config/secrets/download`), and "Rate Limits" and "Errors" of
https://docs.doppler.com/reference/api.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import httpx
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, retry_if_result, stop_before_delay

from gateways.http_api import read_token, said, will_pass
from stack.doppler import URL_REMEDY, downloaded, subject, unusable
from stack.errors import PreviewError, SecretSourceError, UnavailableError
from stack.names import MANAGER
from stack.stackfile import DopplerConfig

DOWNLOAD: Final = "/v3/configs/config/secrets/download"
HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity", "user-agent": MANAGER}
"""Not compressed, so that what is read is what is counted."""
ANSWER_LIMIT: Final = 4 * 1024 * 1024
"""Bytes. Doppler keeps at most 500 KiB in a config, and JSON takes six bytes for the worst of characters."""
REQUEST_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 4.5
"""For how long it is asked again here; what takes longer is tried again by Temporal."""
FIRST_PAUSE_SECONDS: Final = 0.2
ANY_CONFIG: Final = "token"
"""File with the token of a service account, which may read several configs."""
TOKENS_REMEDY: Final = "put a token that may read this config into the folder of PREVIEWS_DOPPLER_TOKENS_DIR, as {own} or as token"


@dataclass(frozen=True)
class Answer:
    """What Doppler said. The body may be full of secrets."""

    head: httpx.Response
    body: bytes


class Doppler:
    """`SecretSource` over Doppler's HTTP API. Tokens are read from their files for each use, so rotated ones work."""

    def __init__(self, url: str, tokens: Path | None) -> None:
        """`tokens`: a folder with files `<project>.<config>`, each with the service token of that config, or with one called `token`."""
        self._url, self._tokens = url.rstrip("/"), tokens

    async def read(self, name: DopplerConfig) -> Mapping[str, str]:
        file = self._token_file(name)
        token = read_token(file, "Doppler's", TOKENS_REMEDY.format(own=_own(name)), SecretSourceError)
        answer = await self._patiently(name, token)
        if not answer.head.is_success:
            raise _refusal(answer, name, file.name, token)
        return downloaded(answer.body, name)

    def _token_file(self, name: DopplerConfig) -> Path:
        found = [self._tokens / each for each in (_own(name), ANY_CONFIG)] if self._tokens else []
        for file in found:
            if file.is_file():
                return file
        raise unusable(name, "the worker has no token for it", TOKENS_REMEDY.format(own=_own(name)))

    async def _patiently(self, name: DopplerConfig, token: str) -> Answer:
        """The first answer that will not be another one in a moment, or the last that there was time for."""
        asking = AsyncRetrying(
            retry=retry_if_exception_type(UnavailableError) | retry_if_result(lambda answer: will_pass(answer.head)),
            wait=_pause,
            stop=stop_before_delay(PATIENCE_SECONDS),
            retry_error_callback=_last,
        )
        async with httpx.AsyncClient(timeout=REQUEST_SECONDS) as client:
            answer: Answer = await asking(self._ask, client, name, token)
            return answer

    async def _ask(self, client: httpx.AsyncClient, name: DopplerConfig, token: str) -> Answer:
        """Follows no redirect: the token goes to the address of the settings and nowhere else."""
        query = {"format": "json", "project": name.project, "config": name.config}
        headers = HEADERS | {"authorization": f"Bearer {token}"}
        try:
            async with (
                asyncio.timeout(REQUEST_SECONDS),
                client.stream("GET", self._url + DOWNLOAD, params=query, headers=headers) as response,
            ):
                return Answer(response, await _bounded(response, name))
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise UnavailableError("read secrets from", obj=subject(name), answer=said(error)) from None


def _own(name: DopplerConfig) -> str:
    """Neither part has a dot in it, so no two configs share a file."""
    return f"{name.project}.{name.config}"


async def _bounded(response: httpx.Response, name: DopplerConfig) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > ANSWER_LIMIT:
            raise unusable(name, "it is larger than 4 MiB", "a Secret holds 1 MiB, and Doppler less: " + URL_REMEDY)
    return bytes(body)


def _pause(state: RetryCallState) -> float:
    """What the answer asks for, and never less than twice the pause before."""
    asked = 0.0
    if state.outcome and not state.outcome.failed:
        asked = _seconds(state.outcome.result().head.headers.get("retry-after", ""))
    return max(asked, FIRST_PAUSE_SECONDS * 2.0 ** (state.attempt_number - 1))


def _seconds(retry_after: str) -> float:
    """Doppler gives seconds. A date, which HTTP knows too, is left to Temporal's retries."""
    if not retry_after:
        return 0.0
    return float(retry_after) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,6})?", retry_after) else PATIENCE_SECONDS


def _last(state: RetryCallState) -> Answer:
    assert state.outcome is not None
    answer: Answer = state.outcome.result()
    return answer


def _refusal(answer: Answer, name: DopplerConfig, file: str, token: str) -> PreviewError:
    words = f"{answer.head.status_code} {_words(answer.body)}".strip().replace(token, "***")
    if will_pass(answer.head):
        return UnavailableError("read secrets from", obj=subject(name), answer=words, remedy="it is asked again")
    return unusable(name, words, _remedy(answer.head, words, file))


def _remedy(head: httpx.Response, words: str, file: str) -> str:
    if head.status_code == HTTPStatus.UNAUTHORIZED:
        return f"the token in the file {file} was revoked, has expired or is none: put a new one there, it is read at the next use"
    if head.is_redirect:
        return URL_REMEDY
    if "not have access" in words or head.status_code == HTTPStatus.FORBIDDEN:
        return f"the token in the file {file} is of another config, or there is no such config: a service token reads exactly one"
    return "correct the project and the config in `secrets.doppler` of the stack file"


def _words(body: bytes) -> str:
    """The sentences of `{"messages": […], "success": false}`. Of anything else nothing is shown."""
    try:
        messages = json.loads(body).get("messages", [])
        return " ".join(message for message in messages if isinstance(message, str))
    except (ValueError, RecursionError, AttributeError, TypeError):
        return ""
