"""Whether a pull request is still open, from the forge that knows.

Source: GitHub's REST API, "Get a pull request" (`GET /repos/{owner}/{repo}/pulls/{pull_number}`), "Rate limits for the REST API".
"""

from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol

import httpx

from gateways.http_api import read_token, said, will_pass
from stack.errors import RejectedError, UnavailableError
from stack.names import MANAGER
from stack.staleness import PrState

TIMEOUT_SECONDS: Final = 10.0
HEADERS: Final = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28", "user-agent": MANAGER}
TOKEN_REMEDY: Final = "PREVIEWS_FORGE_TOKEN_FILE must name a file with a token that may read pull requests"  # noqa: S105 (no token)


class Forge(Protocol):
    """The forge of the repositories that this installation serves."""

    async def state_of(self, repository: str, pr: int) -> PrState:
        """Unknown when the forge does not know it, or does not show it to us. Raises UnavailableError (no answer now, or asked too often)
        or RejectedError (the token is not good for this)."""


class GitHub:
    """`Forge` over GitHub's REST API, or one that is like it."""

    def __init__(self, url: str, token_file: Path) -> None:
        """The token is read for each question, so a rotated one works."""
        self._url, self._token_file = url.rstrip("/"), token_file

    async def state_of(self, repository: str, pr: int) -> PrState:
        subject = f"pull request {pr} of {repository}"
        answer = await self._get(f"/repos/{repository}/pulls/{pr}", subject)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return "unknown"
        _refuse(answer, subject)
        state = _body(answer, subject).get("state")
        return state if state in {"open", "closed"} else "unknown"

    async def _get(self, path: str, subject: str) -> httpx.Response:
        """A repository that was renamed is followed; the token goes to no other host."""
        token = read_token(self._token_file, "the forge's", TOKEN_REMEDY)
        headers = HEADERS | {"authorization": f"Bearer {token}"}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=True) as client:
                return await client.get(self._url + path, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError("asking the forge for", obj=subject, answer=said(error)) from None


def _refuse(answer: httpx.Response, subject: str) -> None:
    """Being asked too often is 403 or 429, told from a missing right by its headers."""
    if answer.is_success:
        return
    words = f"{answer.status_code} {answer.text}"
    if will_pass(answer):
        raise UnavailableError("asking the forge for", obj=subject, answer=words, remedy="the next clean-up asks again")
    raise RejectedError("asking the forge for", obj=subject, answer=words, remedy=TOKEN_REMEDY)


def _body(answer: httpx.Response, subject: str) -> dict[str, Any]:
    """A proxy's page that claims success is no answer."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise UnavailableError("asking the forge for", obj=subject, answer=answer.text, remedy="is it the forge's API that answers?")
    return body
