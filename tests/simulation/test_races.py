"""The race matrix: a second request at every single moment of the first. Afterwards the newest request is what there is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from tests.simulation.callers import Callers, Job
from tests.simulation.verdicts import problems_at_the_end
from tests.simulation.world import World, simulate

Ask = Callable[[Callers], Job]


@dataclass(frozen=True)
class Race:
    """`before` has ended when `first` begins; `second` comes at each moment of `first`."""

    name: str
    first: Ask
    second: Ask
    before: Ask | None = None


def push(commit: str, minute: float) -> Ask:
    return lambda callers: callers.push(commit, minute=minute, patient=minute % 2 == 0)


def close(minute: float) -> Ask:
    return lambda callers: callers.close(minute=minute, patient=minute % 2 == 0)


RACES: Final = (
    Race("push and a newer push", push("aaaaaaa", 1), push("bbbbbbb", 2)),
    Race("push and the same commit again", push("aaaaaaa", 1), push("aaaaaaa", 2)),
    Race("push, then close", push("aaaaaaa", 1), close(2)),
    Race("push and close at the same time", push("aaaaaaa", 1), close(1)),
    Race("push and a late job of an older commit", push("bbbbbbb", 5), push("aaaaaaa", 4)),
    Race("close of what was never there, then push", close(1), push("aaaaaaa", 2)),
    Race("update and a newer push", push("bbbbbbb", 1), push("ccccccc", 2), push("aaaaaaa", 0)),
    Race("update, then close", push("bbbbbbb", 1), close(2), push("aaaaaaa", 0)),
    Race("close, then reopen", close(1), push("bbbbbbb", 2), push("aaaaaaa", 0)),
    Race("close, then reopen with the same commit", close(1), push("aaaaaaa", 2), push("aaaaaaa", 0)),
    Race("close and another close", close(1), close(2), push("aaaaaaa", 0)),
    Race("close and a late job of an older commit", close(5), push("bbbbbbb", 4), push("aaaaaaa", 0)),
)


def moments_of(race: Race) -> range:
    """The moments of `first` when nothing comes in between."""

    async def play(world: World) -> range:
        await _settle_before(world, race)
        begun = len(world.traffic.calls)
        await race.first(world.callers).outcome
        return range(begun, len(world.traffic.calls) + 2)

    return simulate(play)


def run(race: Race, moment: int, seed: int = 0) -> list[str]:
    """What is wrong when `second` comes at that moment."""

    async def play(world: World) -> list[str]:
        await _settle_before(world, race)

        def interrupt(now: int) -> None:
            if now == moment and len(world.callers.jobs) < asked + 2:
                race.second(world.callers)

        asked = len(world.callers.jobs)
        world.traffic.on_moment = interrupt
        first = race.first(world.callers)
        interrupt(len(world.traffic.calls))
        await first.outcome
        if len(world.callers.jobs) < asked + 2:
            race.second(world.callers)
        return await problems_at_the_end(world, world.callers.jobs)

    return simulate(play, seed)


async def _settle_before(world: World, race: Race) -> None:
    if race.before is not None:
        await race.before(world.callers).outcome
        await world.settled()


@pytest.mark.parametrize("race", RACES, ids=lambda race: race.name)
def test_the_newest_request_wins_whenever_it_comes(race: Race) -> None:
    moments = moments_of(race)
    wrong = {moment: problems for moment in moments if (problems := run(race, moment))}
    print(f"{race.name}: {len(moments)} moments")
    assert not wrong, "\n".join(f"moment {moment}: {'; '.join(problems)}" for moment, problems in wrong.items())


def test_a_late_job_finds_the_record_of_the_closing_long_after() -> None:
    async def play(world: World) -> None:
        await world.callers.push("aaaaaaa", minute=0).outcome
        await world.callers.close(minute=5).outcome
        await world.settled()
        late = await world.callers.push("bbbbbbb", minute=4).outcome
        await world.settled()
        assert late.state == "superseded"
        assert world.residue().is_nothing

    simulate(play)
