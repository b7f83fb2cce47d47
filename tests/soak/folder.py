"""What the runner and the worker of a lane tell each other, by files: they outlive a process that ends in the middle of a sentence.

The runner writes the phase: which fault is to happen, at which step to stop for a moment. The worker writes a journal of what it did, one
line at a time, and marks: that the fault has happened, that it has stopped.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any


class Mode(StrEnum):
    """What happens at a write."""

    BEFORE = "crash-before"
    """The worker is gone before it sends it."""
    AFTER = "crash-after"
    """The worker is gone when it was done, before it knows."""
    LOST = "applied-but-timed-out"
    """Done, and the answer never comes."""
    TWICE = "twice"
    """Done, and then done again."""


@dataclass(frozen=True)
class Fault:
    """One fault at one write: the `occurrence`-th of that key in one attempt of that step (an activity), counted from 1."""

    step: str
    key: str
    occurrence: int
    mode: Mode
    always: bool = True
    """False for a write that the phase may not come to."""

    def __str__(self) -> str:
        return f"{self.mode} in {self.step} at {self.key}" + (f" #{self.occurrence}" if self.occurrence > 1 else "")


@dataclass(frozen=True)
class Phase:
    """What the worker is to do beside its work until the next phase."""

    name: str
    faults: tuple[Fault, ...] = ()
    """Each happens once."""
    hold: str = ""
    """Activity at whose start it waits until the runner lets it go on."""
    chance: float = 0.0
    """How likely each call fails, on its own."""
    seed: int = 0

    def text(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> "Phase":
        phase = cls(**json.loads(text))
        given: Any = phase.faults
        return replace(phase, faults=tuple(Fault(**{**fault, "mode": Mode(fault["mode"])}) for fault in given))


IDLE = Phase("idle")


class Folder:
    """The files of one lane."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.mkdir(parents=True, exist_ok=True)
        self._journal = self.path / "journal.jsonl"

    def begin(self, phase: Phase) -> None:
        """Forgets the phase before and its journal."""
        for mark in (self.path / "held", self.path / "go", *self.path.glob("fired-*")):
            mark.unlink(missing_ok=True)
        self._journal.write_text("")
        draft = self.path / "phase.draft"
        draft.write_text(phase.text())
        draft.replace(self.path / "phase.json")

    def phase(self) -> Phase:
        with suppress(FileNotFoundError):
            return Phase.parse((self.path / "phase.json").read_text())
        return IDLE

    def mark(self, name: str) -> None:
        (self.path / name).touch()

    def is_marked(self, name: str) -> bool:
        return (self.path / name).exists()

    def note(self, event: str, **more: object) -> None:
        """One line of the journal: written at once, whatever happens next."""
        line = json.dumps({"t": round(time.time(), 3), "event": event, **more}) + "\n"
        file = os.open(self._journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def journal(self) -> list[dict[str, Any]]:
        """The lines of this phase so far."""
        return list(self._lines())

    def _lines(self) -> Iterator[dict[str, Any]]:
        for line in self._journal.read_text().splitlines():
            with suppress(ValueError):  # the last one may be half written
                yield json.loads(line)

    @property
    def pid(self) -> int | None:
        """Of the worker that serves the lane now."""
        with suppress(FileNotFoundError, ValueError):
            return int((self.path / "pid").read_text())
        return None
