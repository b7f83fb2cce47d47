"""The fault matrix: every write of a deploy, of an update and of a teardown, each in every mode.

One life of a pull request holds a deploy, an update and a teardown, and each step of them (an activity) has at most one fault: a step is
tried again on its own, so none of them can repair what another's fault did. After every phase the state must be the one that is there
without a fault.

A write that only some lives have (`rare` lists them) is tried, and nothing is said when the life does not come to it.

Not in it: a COMMIT twice (the second finds no transaction), and the making of the template databases, which happens once per version of
Temporal and would take them from everybody else on the platform.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from tests.soak.callers import Asked, PullRequest
from tests.soak.cases import COMMITS, Bench, Golden, Report, told
from tests.soak.folder import Fault, Mode, Phase
from tests.soak.lanes import Write

PHASES: Final = ("deploy", "update", "teardown")
VERDICTS: Final = {"deploy": "ready", "update": "ready", "teardown": "gone"}

Writes = dict[str, list[Write]]
"""By phase."""


@dataclass(frozen=True)
class Life:
    """The faults of one life, by phase; a phase without one is only there to get to the next."""

    faults: dict[str, tuple[Fault, ...]]

    @property
    def cases(self) -> list[str]:
        return [f"{phase}: {fault}" for phase, faults in self.faults.items() for fault in faults]

    @property
    def name(self) -> str:
        return "; ".join(self.cases) or "without a fault"

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
    """The whole matrix without the cases that are done, in as few lives as there are faults in the step with the most."""
    return spread(
        {
            (phase, step): [fault for fault in _faults(writes[phase], step) if f"{phase}: {fault}" not in done]
            for phase in PHASES
            for step in sorted({write.step for write in writes[phase]})
        }
    )


def spread(columns: Mapping[tuple[str, str], Sequence[Fault]]) -> list[Life]:
    """No life has two faults of one step, and each step's faults are spread over all lives."""
    length = max(map(len, columns.values()), default=0)
    rows: list[dict[str, tuple[Fault, ...]]] = [{} for _ in range(length)]
    for (phase, _), faults in columns.items():
        for i, fault in enumerate(faults):
            row = rows[i * length // len(faults)]
            row[phase] = (*row.get(phase, ()), fault)
    return [Life(row) for row in rows]


def _faults(writes: Sequence[Write], step: str) -> list[Fault]:
    return [
        Fault(step, write.key, write.occurrence, mode, write.always)
        for mode in Mode
        for write in sorted(writes)
        if write.step == step and (write.repeatable or mode is not Mode.TWICE)
    ]


async def live(bench: Bench, number: int, life: Life) -> Lived:
    """One life, compared with the golden one if there is one already."""
    lived = Lived(Report("fault", life.name))
    async with bench.life_of(number, lived.report) as pr:
        for phase in life.phases:
            await _phase(bench, pr, phase, life.faults.get(phase, ()), lived)
    return lived


async def _phase(bench: Bench, pr: PullRequest, phase: str, faults: tuple[Fault, ...], lived: Lived) -> None:
    report, lane = lived.report, bench.lane
    lane.begin(Phase(f"{pr.number} {phase}", faults))
    started = time.monotonic()
    outcome = await (await _ask(pr, phase)).outcome()
    lived.seconds[phase] = time.monotonic() - started
    lived.writes[phase] = lane.writes()
    if outcome.state != VERDICTS[phase]:
        report.problems.append(f"{phase} ended {told(outcome)}")
    report.problems += [f"{phase} never came to {fault}" for number, fault in enumerate(faults) if fault.always and not lane.fired(number)]
    await pr.settled()
    if phase not in bench.golden.states:
        lived.states[phase] = await bench.world.state(pr.names)
        return
    report.problems += [f"{phase}: {line}" for line in await bench.disagreement(pr.names, phase)]
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
    return Golden(dict(first.states), middle), {phase: _writes([lived.writes[phase] for lived in seen]) for phase in PHASES}, unlike


def _writes(seen: Sequence[Sequence[Write]]) -> list[Write]:
    """Of one phase in several lives: each that was in any of them, and whether it was in all."""
    always = set(seen[0]).intersection(*seen)
    return [replace(write, always=write in always) for write in sorted({write for life in seen for write in life})]


def rare(writes: Writes) -> list[str]:
    """Writes that are not in every life: faults at them are tried, and may find nothing to break."""
    return [f"{phase}: {write.key} #{write.occurrence} in {write.step}" for phase in PHASES for write in writes[phase] if not write.always]
