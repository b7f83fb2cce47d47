"""What the project needs of the shared PostgreSQL, as a Protocol, and the values it speaks in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from stack.models import ReceiptItem
from stack.names import Names

Guard = Callable[[], Awaitable[None]]
"""Raises OutdatedError when a newer request has been accepted; asked under the lock, right before the first write."""


@dataclass(frozen=True)
class Role:
    """A role that may log in. The password never shows in a representation."""

    name: str
    password: str = field(repr=False)
    connections: int
    """Connection limit of the role."""


@dataclass(frozen=True)
class Clone:
    """A database that belongs to one role alone: cloned from `template`, or empty without one."""

    name: str
    owner: str
    template: str | None = None
    template_role: str | None = None
    """The NOLOGIN role that owns everything inside the template and hands it over to `owner`."""


@dataclass(frozen=True)
class DatabasePlan:
    """Everything that one stack has on the shared PostgreSQL. Every database's owner is among the roles."""

    namespace: str
    roles: tuple[Role, ...]
    clones: tuple[Clone, ...]


@dataclass(frozen=True)
class Survey:
    """Roles made by this project, and the databases that they own, whatever state they are in."""

    roles: tuple[str, ...]
    databases: tuple[str, ...]


@dataclass(frozen=True)
class Connections:
    """How many connections the server allows to ordinary roles, and how many are open."""

    limit: int
    used: int


class Databases(Protocol):
    """The shared PostgreSQL. Every method may raise UnavailableError (try again) and RejectedError (a person must act)."""

    async def create(self, plan: DatabasePlan, guard: Guard) -> None:
        """Makes the plan true under the namespace's lock; may be killed at any point and called again. Raises what `guard` raises."""

    async def drop(self, names: Names, guard: Guard) -> tuple[ReceiptItem, ...]:
        """Takes away all that a stack can have, and looks whether it is gone; an item that is not gone says what holds it."""

    async def survey(self) -> Survey:
        """What exists of all stacks."""

    async def connections(self) -> Connections:
        """What admission counts with."""
