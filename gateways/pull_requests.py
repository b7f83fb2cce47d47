"""What has to be known of a pull request before it gets a preview, from the forge.

Source: GitHub's REST API, "Get a pull request", "List reviews for a pull request", "Get repository permissions for a user",
"Get a reference", "Get repository content".
"""

import base64
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

from gateways.forge import GitHub, state_in
from stack.admission import PullRequest, Review
from stack.errors import RejectedError, UnavailableError
from stack.stackfile_choice import BaseFile

T = TypeVar("T")

PAGE: Final = 100
"""Reviews at once: the most that the forge gives."""
MOST_PAGES: Final = 30
OBJECT: Final = "application/vnd.github.object+json"
"""One object for whatever is at a path, also for a folder."""
MAY_WRITE: Final = {"admin", "maintain", "write"}
OF_TEAM: Final = {"OWNER", "MEMBER", "COLLABORATOR"}
"""What the forge calls those who belong to a repository. It does not say so of members who keep it private."""

GHOST: Final = {"login": "ghost", "type": "User"}
"""Stands for an author whose account is gone."""


class PullRequests(Protocol):
    """The forge's facts. Every question raises UnavailableError (no answer now, or asked too often) or RejectedError."""

    async def pull_request(self, repository: str, pr: int) -> PullRequest | None:
        """None: the forge does not know it, or does not show it to us."""

    async def reviews(self, pull: PullRequest) -> list[Review]:
        """All of them, the oldest first."""

    async def may_write(self, repository: str, login: str) -> bool:
        """Whether somebody may push to the repository."""

    async def base_file(self, pull: PullRequest, path: str) -> BaseFile:
        """What is at the path, at the newest commit of the branch that the pull request is to be merged into."""


class GitHubPullRequests:
    """`PullRequests` over GitHub's REST API."""

    def __init__(self, github: GitHub) -> None:
        self._github = github

    async def pull_request(self, repository: str, pr: int) -> PullRequest | None:
        subject = f"pull request {pr} of {repository}"
        found = await self._github.ask(f"/repos/{repository}/pulls/{pr}", subject, dict)
        return None if found is None else _understood(lambda: _pull_request(found), subject)

    async def reviews(self, pull: PullRequest) -> list[Review]:
        """Raises RejectedError for more than can be read: the newest ones decide, and they come last."""
        subject, reviews = f"reviews of pull request {pull.number} of {pull.repository}", list[Review]()
        for page in range(1, MOST_PAGES + 1):
            path = f"/repos/{pull.repository}/pulls/{pull.number}/reviews"
            found = await self._github.ask(path, subject, list, per_page=str(PAGE), page=str(page))
            reviews += _understood(partial(_reviews, found or []), subject)
            if len(found or []) < PAGE:
                return reviews
        raise RejectedError("read", obj=subject, answer=f"there are more than {MOST_PAGES * PAGE}")

    async def may_write(self, repository: str, login: str) -> bool:
        subject = f"the rights of {login} in {repository}"
        found = await self._github.ask(f"/repos/{repository}/collaborators/{quote(login, safe='')}/permission", subject, dict)
        return found is not None and found.get("permission") in MAY_WRITE

    async def base_file(self, pull: PullRequest, path: str) -> BaseFile:
        commit = await self._newest(pull.repository, pull.base)
        subject = f"{path} of {pull.repository} at {commit[:12]}"
        address = f"/repos/{pull.repository}/contents/{quote(path)}"
        found = await self._github.ask(address, subject, dict, accept=OBJECT, ref=commit)
        if found is None:
            return BaseFile(path=path, branch=pull.base, commit=commit, kind="missing")
        return _understood(lambda: _file(found, path, pull.base, commit), subject)

    async def _newest(self, repository: str, branch: str) -> str:
        subject = f"branch {branch} of {repository}"
        found = await self._github.ask(f"/repos/{repository}/git/ref/heads/{quote(branch)}", subject, dict)
        if found is None:
            raise RejectedError("find", obj=subject, answer="the forge does not know it, or does not show it to this token")
        commit: str = _understood(lambda: found["object"]["sha"], subject)
        return commit


def _understood(read: Callable[[], T], subject: str) -> T:
    """What a proxy answers in place of the forge may well be JSON."""
    try:
        return read()
    except (KeyError, TypeError, ValueError) as error:
        said = f"{type(error).__name__}: {error}"
        raise UnavailableError("asking the forge for", obj=subject, answer=said, remedy="is it the forge's API that answers?") from None


def _pull_request(found: dict[str, Any]) -> PullRequest:
    head, base, author = found["head"], found["base"], found["user"] or GHOST
    return PullRequest(
        repository=base["repo"]["full_name"],
        number=found["number"],
        state=state_in(found),
        head=head["sha"],
        head_repository=head["repo"]["full_name"] if head["repo"] else None,
        base=base["ref"],
        author=author["login"],
        by_bot=author["type"] == "Bot",
    )


def _reviews(found: list[Any]) -> list[Review]:
    """Without those of accounts that are gone: nobody can say whether they may write."""
    return [_review(each) for each in found if each["user"]]


def _review(found: dict[str, Any]) -> Review:
    return Review(
        reviewer=found["user"]["login"],
        state=found["state"],
        commit=found["commit_id"],
        by_bot=found["user"]["type"] == "Bot",
        of_team=found["author_association"] in OF_TEAM,
    )


def _file(found: dict[str, Any], path: str, branch: str, commit: str) -> BaseFile:
    """The forge gives no content of files that are much larger than what is read of them here."""
    kind, size = found["type"], found.get("size", 0)
    content = base64.b64decode(found["content"]) if kind == "file" and found["encoding"] == "base64" else b""
    return BaseFile(path=path, branch=branch, commit=commit, kind=kind, size=size, content=content)
