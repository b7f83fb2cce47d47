"""What the record of a pull request is asked: to accept a request, and to keep how it ended."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from stack.model import Model
from stack.models import Deployment, ExtendRequest, Outcome, TeardownRequest

Claimable = Annotated[Deployment | TeardownRequest | ExtendRequest, Field(discriminator="kind")]
"""What may be carried out: a deploy that was admitted, and whatever needs no admission."""


class Claiming(Model):
    """A request that asks to be accepted for a namespace."""

    namespace: str
    request: Claimable
    after: int | None = None
    """Work on the request goes on under the generation after this one, so that a late step of what has ended changes nothing any more."""


class Settlement(Model):
    """How an accepted request ended, to be kept in the record."""

    namespace: str
    outcome: Outcome
    requested_at: AwareDatetime | None = None
    """The newest time among the requests that this outcome answers; requests that joined may be newer than the accepted one."""
    good: Deployment | None = None
    """The request, if it ended ready."""
