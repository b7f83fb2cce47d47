"""What every case has in common: one pull request, a verdict, and that nothing is left of it."""

import asyncio
import time
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from temporalio.client import Client

from stack.models import Outcome
from stack.names import Names
from tests.soak.callers import PullRequest
from tests.soak.folder import Phase
from tests.soak.lanes import Lane
from tests.soak.world import World, differences

COMMITS = tuple(f"{digit}" * 12 for digit in "abcdef")
AGREEMENT_SECONDS = 10.0
"""How long after the verdict a pod that was replaced may take to be seen leaving."""

Kind = Literal["fault", "race", "sequence"]


@dataclass
class Report:
    """How one case went."""

    kind: Kind
    name: str
    problems: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    seconds: float = 0.0
    recovery: float = 0.0
    """The longest time after a fault until the work went on."""
    faults: int = 0
    story: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.problems and not self.orphans

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Golden:
    """How it is without faults."""

    states: dict[str, Any] = field(default_factory=dict)
    """Phase → the state afterwards."""
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Bench:
    """What a case works with."""

    client: Client
    lane: Lane
    world: World
    images: Mapping[str, str]
    golden: Golden

    @asynccontextmanager
    async def life_of(self, number: int, report: Report) -> AsyncIterator[PullRequest]:
        """A pull request for one case: closed afterwards, unless the case was stopped from outside. Then the next run closes it."""
        pr, started = PullRequest(number, self.client, self.lane, self.images), time.monotonic()
        try:
            try:
                yield pr
            except Exception as error:
                report.problems += [f"{type(error).__name__}: {error}", *traceback.format_exc().splitlines()[-6:]]
            await self.finish(pr, report)
        finally:
            pr.leave()
            report.seconds = round(time.monotonic() - started, 1)

    async def finish(self, pr: PullRequest, report: Report) -> None:
        """Closes the pull request, whatever became of it, and looks that nothing is left and that no late job brings it back."""
        self.lane.begin(Phase("the end"))
        gone = await (await pr.close()).outcome()
        if gone.state != "gone":
            report.problems.append(f"closing it ended {told(gone)}")
        late = await (await pr.push(COMMITS[0], at=pr.long_ago())).outcome()
        if late.state != "superseded":
            report.problems.append(f"a late job of an old commit ended {told(late)}")
        await pr.settled()
        report.orphans += await self.world.residue(pr.names)
        await self.world.forget(pr.names)
        self.lane.end()

    async def disagreement(self, names: Names, phase: str, *, record: bool = True) -> list[str]:
        """Where what there is (and, if asked, what the record says) differs from what is there without faults. Within a bound: pods take a
        moment to leave."""
        expected = self.golden.states[phase] if record else {**self.golden.states[phase], "record": {}}
        deadline = time.monotonic() + AGREEMENT_SECONDS
        while True:
            state = await self.world.state(names)
            found = differences(expected, state if record else {**state, "record": {}})
            if not found or time.monotonic() > deadline:
                return found
            await asyncio.sleep(0.5)


def told(outcome: Outcome) -> str:
    """An outcome in a line."""
    diagnosis = (
        f" ({outcome.diagnosis.category}: {outcome.diagnosis.summary} {outcome.diagnosis.detail[:200]})" if outcome.diagnosis else ""
    )
    return f"{outcome.state}{diagnosis} {outcome.note}".strip()
