"""Some of `make soak` on the real platform, in the same way and always the same: it takes about seven minutes.

Needs the platform: `make up`, then `source .local/env`.
"""

import asyncio
import os
import time

import pytest

from tests.soak.cases import Report
from tests.soak.faults import Writes
from tests.soak.folder import Mode
from tests.soak.histories import WORDS
from tests.soak.keys import kind_of
from tests.soak.progress import BOUND_SECONDS, Progress, alone
from tests.soak.running import cases_of
from tests.soak.slice import histories_of_slice, lives_of_slice, races_of_slice
from tests.soak.soaking import FOLDER, Case, Soaking

pytestmark = pytest.mark.e2e

LANES = int(os.environ.get("LANES", "4"))
MINUTES = 12
"""A bound, not what it takes: about seven on two idle cores."""


class Slice:
    """All reports of the selection."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.writes: Writes = {}
        self.left = 0
        self._progress = Progress(FOLDER / "slice.json", fresh=True)

    async def run(self) -> None:
        async with Soaking.started(LANES) as soaking:
            self.writes, self.reports = await soaking.calibrate()
            cases = cases_of(lives_of_slice(self.writes), races_of_slice(), histories_of_slice())
            self.left = await soaking.work(cases, time.monotonic() + MINUTES * 60, self._take)

    def _take(self, case: Case, report: Report) -> None:
        """Kept in a file as well, for whoever wants to know what took how long."""
        self.reports.append(report)
        self._progress.add(case.names, report)

    def failures(self, kind: str) -> str:
        """What went wrong, with what is needed to see it again."""
        bad = [report for report in self.reports if report.kind == kind and report.problems]
        return "\n".join(line for report in bad for line in (report.name, *report.problems, *report.story))


@pytest.fixture(scope="module")
def soaked() -> Slice:
    assert "TEMPORAL_ADDRESS" in os.environ, "the platform is not known: run `make up`, then `source .local/env`"
    selection = Slice()
    with alone(FOLDER):
        asyncio.run(selection.run())
    return selection


def test_the_selection_has_every_kind_of_write_every_mode_and_everything_that_can_happen(soaked: Slice) -> None:
    faults = [fault for life in lives_of_slice(soaked.writes) for faults in life.faults.values() for fault in faults]
    assert {kind_of(fault.key) for fault in faults} == {kind_of(write.key) for writes in soaked.writes.values() for write in writes}
    assert {fault.mode for fault in faults} == set(Mode)
    assert {op.word for history in histories_of_slice() for op in history.ops} == set(WORDS)
    assert any(history.chance for history in histories_of_slice())
    assert not soaked.left, "the time was over before all of it had run"


def test_a_fault_at_any_kind_of_write_leaves_the_state_that_there_is_without_it(soaked: Slice) -> None:
    assert not soaked.failures("fault"), soaked.failures("fault")


def test_whichever_request_comes_second_the_newest_counts(soaked: Slice) -> None:
    assert not soaked.failures("race"), soaked.failures("race")


def test_random_histories_end_as_the_newest_request_says(soaked: Slice) -> None:
    assert not soaked.failures("sequence"), soaked.failures("sequence")


def test_nothing_is_left_of_any_pull_request(soaked: Slice) -> None:
    assert not [orphan for report in soaked.reports for orphan in report.orphans]


def test_the_work_goes_on_within_the_bound(soaked: Slice) -> None:
    slowest = max(soaked.reports, key=lambda report: report.recovery)
    assert slowest.recovery <= BOUND_SECONDS, f"{slowest.name}: {slowest.recovery} s"
