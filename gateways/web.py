"""Seeing a page as the public does."""

from dataclasses import dataclass
from typing import Protocol


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
