"""Random histories of one pull request, each made from its seed alone, so that a failing one can be played again."""

import random
from dataclasses import dataclass
from typing import Final

from tests.soak.cases import COMMITS
from tests.soak.races import TEARDOWN, UPDATE

WORDS: Final = {
    "push": 26,
    "push the same": 6,
    "push broken": 8,
    "push late": 6,
    "close": 16,
    "expire": 9,
    "extend": 5,
    "pin": 4,
    "unpin": 3,
    "cancel": 5,
    "terminate": 4,
    "kill": 12,
}
"""What happens, and how often. `expire`: its time is over, and the clean-up comes by. `kill`: SIGKILL to the worker."""

AT_ONCE: Final = "at once"
ANSWERED: Final = "when it is answered"
CHANCES: Final = (0.0, 0.0, 0.02, 0.05)
"""How likely each call of the worker fails on its own: half of the histories have good weather."""


@dataclass(frozen=True)
class Op:
    """One thing that happens, and when the next one does: at once, when this is answered, or when the run begins that activity."""

    word: str
    then: str
    commit: str = ""

    def __str__(self) -> str:
        return f"{self.word} {self.commit}".strip() + f", then {self.then}"


@dataclass(frozen=True)
class History:
    """What happens to one pull request."""

    seed: int
    ops: tuple[Op, ...]
    chance: float

    @property
    def name(self) -> str:
        return f"history {self.seed}"

    def has(self, *words: str) -> bool:
        return any(op.word in words for op in self.ops)

    def story(self) -> list[str]:
        weather = f"each call fails with probability {self.chance}" if self.chance else "no call fails by chance"
        replay = f"again: make soak ONLY=sequences SEED={self.seed} SEQUENCES=1 FRESH=1"
        return [f"{self.name}; {weather}", *map(str, self.ops), replay]


def history(seed: int) -> History:
    """The history of this seed."""
    dice = random.Random(seed)
    length = dice.randint(3, 6)
    words = [dice.choice(("push", "push", "push", "push broken")), *dice.choices(list(WORDS), list(WORDS.values()), k=length - 1)]
    commits = iter(COMMITS)
    ops, last = list[Op](), ""
    for word in words:
        if word in {"push", "push broken"}:
            last = next(commits)
        commit = last if word in {"push", "push broken", "push the same"} else ""
        ops.append(Op(word, _then(dice), commit))
    return History(seed, tuple(ops), dice.choice(CHANCES))


def _then(dice: random.Random) -> str:
    step = dice.choice(sorted({*UPDATE, *TEARDOWN}))
    return dice.choices((AT_ONCE, ANSWERED, step), (35, 35, 30))[0]
