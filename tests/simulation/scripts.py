"""What happens in a history: requests, operators, lost workers, broken calls, in any order and at any time.

A script is drawn by a seed, and has a text that says the same: whoever finds one that goes wrong can make it shorter by hand.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal, get_args

What = Literal[
    "push",
    "close",
    "wait",
    "settle",
    "cancel",
    "terminate",
    "kill",
    "cut off",
    "freeze",
    "trouble",
    "outage",
    "extend",
    "pin",
    "unpin",
    "expire",
    "clean up",
]
WEIGHTS: Final[dict[What, int]] = {
    "push": 6,
    "close": 3,
    "wait": 8,
    "settle": 1,
    "cancel": 1,
    "terminate": 1,
    "kill": 2,
    "cut off": 1,
    "freeze": 1,
    "trouble": 1,
    "outage": 1,
    "extend": 1,
    "pin": 1,
    "unpin": 1,
    "expire": 1,
    "clean up": 2,
}
COMMITS: Final = ("aaaaaaa", "bbbbbbb", "ccccccc")
LONGEST: Final = 10
"""Steps of a script."""
STEP: Final = re.compile(
    rf"(?P<what>{'|'.join(get_args(What))})( (?P<commit>[0-9a-f]{{7}}))?( with image (?P<image>\w+))?"
    r"( of minute (?P<minute>\d+))?( (?P<seconds>[\d.]+) s)?"
)


@dataclass(frozen=True)
class Step:
    """One thing that happens. `commit` and `minute` for requests, `seconds` for what lasts."""

    what: What
    commit: str = ""
    minute: int = 0
    seconds: float = 0.0
    image: str = "web"
    """`bad` cannot be pulled, `crash` ends again and again."""

    def __str__(self) -> str:
        if self.what == "push":
            return f"push {self.commit}{f' with image {self.image}' if self.image != 'web' else ''} of minute {self.minute}"
        if self.what == "close":
            return f"close of minute {self.minute}"
        return f"{self.what} {self.seconds} s" if self.seconds else self.what


@dataclass(frozen=True)
class Script:
    """Steps, and the seed of all delays while they happen."""

    seed: int
    steps: Sequence[Step]

    def __str__(self) -> str:
        return f"seed {self.seed}: " + ", ".join(map(str, self.steps))


def parse(text: str) -> Script:
    """From the text of a script, or from a number alone."""
    if text.isdigit():
        return script_of(int(text))
    seed, _, steps = text.removeprefix("seed ").partition(": ")
    return Script(int(seed), tuple(_step(each) for each in steps.split(", ")))


def _step(text: str) -> Step:
    found = STEP.fullmatch(text)
    assert found, f"not a step: {text}"
    words = {name: word for name, word in found.groupdict().items() if word is not None}
    numbers = {"minute": int(words.pop("minute", "0")), "seconds": float(words.pop("seconds", "0"))}
    return Step(**words, **numbers)  # type: ignore[arg-type]  # the pattern lets nothing else in


def script_of(seed: int) -> Script:
    return script_from(Random(seed), seed)


def script_from(random: Random, seed: int) -> Script:
    """Drawn from `random`, to be played with the delays of `seed`."""
    minute, steps = 0, []
    for _ in range(random.randint(2, LONGEST)):
        (what,) = random.choices(list(WEIGHTS), list(WEIGHTS.values()))
        minute += random.choice((0, 0, 1, 1, 2))
        asked = max(0, minute - random.choice((0, 0, 0, 2, 4)))
        seconds = round(random.choice((0.1, 1, 5, 15)) * random.random(), 2)
        match what:
            case "push":
                image = random.choice(("web", "web", "web", "web", "web", "bad", "crash"))
                steps.append(Step(what, random.choice(COMMITS), asked, image=image))
            case "close":
                steps.append(Step(what, minute=asked))
            case "settle" | "cancel" | "terminate" | "extend" | "pin" | "unpin" | "expire" | "clean up":
                steps.append(Step(what))
            case _:
                steps.append(Step(what, seconds=seconds))
    return Script(seed, tuple(steps))
