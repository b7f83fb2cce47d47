"""The race matrix: a second request arrives when the run of the first one begins each of its steps.

The lane's worker stops at the start of that step until the second request has been handed to Temporal, so the moment is exact.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from stack.models import Outcome
from tests.soak.callers import Asked, PullRequest
from tests.soak.cases import COMMITS, Bench, Report, told
from tests.soak.folder import Phase

OLD, FIRST, SECOND = COMMITS[5], COMMITS[0], COMMITS[1]

DEPLOY: Final = (
    "claim",
    "prepare_namespace",
    "prepare_template",
    "create_databases",
    "write_secret",
    "apply_stack",
    "await_ready",
    "verify_page",
    "verify_ui",
    "verify_worker",
    "run_smoke",
    "settle",
)
UPDATE: Final = (*DEPLOY[:3], "check_images", *DEPLOY[3:])
TEARDOWN: Final = ("claim", "delete_namespace", "drop_databases", "settle")
STEPS: Final = {"push": DEPLOY, "update": UPDATE, "close": TEARDOWN, "clean-up": TEARDOWN, "extend": ("extend",)}
"""Request → its steps. `push` is the first deploy, `update` one of a live preview."""

Ask = Callable[[PullRequest], Awaitable[Asked]]

ASK: Final[dict[str, Ask]] = {
    "push": lambda pr: pr.push(FIRST),
    "update": lambda pr: pr.push(FIRST),
    "close": lambda pr: pr.close(),
    "clean-up": lambda pr: pr.tidy(1),
    "extend": lambda pr: pr.extend(1, ttl=timedelta(hours=90)),
    "another push": lambda pr: pr.push(SECOND),
    "the same push": lambda pr: pr.push(FIRST),
    "late job": lambda pr: pr.push(OLD, at=pr.long_ago()),
}


@dataclass(frozen=True)
class Pair:
    """Two requests, and how it must end whenever the second arrives."""

    first: str
    second: str
    ends: str
    """`gone`, or the commit that runs."""
    outcomes: tuple[str, str]
    """Of the first and of the second request; `a|b` where both are right, depending on the step."""
    before: str = ""
    """What there is already: nothing, `live`, or `expired`."""

    def cases(self) -> list["Race"]:
        return [Race(self, step) for step in STEPS[self.first]]


PAIRS: Final = (
    Pair("push", "another push", SECOND, ("superseded|ready", "ready")),
    Pair("push", "the same push", FIRST, ("ready", "ready")),
    Pair("push", "close", "gone", ("superseded|ready", "gone")),
    Pair("push", "late job", FIRST, ("ready", "superseded")),
    Pair("update", "another push", SECOND, ("superseded|ready", "ready"), before="live"),
    Pair("update", "close", "gone", ("superseded|ready", "gone"), before="live"),
    Pair("update", "clean-up", FIRST, ("ready", "superseded"), before="expired"),
    Pair("close", "another push", SECOND, ("gone", "ready"), before="live"),
    Pair("close", "close", "gone", ("gone", "gone"), before="live"),
    Pair("close", "late job", "gone", ("gone", "superseded"), before="live"),
    Pair("close", "clean-up", "gone", ("gone", "superseded"), before="expired"),
    Pair("clean-up", "another push", SECOND, ("gone", "ready"), before="expired"),
    Pair("clean-up", "close", "gone", ("gone", "gone"), before="expired"),
    Pair("clean-up", "extend", "gone", ("gone", "superseded"), before="expired"),
    Pair("extend", "clean-up", OLD, ("ready", "superseded"), before="expired"),
    Pair("extend", "another push", SECOND, ("ready", "ready"), before="live"),
    Pair("extend", "close", "gone", ("ready", "gone"), before="live"),
)


@dataclass(frozen=True)
class Race:
    """One pair at one step."""

    pair: Pair
    step: str

    @property
    def name(self) -> str:
        return f"{self.pair.second} when {self.pair.first} comes to {self.step}"


def races() -> list[Race]:
    """The whole matrix."""
    return [race for pair in PAIRS for race in pair.cases()]


async def run_race(bench: Bench, number: int, race: Race) -> Report:
    report = Report("race", race.name)
    async with bench.life_of(number, report) as pr:
        await _prepare(bench, pr, race.pair.before)
        outcomes = await _both(bench, pr, race, report)
        report.problems += _unexpected(race.pair, outcomes)
        report.problems += await _state(bench, pr, race.pair.ends)
    return report


async def _prepare(bench: Bench, pr: PullRequest, before: str) -> None:
    if not before:
        return
    outcome = await (await pr.push(OLD)).outcome()
    assert outcome.state == "ready", f"the preview that there should be before the race: {told(outcome)}"
    await pr.settled()
    if before == "expired":
        assert await bench.world.expire(pr.names), "there is no record to expire"


async def _both(bench: Bench, pr: PullRequest, race: Race, report: Report) -> tuple[Outcome, Outcome]:
    bench.lane.begin(Phase(f"{pr.number} {race.name}", hold=race.step))
    first = await ASK[race.pair.first](pr)
    if not await bench.lane.held(lambda: first.is_answered):
        report.problems.append(f"{race.pair.first} never came to {race.step}")
    second = await ASK[race.pair.second](pr)
    bench.lane.release()
    outcomes = await first.outcome(), await second.outcome()
    await pr.settled()
    return outcomes


def _unexpected(pair: Pair, outcomes: tuple[Outcome, Outcome]) -> list[str]:
    told_apart = zip((pair.first, pair.second), pair.outcomes, outcomes, strict=True)
    return [
        f"{name} ended {told(outcome)}, not {allowed}" for name, allowed, outcome in told_apart if outcome.state not in allowed.split("|")
    ]


async def _state(bench: Bench, pr: PullRequest, ends: str) -> list[str]:
    """Exactly one of everything, of the commit that counts and of the generation of the record; or nothing."""
    if ends == "gone":
        return [f"still there: {name}" for name in await bench.world.residue(pr.names)]
    running = await bench.world.running(pr.names)
    wrong = [] if running is not None and running[1] == ends else [f"commit {ends} should run, there is {running}"]
    return wrong + await bench.disagreement(pr.names, "deploy")
