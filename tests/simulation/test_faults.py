"""The fault matrix: something happens to every single write of a deploy and of a teardown, and the end is as if nothing had happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pytest

from stack.models import Outcome
from tests.simulation.numbers import NUMBERS
from tests.simulation.residue import Residue
from tests.simulation.traffic import Call, Mode
from tests.simulation.world import World, simulate


@dataclass(frozen=True)
class End:
    """What there is when a deploy has ended, and when a teardown after it has."""

    deployed: str
    deployed_residue: Residue
    closed: str
    closed_residue: Residue

    def unlike(self, other: "End") -> str:
        """What is different, for people."""
        told = [
            f"{mine} and not {yours}" for mine, yours in ((self.deployed, other.deployed), (self.closed, other.closed)) if mine != yours
        ]
        there = [self.deployed_residue.unlike(other.deployed_residue), self.closed_residue.unlike(other.closed_residue)]
        return "; ".join(filter(None, [*told, *there]))


@dataclass(frozen=True)
class History:
    end: End
    calls: Sequence[Call]
    faulted: int

    @property
    def writes(self) -> Sequence[Call]:
        return [call for call in self.calls if call.write]


def play_with(faults: dict[int, Mode], seed: int = 0) -> History:
    """A deploy, then a teardown; what the faults say happens to the writes of those numbers."""

    async def play(world: World) -> History:
        world.traffic.faults = faults
        deploy = await world.callers.push("aaaaaaa", minute=0, patient=False).outcome
        await world.settled()
        deployed, verdict = world.residue(), told(deploy, world)
        close = await world.callers.close(minute=1, patient=False).outcome
        await world.settled()
        end = End(verdict, deployed, told(close, world), world.residue())
        return History(end, world.traffic.calls, world.traffic.faulted)

    return simulate(play, seed)


def told(outcome: Outcome, world: World) -> str:
    """What the caller was told, and what the record says."""
    record = world.record()
    why = f" ({outcome.diagnosis.summary})" if outcome.diagnosis else ""
    return f"{outcome.state}{why}, record {record.kind} {record.state}" if record else f"{outcome.state}{why}, no record"


@cache
def without_faults() -> History:
    return play_with({})


def test_without_faults_there_is_one_of_everything_and_then_nothing() -> None:
    end = without_faults().end
    assert (end.deployed, end.closed) == ("ready, record deploy ready", "gone, record teardown gone")
    assert end.deployed_residue.namespaces == ["generation 1"]
    assert end.closed_residue.is_nothing


@pytest.mark.parametrize("mode", [mode for mode in Mode if mode is not Mode.FREEZE])  # that one has its own matrix: test_losses.py
def test_whatever_happens_to_any_one_write_the_end_is_the_same(mode: Mode) -> None:
    expected, writes = without_faults().end, without_faults().writes
    assert len(writes) > 50, "the matrix would have holes"
    different = []
    for call in writes:
        history = play_with({call.write: mode})
        assert history.faulted == 1, f"nothing happened to write {call.write} ({call.what})"
        if history.end != expected:
            different.append(f"write {call.write} ({call.what}): {history.end.unlike(expected)}")
    NUMBERS.count["faults"] += len(writes)
    assert not different, "\n".join([f"{mode}: {len(different)} of {len(writes)}", *different])
