"""The fault matrix: something happens to every single write of a deploy and of a teardown, and the end is as if nothing had happened."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import pytest

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
        deployed = world.residue()
        close = await world.callers.close(minute=1, patient=False).outcome
        await world.settled()
        end = End(told(deploy.state, world), deployed, told(close.state, world), world.residue())
        return History(end, world.traffic.calls, world.traffic.faulted)

    return simulate(play, seed)


def told(state: str, world: World) -> str:
    """What the caller was told must be what the record says, when it is asked later."""
    record = world.record()
    return f"{state}, record {record.kind if record else None}"


@cache
def without_faults() -> History:
    return play_with({})


def test_without_faults_there_is_one_of_everything_and_then_nothing() -> None:
    end = without_faults().end
    assert (end.deployed, end.closed) == ("ready, record teardown", "gone, record teardown")
    assert end.deployed_residue.namespaces == ["generation 1"]
    assert end.closed_residue.is_nothing


@pytest.mark.parametrize("mode", Mode)
def test_whatever_happens_to_any_one_write_the_end_is_the_same(mode: Mode) -> None:
    expected, writes = without_faults().end, without_faults().writes
    assert len(writes) > 50, "the matrix would have holes"
    different = []
    for call in writes:
        history = play_with({call.write: mode})
        assert history.faulted == 1, f"nothing happened to write {call.write} ({call.what})"
        if history.end != expected:
            different.append(f"write {call.write} ({call.what}):\n  {history.end}\n  expected {expected}")
    print(f"{mode}: {len(writes)} writes")
    assert not different, "\n".join([f"{mode}: {len(different)} of {len(writes)}", *different])
