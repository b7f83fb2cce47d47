"""Seeded chance. What is drawn depends on the seed, the subject and how often it was drawn for that subject, on nothing else.

A generator that all share would let one more draw anywhere change everything that follows; here histories with and without a fault
stay the same up to the fault.
"""

from collections import Counter
from hashlib import blake2b

RARELY = 0.06
"""Share of the delays that are long ones: interleavings that need one slow call are found too."""


class Chance:
    """Delays and choices of one simulation."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._drawn: Counter[str] = Counter()

    def fraction(self, subject: str) -> float:
        """From 0 to below 1."""
        self._drawn[subject] += 1
        digest = blake2b(f"{self._seed} {subject} {self._drawn[subject]}".encode(), digest_size=4).digest()
        return int.from_bytes(digest, "big") / 2**32

    def delay(self, subject: str, usual: float, long: float = 0.0) -> float:
        """Seconds: mostly up to `usual`, rarely up to `long`."""
        fraction = self.fraction(subject)
        if fraction < RARELY and long:
            return usual + fraction / RARELY * long
        return (fraction - RARELY) / (1 - RARELY) * usual if fraction > RARELY else usual
