"""What people and programs read: progress while it runs, then the outcome."""

import json
import sys
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol, TextIO

from stack.models import Diagnosis, Outcome, Receipt, ReceiptItem

LONG_SECONDS = 15
"""Without a step that ends, it is worth a line what is waited for."""
JSON_FIELDS = {"state", "pr", "generation", "sha", "urls", "seconds", "diagnosis", "receipt", "note", "temporal_away", "expires_at"}


class Reporter(Protocol):
    """Shows progress; called again and again with how far a request is."""

    def __call__(self, outcome: Outcome) -> None: ...


class PlainReporter:
    """One line for each step as it ends, and what is waited for when that takes long: for CI logs, where nothing can be overwritten."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._told: set[str] = set()
        self._next_wait = clock() + LONG_SECONDS

    def __call__(self, outcome: Outcome) -> None:
        for step, seconds in outcome.seconds.items():
            if step not in self._told:
                self._told.add(step)
                self._next_wait = self._clock() + LONG_SECONDS
                print(f"  {step:<12} {seconds:7.2f} s", file=self._stream, flush=True)
        self._tell_wait(outcome)

    def _tell_wait(self, outcome: Outcome) -> None:
        """Now and then while no step ends."""
        wait = outcome.waits_for or outcome.note
        if outcome.state == "running" and wait and self._clock() >= self._next_wait:
            self._next_wait = self._clock() + LONG_SECONDS
            print(f"  … {wait}", file=self._stream, flush=True)


class TerminalReporter(PlainReporter):
    """The same lines, and below them what is running now."""

    CLEAR = "\r\x1b[2K"

    def __call__(self, outcome: Outcome) -> None:
        self._stream.write(self.CLEAR)
        super().__call__(outcome)
        if outcome.state == "running" and outcome.note:
            self._stream.write(f"  … {outcome.note}" + (f": {outcome.waits_for}" if outcome.waits_for else ""))
        self._stream.flush()


def reporter(stream: TextIO) -> Reporter:
    """The reporter that suits the stream."""
    return TerminalReporter(stream) if stream.isatty() else PlainReporter(stream)


def as_json(outcome: Outcome) -> str:
    """One object on one line."""
    return json.dumps(outcome.model_dump(mode="json", include=JSON_FIELDS), ensure_ascii=False)


def as_text(outcome: Outcome, elapsed: float | None = None) -> str:
    """The outcome for people: what, where, how long, and what to do if it is not what was asked for."""
    took = "" if elapsed is None else f" after {elapsed:.2f} s"
    lines = [f"Pull request {outcome.pr}: {outcome.state}{took}" + (f" ({outcome.note})" if outcome.note else "")]
    if outcome.urls is not None:
        lines += [f"  page         {outcome.urls.webapp}", f"  temporal-ui  {outcome.urls.temporal_ui}"]
    if (outcome.urls is not None and outcome.state == "ready") or outcome.expires_at is not None:
        lines.append(
            f"  expires      {outcome.expires_at:%Y-%m-%d %H:%M} UTC" if outcome.expires_at else "  expires      never: it is pinned"
        )
    if outcome.temporal_away is not None:
        lines.append(f"  temporal was away {outcome.temporal_away:.1f} s")
    if outcome.receipt is not None:
        lines += receipt_lines(outcome.receipt)
    if outcome.diagnosis is not None:
        lines += diagnosis_lines(outcome.diagnosis)
    return "\n".join(lines)


def diagnosis_lines(diagnosis: Diagnosis) -> list[str]:
    """Category and object, the sentence, the log tail, what to do."""
    detail = [f"  | {line}" for line in diagnosis.detail.splitlines()]
    return [f"  {diagnosis.category}: {diagnosis.object}", f"  {diagnosis.summary}", *detail, f"  What to do: {diagnosis.resolution}"]


def receipt_lines(receipt: Receipt) -> list[str]:
    """One line for each thing that was looked for."""
    return [f"  {item.object:<34} {_fate(item):<24} {item.seconds:6.2f} s{_holder(item)}" for item in receipt.items]


def _fate(item: ReceiptItem) -> str:
    if not item.seen_gone:
        return "STILL THERE"
    return "deleted, seen gone" if item.existed else "was not there"


def _holder(item: ReceiptItem) -> str:
    if not item.held_by:
        return ""
    return f" (was held by {item.held_by})" if item.seen_gone else f" ({item.held_by})"


def complain(problem: str) -> None:
    """An error for people, on standard error."""
    print(problem, file=sys.stderr, flush=True)


def rows(header: tuple[str, ...], lines: list[tuple[Any, ...]]) -> str:
    """A plain table with columns as wide as they must be."""
    table = [header, *[tuple(str(cell) for cell in line) for line in lines]]
    widths = [max(len(line[column]) for line in table) for column in range(len(header))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table)
