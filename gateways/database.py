"""What the project needs of the shared PostgreSQL, as a Protocol."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from stack.databases import DatabasePlan
from stack.models import ReceiptItem
from stack.names import Names

Guard = Callable[[], Awaitable[None]]
"""Raises OutdatedError when a newer request has been accepted; asked under the lock, right before the first write."""


class Databases(Protocol):
    """The shared PostgreSQL. Every method may raise UnavailableError (try again) and RejectedError (a person must act)."""

    async def create(self, plan: DatabasePlan, guard: Guard) -> None:
        """Makes the plan true under the namespace's lock; may be killed at any point and called again. Raises what `guard` raises."""

    async def drop(self, names: Names, guard: Guard) -> tuple[ReceiptItem, ...]:
        """Takes away all that a stack can have, and looks whether it is gone; an item that is not gone says what holds it."""

    async def answers(self) -> bool:
        """Whether it can be asked at all; raises nothing. A server that refuses this worker answers."""

    async def survey(self) -> Mapping[str, tuple[str, ...]]:
        """Namespace → its databases and roles that are there and bear our mark, such as `Role pr_1`: what `drop` would take away."""
