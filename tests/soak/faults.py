"""The fault matrix: every write of a deploy, of an update and of a teardown, each in every mode, one fault at a time.

One life of a pull request holds a deploy, an update and a teardown, so it takes a fault of each. After every phase the state must be the
one that is there without a fault.

Not in it: a COMMIT twice (the second finds no transaction), and the making of the template databases, which happens once per version of
Temporal and would take them from everybody else on the platform.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Final

from tests.soak.callers import Asked, PullRequest
from tests.soak.cases import COMMITS, Bench, Golden, Report, told
from tests.soak.folder import Fault, Mode, Phase

PHASES: Final = ("deploy", "update", "teardown")
VERDICTS: Final = {"deploy": "ready", "update": "ready", "teardown": "gone"}

Writes = dict[str, list[tuple[str, int, bool]]]
"""Phase → key, occurrence and whether it can be done twice."""


@dataclass(frozen=True)
class Life:
    """The faults of one life, by phase; a phase without one is only there to get to the next."""

    faults: dict[str, Fault]

    @property
    def name(self) -> str:
        return "; ".join(f"{phase}: {fault}" for phase, fault in self.faults.items()) or "without a fault"

    @property
    def cases(self) -> list[str]:
        return [f"{phase}: {fault}" for phase, fault in self.faults.items()]

    @property
    def phases(self) -> list[str]:
        """An update only where it has a fault, unless there are none at all."""
        return [phase for phase in PHASES if phase != "update" or "update" in self.faults or not self.faults]


@dataclass
class Lived:
    """What was seen of one life."""

    report: Report
    seconds: dict[str, float] = field(default_factory=dict)
    writes: Writes = field(default_factory=dict)
    states: dict[str, object] = field(default_factory=dict)


def lives(writes: Writes, done: frozenset[str] = frozenset()) -> list[Life]:
    """The whole matrix without the cases that are done, in as few lives as there are faults in the longest phase."""
    columns = [[(phase, fault) for fault in _faults(writes[phase]) if f"{phase}: {fault}" not in done] for phase in PHASES]
    return [Life(dict(case for case in cases if case is not None)) for cases in zip_longest(*columns)]


def _faults(writes: Sequence[tuple[str, int, bool]]) -> list[Fault]:
    return [
        Fault(key, occurrence, mode)
        for mode in Mode
        for key, occurrence, repeatable in sorted(writes)
        if repeatable or mode is not Mode.TWICE
    ]


async def live(bench: Bench, number: int, life: Life) -> Lived:
    """One life, compared with the golden one if there is one already."""
    lived = Lived(Report("fault", life.name))
    async with bench.life_of(number, lived.report) as pr:
        for phase in life.phases:
            await _phase(bench, pr, phase, life.faults.get(phase), lived)
    return lived


async def _phase(bench: Bench, pr: PullRequest, phase: str, fault: Fault | None, lived: Lived) -> None:
    report, lane = lived.report, bench.lane
    lane.begin(Phase(f"{pr.number} {phase}", fault))
    started = time.monotonic()
    outcome = await (await _ask(pr, phase)).outcome()
    lived.seconds[phase] = time.monotonic() - started
    lived.writes[phase] = lane.writes()
    if outcome.state != VERDICTS[phase]:
        report.problems.append(f"{phase} ended {told(outcome)}")
    if fault is not None and not lane.fired:
        report.problems.append(f"{phase} never came to {fault}")
    await pr.settled()
    if phase not in bench.golden.states:
        lived.states[phase] = await bench.world.state(pr.names)
        return
    report.problems += [f"{phase}: {line}" for line in await bench.disagreement(pr.names, phase)]
    report.faults += lane.fired
    report.recovery = max(report.recovery, lane.recovery())


async def _ask(pr: PullRequest, phase: str) -> Asked:
    if phase == "teardown":
        return await pr.close()
    return await pr.push(COMMITS[PHASES.index(phase)])


def golden(seen: Sequence[Lived]) -> tuple[Golden, Writes, list[str]]:
    """From some lives without a fault: how it should be, what is written, and where they differ from each other (they must not)."""
    first, *others = seen
    unlike = [f"{phase} of two lives without a fault" for other in others for phase in PHASES if other.states[phase] != first.states[phase]]
    middle = {phase: sorted(lived.seconds[phase] for lived in seen)[len(seen) // 2] for phase in PHASES}
    return Golden(dict(first.states), middle), first.writes, unlike
