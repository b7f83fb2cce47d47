"""`make soak`: all cases within the time, resumable by their seed."""

import asyncio
import os
import random
import signal
import sys
import time
from dataclasses import dataclass
from functools import partial

from tests.soak.cases import Bench, Report
from tests.soak.faults import Life, Writes, live, lives
from tests.soak.histories import History, history
from tests.soak.playing import play
from tests.soak.progress import AnotherRunError, Progress, alone
from tests.soak.races import Race, races, run_race
from tests.soak.soaking import FOLDER, Case, Soaking

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


async def live_with(life: Life, bench: Bench, number: int) -> Report:
    return (await live(bench, number, life)).report


async def race_of(race: Race, bench: Bench, number: int) -> Report:
    return await run_race(bench, number, race)


async def play_it(story: History, bench: Bench, number: int) -> Report:
    return await play(bench, number, story)


def every_case(options: Options, writes: Writes, done: frozenset[str]) -> list[Case]:
    """All that is not done yet."""
    cases = list[Case]()
    if "faults" in options.kinds:
        cases += [Case("fault", life.cases, partial(live_with, life)) for life in lives(writes, done)]
    if "races" in options.kinds:
        cases += [Case("race", [race.name], partial(race_of, race)) for race in races() if race.name not in done]
    if "sequences" in options.kinds:
        histories = [history(options.seed + i) for i in range(options.sequences)]
        cases += [Case("sequence", [each.name], partial(play_it, each)) for each in histories if each.name not in done]
    return cases


async def soak(options: Options) -> int:
    """Exit code: 1 when anything failed or was left behind."""
    deadline = time.monotonic() + options.minutes * 60 - 30  # what is begun must come to its end
    progress = Progress(FOLDER / f"{options.seed}.json", fresh=options.fresh)
    async with Soaking.started(options.lanes) as soaking:
        writes, calibration = await soaking.calibrate()
        for report in calibration:
            _show(report)
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
    return 1 if progress.totals()["failed"] or not all(report.ok for report in calibration) else 0


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
