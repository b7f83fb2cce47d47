"""From the matrices and the histories to cases that a lane runs."""

from collections.abc import Iterable
from functools import partial

from tests.soak.cases import Bench, Report
from tests.soak.faults import Life, live
from tests.soak.histories import History
from tests.soak.playing import play
from tests.soak.races import Race, run_race
from tests.soak.soaking import Case


def cases_of(lives: Iterable[Life], races: Iterable[Race], histories: Iterable[History]) -> list[Case]:
    return [
        *(Case("fault", life.cases, partial(_live, life)) for life in lives),
        *(Case("race", [race.name], partial(_race, race)) for race in races),
        *(Case("sequence", [each.name], partial(_play, each)) for each in histories),
    ]


async def _live(life: Life, bench: Bench, number: int) -> Report:
    return (await live(bench, number, life)).report


async def _race(race: Race, bench: Bench, number: int) -> Report:
    return await run_race(bench, number, race)


async def _play(story: History, bench: Bench, number: int) -> Report:
    return await play(bench, number, story)
