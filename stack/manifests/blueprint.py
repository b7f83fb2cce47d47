"""What every builder is given."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

from stack.addresses import urls_for
from stack.models import Attempt, SecretsReport, Urls
from stack.names import Names
from stack.network_address import Address
from stack.settings import Settings
from stack.stackfile import StackFile

NO_SECRETS: Final = SecretsReport()


@dataclass(frozen=True)
class Postgres:
    """The shared PostgreSQL as pods see it."""

    host: str
    port: int
    ca: str | None = None
    """PEM of the authority that signed its certificate. With it every connection is verified in full, without it none is encrypted."""


@dataclass(frozen=True)
class Blueprint:
    """All that the objects of one stack are made from."""

    attempt: Attempt
    settings: Settings
    postgres: Postgres
    secrets: SecretsReport = NO_SECRETS
    elsewhere: Address | None = None
    """Where the application works if not with the stack's own Temporal."""

    @property
    def file(self) -> StackFile:
        return self.attempt.request.stack

    @property
    def namespace(self) -> str:
        return self.attempt.namespace

    @property
    def names(self) -> Names:
        return Names(self.attempt.namespace)

    @cached_property
    def urls(self) -> Urls:
        return urls_for(self.attempt.request, self.settings)

    def image(self, name: str) -> str:
        """Reference of an image that the stack file names. The request was validated: every name has one."""
        return self.attempt.request.images[name]
