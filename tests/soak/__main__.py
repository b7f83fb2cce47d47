"""`make soak`: all cases within the time, resumable by their seed."""

import asyncio
import os
import random
import signal
import sys
import time
from dataclasses import dataclass

from tests.soak.cases import Report
from tests.soak.faults import Writes, lives, rare
from tests.soak.histories import history
from tests.soak.progress import BOUND_SECONDS, AnotherRunError, Progress, alone
from tests.soak.races import races
from tests.soak.running import cases_of
from tests.soak.soaking import FOLDER, Case, Soaking

LAST_CASE_SECONDS = 75
"""No case is begun so late: what is begun must come to its end within the time."""
KINDS = ("faults", "races", "sequences")


@dataclass(frozen=True)
class Options:
    """From the environment, as make passes them."""

    seed: int
    sequences: int
    minutes: float
    lanes: int
    kinds: tuple[str, ...]
    fresh: bool

    @classmethod
    def from_env(cls) -> "Options":
        words = os.environ
        kinds = tuple(words.get("ONLY", "").replace(",", " ").split()) or KINDS
        assert set(kinds) <= set(KINDS), f"ONLY={words['ONLY']}: one or more of {', '.join(KINDS)}"
        return cls(
            seed=int(words.get("SEED") or 1),
            sequences=int(words.get("SEQUENCES") or 200),
            minutes=float(words.get("MINUTES") or 60),
            lanes=int(words.get("LANES") or 4),
            kinds=kinds,
            fresh=bool(words.get("FRESH")),
        )


def every_case(options: Options, writes: Writes, done: frozenset[str]) -> list[Case]:
    """All that is not done yet."""
    stories = (history(options.seed + i) for i in range(options.sequences))
    return cases_of(
        lives(writes, done) if "faults" in options.kinds else (),
        [race for race in races() if race.name not in done and "races" in options.kinds],
        [story for story in stories if story.name not in done and "sequences" in options.kinds],
    )


async def soak(options: Options) -> int:
    """Exit code: 1 when anything failed, was left behind, or took longer than the bound to go on."""
    deadline = time.monotonic() + options.minutes * 60 * 0.97 - LAST_CASE_SECONDS
    progress = Progress(FOLDER / f"{options.seed}.json", fresh=options.fresh)
    async with Soaking.started(options.lanes) as soaking:
        writes, calibration = await soaking.calibrate()
        for report in calibration:
            _show(report)
        for line in rare(writes):
            print(f"not in every life: {line}")
        cases = every_case(options, writes, progress.done)
        random.Random(options.seed).shuffle(cases)
        number = sum(len(case.names) for case in cases)
        print(f"{number} cases in {len(cases)} lives of pull requests, {options.lanes} lanes, seed {options.seed}", flush=True)
        left = len(cases)

        def tell(case: Case, report: Report) -> None:
            nonlocal left
            left -= 1
            progress.add(case.names, report)
            _show(report, left)

        await soaking.work(cases, deadline, tell)
    if left:
        print(f"the time is over; {left} lives are left: the same call again goes on with them")
    print(progress.last_line(options.seed), flush=True)
    totals, calibrated = progress.totals(), all(report.ok for report in calibration)
    return 0 if calibrated and not totals["failed"] and totals["slowest_recovery_s"] <= BOUND_SECONDS else 1


def _show(report: Report, left: int | None = None) -> None:
    mark = "ok" if report.ok else "FAILED"
    rest = "" if left is None else f", {left} left"
    print(f"{time.strftime('%T')} {mark:6} {report.kind} {report.seconds:5.1f} s {report.name}{rest}", flush=True)
    for line in (*report.problems, *(f"left behind: {orphan}" for orphan in report.orphans)):
        print(f"    {line}")
    for line in report.story if not report.ok else ():
        print(f"    | {line}")


def main() -> int:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with alone(FOLDER):
            return asyncio.run(soak(Options.from_env()))
    except AnotherRunError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted: the next run closes what is open and goes on", file=sys.stderr)
        return 130


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the SDK's threads, see starter.py
