"""What the ring did, for the line at its end: nobody has to believe that a matrix has no holes."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any


class Numbers:
    """Counted by the tests, printed by conftest.py."""

    def __init__(self) -> None:
        self._scenes: defaultdict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
        self.count: Counter[str] = Counter()
        self._slowest: dict[str, float] = {}

    def add(self, kind: str, scene: str, played: int, moments: int) -> None:
        """A scene was played at so many of its moments."""
        self._scenes[kind][scene] = (played, moments)

    def recovered(self, matrix: str, seconds: float) -> None:
        self._slowest[matrix] = max(seconds, self._slowest.get(matrix, 0.0))

    def given(self) -> dict[str, Any]:
        """For another process, which adds it to its own."""
        return {"scenes": {kind: [(scene, *counted) for scene, counted in scenes.items()] for kind, scenes in self._scenes.items()}} | {
            "count": dict(self.count),
            "slowest": self._slowest,
        }

    def take(self, given: dict[str, Any]) -> None:
        for kind, scenes in given["scenes"].items():
            for scene, played, moments in scenes:
                self.add(kind, scene, played, moments)
        self.count.update(given["count"])
        for matrix, seconds in given["slowest"].items():
            self.recovered(matrix, seconds)

    def line(self) -> str:
        """Empty if nothing was played."""
        matrices = [f"{kind} {len(scenes)} scenes, {_moments(scenes.values())}" for kind, scenes in self._scenes.items()]
        counts = [f"{count} {what}" for what, count in self.count.items()]
        slowest = [f"slowest recovery {max(self._slowest.values()):.1f} s"] if self._slowest else []
        return " · ".join([*matrices, *counts, *slowest])

    def lines(self) -> list[str]:
        """Per matrix, for people who want to know more."""
        return [f"slowest recovery, {matrix}: {seconds:.1f} s" for matrix, seconds in sorted(self._slowest.items())]


def _moments(scenes: Iterable[tuple[int, int]]) -> str:
    """How many were played; of how many, if not all."""
    played, moments = map(sum, zip(*scenes, strict=True))
    return f"all {moments} moments" if played == moments else f"{played} of {moments} moments (SIMULATION=all: all)"


NUMBERS = Numbers()
