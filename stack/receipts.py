"""Receipts over several looks at the same things."""

from collections.abc import Iterable, Mapping

from stack.models import ReceiptItem


def merged(before: ReceiptItem | None, now: ReceiptItem, seconds: float) -> ReceiptItem:
    """One item over two looks: it existed if it ever did, and what held it is not forgotten when it has gone.

    `seconds` is how long it has been looked at altogether; a first look knows that better itself.
    """
    if before is None:
        return now
    return now.model_copy(
        update={"existed": before.existed or now.existed, "held_by": now.held_by or before.held_by, "seconds": round(seconds, 3)}
    )


def held(items: Iterable[ReceiptItem]) -> str:
    """What is still there and why, in one line; empty when everything was seen gone."""
    return "; ".join(f"{item.object}: {item.held_by or 'still there'}" for item in items if not item.seen_gone)


def update(items: Mapping[str, ReceiptItem], looked: Iterable[ReceiptItem], seconds: float) -> dict[str, ReceiptItem]:
    """By object, with what was seen now."""
    return {**items, **{item.object: merged(items.get(item.object), item, seconds) for item in looked}}
