"""Kubernetes quantities as numbers."""

from decimal import Decimal
from typing import Final

FACTORS: Final = {
    "m": Decimal("0.001"),
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGT", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGT", start=1)},
}


def number(quantity: str) -> Decimal:
    """'256Mi' → 268435456, '50m' → 0.05. The quantity must have passed the pattern of stack/stackfile.py."""
    digits = quantity.rstrip("mkKMGTi")
    return Decimal(digits) * FACTORS[quantity[len(digits) :]]


def unit(quantity: str) -> str:
    """'256Mi' → 'Mi', '4' → ''."""
    return quantity[len(quantity.rstrip("mkKMGTi")) :]
