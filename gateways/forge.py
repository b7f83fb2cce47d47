"""Whether a pull request is still open, from the forge that knows.

Source: GitHub's REST API, "Get a pull request" (`GET /repos/{owner}/{repo}/pulls/{pull_number}`), "Rate limits for the REST API".
"""

from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import httpx

from gateways.http_api import read_token, said, will_pass
from stack.errors import RejectedError, UnavailableError
from stack.names import MANAGER
from stack.staleness import PrState

A = TypeVar("A", dict[str, Any], list[Any])

TIMEOUT_SECONDS: Final = 10.0
JSON: Final = "application/vnd.github+json"
HEADERS: Final = {"x-github-api-version": "2022-11-28", "user-agent": MANAGER}
TOKEN_REMEDY: Final = "PREVIEWS_FORGE_TOKEN_FILE must name a file with a token that may read pull requests, contents and metadata"  # noqa: S105 (no token)


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
        found = await self.ask(f"/repos/{repository}/pulls/{pr}", f"pull request {pr} of {repository}", dict)
        return state_in(found) if found is not None else "unknown"

    async def ask(self, path: str, subject: str, kind: type[A], *, accept: str = JSON, **parameters: str) -> A | None:
        """The answer as JSON of that kind; None: the forge does not know it, or does not show it to us. Raises as `state_of`."""
        answer = await self._get(path, subject, accept, parameters)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        _refuse(answer, subject)
        return _body(answer, subject, kind)

    async def _get(self, path: str, subject: str, accept: str, parameters: dict[str, str]) -> httpx.Response:
        """A repository that was renamed is followed; the token goes to no other host."""
        token = read_token(self._token_file, "the forge's", TOKEN_REMEDY)
        headers = HEADERS | {"accept": accept, "authorization": f"Bearer {token}"}
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS, follow_redirects=True) as client:
                return await client.get(self._url + path, headers=headers, params=parameters)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnavailableError("asking the forge for", obj=subject, answer=said(error)) from None


def _refuse(answer: httpx.Response, subject: str) -> None:
    """Being asked too often is 403 or 429, told from a missing right by its headers."""
    if answer.is_success:
        return
    words = f"{answer.status_code} {answer.text}"
    if will_pass(answer):
        raise UnavailableError("asking the forge for", obj=subject, answer=words, remedy="it is asked again")
    raise RejectedError("asking the forge for", obj=subject, answer=words, remedy=TOKEN_REMEDY)


def state_in(pull: dict[str, Any]) -> PrState:
    """The state of a pull request that the forge told of."""
    state = pull.get("state")
    return state if state in {"open", "closed"} else "unknown"


def _body(answer: httpx.Response, subject: str, kind: type[A]) -> A:
    """A proxy's page that claims success is no answer."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, kind):
        raise UnavailableError("asking the forge for", obj=subject, answer=answer.text, remedy="is it the forge's API that answers?")
    return body
