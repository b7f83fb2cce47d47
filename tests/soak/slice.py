"""A fixed selection of what `make soak` runs: every kind of write, every mode, every pair of requests, some histories."""

from collections.abc import Sequence
from itertools import cycle
from typing import Final

from tests.soak.faults import PHASES, Life, Writes, spread
from tests.soak.folder import Fault, Mode
from tests.soak.histories import History, history
from tests.soak.keys import kind_of
from tests.soak.races import PAIRS, Race

SEEDS: Final = (17, 31, 69, 70, 89, 100)
"""Chosen so that together they have everything that can happen; a test says so."""


def lives_of_slice(writes: Writes) -> list[Life]:
    """Each kind of write once, in the shortest phase that has it, with one mode after the other.

    The longest lives come first, so that no lane waits for one at the end.
    """
    modes, columns, seen = cycle(Mode), dict[tuple[str, str], list[Fault]](), set[str]()
    for phase in reversed(PHASES):
        for write in sorted(writes[phase], key=lambda write: not write.always):
            if (kind := kind_of(write.key)) not in seen:
                seen.add(kind)
                mode = next(modes)
                possible = mode if write.repeatable or mode is not Mode.TWICE else Mode.AFTER
                fault = Fault(write.step, write.key, write.occurrence, possible, write.always)
                columns.setdefault((phase, write.step), []).append(fault)
    return sorted(spread(columns), key=lambda life: -len(life.cases))


def races_of_slice() -> list[Race]:
    """Each pair once, each at another of its steps."""
    return [pair.cases()[i % len(pair.cases())] for i, pair in enumerate(PAIRS)]


def histories_of_slice() -> Sequence[History]:
    return [history(seed) for seed in SEEDS]
