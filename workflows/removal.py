"""Taking a stack away, as both workflows do: TeardownPreview until everything is gone, DeployPreview to undo a first attempt."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.databases import DatabaseActivities
    from activities.removal import RemovalActivities
    from stack.models import Receipt, ReceiptItem, Removal
    from stack.receipts import held, update
    from workflows.policies import DELETE

PAUSES: Final = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5))
"""Between two looks at what does not go. A look itself waits for some seconds; the last pause is used again and again."""

Look = Callable[[Removal], Awaitable[tuple[ReceiptItem, ...]]]


async def look_at_namespace(removal: Removal) -> tuple[ReceiptItem, ...]:
    item = await workflow.execute_activity_method(
        RemovalActivities.delete_namespace, removal, **DELETE, summary=f"namespace {removal.namespace}, until it is seen gone"
    )
    return (item,)


async def look_at_databases(removal: Removal) -> tuple[ReceiptItem, ...]:
    items: tuple[ReceiptItem, ...] = await workflow.execute_activity_method(
        DatabaseActivities.drop_databases, removal, **DELETE, summary="databases and roles, until they are seen gone"
    )
    return items


class Receiving:
    """A receipt that is being written: what was seen of each thing so far."""

    def __init__(self) -> None:
        self._items: dict[str, ReceiptItem] = {}

    def take(self, looked: tuple[ReceiptItem, ...], since: datetime) -> None:
        self._items = update(self._items, looked, (workflow.now() - since).total_seconds())

    @property
    def held(self) -> str:
        """What is still there, and why."""
        return held(self._items.values())

    def receipt(self) -> Receipt | None:
        return Receipt(items=tuple(self._items.values())) if self._items else None


def pause_after(looks: int) -> timedelta:
    return PAUSES[min(looks, len(PAUSES)) - 1]
