"""What is done of a run with one seed, kept so that a second call goes on where the first one stopped."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.soak.cases import Report

BOUND_SECONDS = 25
"""Heartbeat time-out, workflow task time-out and one retry interval (workflows/policies.py)."""


class AnotherRunError(Exception):
    """Two runs at once would take each other's pull requests away."""


class Progress:
    """The reports of all cases of a seed, in a file that is complete after each."""

    def __init__(self, file: Path, *, fresh: bool = False) -> None:
        self._file = file
        if fresh:
            file.unlink(missing_ok=True)
        self._reports: dict[str, dict[str, Any]] = json.loads(file.read_text())["cases"] if file.exists() else {}

    @property
    def done(self) -> frozenset[str]:
        """Cases that went well; what failed is tried again."""
        return frozenset(case for case, report in self._reports.items() if not report["problems"] and not report["orphans"])

    def add(self, cases: list[str], report: Report) -> None:
        first, *others = cases
        self._reports[first] = report.as_json()
        self._reports |= {case: {**report.as_json(), "faults": 0, "orphans": []} for case in others}
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_suffix(".draft")
        draft.write_text(json.dumps({"written": time.strftime("%F %T"), "summary": self.totals(), "cases": self._reports}, indent=1))
        draft.replace(self._file)

    def totals(self) -> dict[str, Any]:
        """The numbers of the last line."""
        reports = self._reports.values()
        return {
            "sequences": sum(report["kind"] == "sequence" for report in reports),
            "races": sum(report["kind"] == "race" for report in reports),
            "writes": sum(report["kind"] == "fault" for report in reports),
            "faults": sum(report["faults"] for report in reports),
            "orphans": sum(len(report["orphans"]) for report in reports),
            "failed": sorted(case for case, report in self._reports.items() if report["problems"] or report["orphans"]),
            "slowest_recovery_s": max((report["recovery"] for report in reports), default=0.0),
        }

    def last_line(self, seed: int) -> str:
        totals = self.totals()
        cases = f"{totals['sequences']} sequences, {totals['faults']} faults injected, {totals['races']} race cases"
        recovery = f"slowest recovery: {totals['slowest_recovery_s']:.1f} s (bound {BOUND_SECONDS} s)"
        return f"soak: {cases}, orphans found: {totals['orphans']}, {recovery}, seed {seed}"


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One run at a time; the lock goes with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnotherRunError("another `make soak` runs in this checkout") from None
        yield
