"""A worker freezes at every single moment, another one goes on, a newer request is served meanwhile, and then the frozen one wakes up.

What it does then is looked at write by write (witness.py): nothing of the newer generation is overwritten or deleted. What it may still
make, one run of the clean-up takes away.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Final

import pytest

from tests.simulation.matrices import Deed, Scene, cancel, close, one_after_another, push, require_all_right, terminate
from tests.simulation.numbers import NUMBERS
from tests.simulation.verdicts import problems_after_a_clean_up, true_to_the_record
from tests.simulation.world import World

PATIENCE_SECONDS: Final = 100.0
"""A frozen session keeps the lock of the databases: then nobody gets any further until it wakes up."""


def frozen_while(deed: Deed) -> Deed:
    """The worker stands still until that has been done."""

    async def asleep(world: World) -> None:
        doing = asyncio.ensure_future(deed(world))
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(doing), PATIENCE_SECONDS)
        world.thaw()
        await doing

    def begin(world: World) -> Awaitable[Any]:
        world.freeze()
        return one_after_another(asleep)(world)

    return begin


BEFORE: Final = (push("aaaaaaa", 0),)
REPLACED: Final = (
    Scene("deploy, then a newer push", push("aaaaaaa", 1), frozen_while(push("bbbbbbb", 2))),
    Scene("deploy, then close", push("aaaaaaa", 1), frozen_while(close(2))),
    Scene("deploy, then close and reopen", push("aaaaaaa", 1), frozen_while(one_after_another(close(2), push("bbbbbbb", 3)))),
    Scene("update, then a newer push", push("bbbbbbb", 1), frozen_while(push("ccccccc", 2)), BEFORE),
    Scene("update, then close", push("bbbbbbb", 1), frozen_while(close(2)), BEFORE),
    Scene("teardown, then reopen", close(1), frozen_while(push("bbbbbbb", 2)), BEFORE),
)
ENDED: Final = (
    Scene("deploy, terminated, then a push", push("aaaaaaa", 1), frozen_while(one_after_another(terminate, push("bbbbbbb", 2)))),
    Scene("update, cancelled", push("bbbbbbb", 1), frozen_while(cancel), BEFORE),
    Scene("teardown, terminated, then a push", close(1), frozen_while(one_after_another(terminate, push("bbbbbbb", 2))), BEFORE),
    Scene("teardown, cancelled, then a push", close(1), frozen_while(one_after_another(cancel, push("bbbbbbb", 2))), BEFORE),
)
FEWER: Final = 24


@pytest.mark.parametrize("scene", REPLACED, ids=lambda scene: scene.name)
def test_one_that_wakes_up_after_a_newer_request_does_no_harm(scene: Scene) -> None:
    require_all_right(scene, counted(problems_after_a_clean_up), "frozen workers", FEWER)


@pytest.mark.parametrize("scene", ENDED, ids=lambda scene: scene.name)
def test_one_that_wakes_up_after_its_run_was_ended_does_no_harm(scene: Scene) -> None:
    require_all_right(scene, counted(true_to_the_record), "frozen workers", FEWER)


def counted(look: Any) -> Any:
    async def counting(world: World) -> list[str]:
        problems: list[str] = await look(world)
        NUMBERS.count["late objects healed"] += len(world.witness.late)
        NUMBERS.count["late writes refused"] += world.witness.refused
        return problems

    return counting
