"""A worker is lost at every single moment: killed, cut off from Temporal, or frozen. All ends as if nothing had happened, and in time."""

from collections.abc import Awaitable
from typing import Any, Final

import pytest

from tests.simulation.matrices import Deed, Scene, close, cut_off, freeze, kill, push, require_all_right
from tests.simulation.numbers import NUMBERS
from tests.simulation.recovery import BOUND_SECONDS, Recovery
from tests.simulation.verdicts import problems_after_a_clean_up, problems_at_the_end
from tests.simulation.world import World

BEFORE: Final = (push("aaaaaaa", 0),)
WORK: Final[dict[str, tuple[Deed, tuple[Deed, ...]]]] = {
    "deploy": (push("aaaaaaa", 1), ()),
    "update": (push("bbbbbbb", 1), BEFORE),
    "teardown": (close(1), BEFORE),
}
FEWER: Final = 12
LOSSES: Final[dict[str, Deed]] = {"killed": kill, "cut off": cut_off, "frozen": freeze}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("work", WORK)
def test_a_worker_that_is_lost_at_any_moment_is_made_up_for_in_time(work: str, loss: str) -> None:
    matrix = f"{work} {loss}"
    first, before = WORK[work]
    watched: list[Recovery] = []
    scene = Scene(matrix, first, _watched(LOSSES[loss], watched), before)

    async def look(world: World) -> list[str]:
        watched[-1].look()
        world.thaw()
        problems = await (problems_at_the_end if loss == "killed" else problems_after_a_clean_up)(world)
        return [*problems, *_too_slow(watched[-1], matrix)]

    require_all_right(scene, look, "losses", FEWER)


def _watched(loss: Deed, watched: list[Recovery]) -> Deed:
    def deed(world: World) -> Awaitable[Any]:
        watched.append(Recovery(world))
        return loss(world)

    return deed


def _too_slow(recovery: Recovery, matrix: str) -> list[str]:
    if recovery.seconds is None:
        return []
    NUMBERS.recovered(matrix, recovery.seconds)
    return [f"the work went on after {recovery.seconds:.1f} s"] if recovery.seconds > BOUND_SECONDS else []
