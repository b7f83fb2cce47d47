"""An operator cancels or terminates at every single moment. After one run of the clean-up there is what the record says."""

from typing import Final

import pytest

from tests.simulation.matrices import Scene, cancel, close, push, require_all_right, terminate
from tests.simulation.verdicts import true_to_the_record
from tests.simulation.world import World

BEFORE: Final = (push("aaaaaaa", 0),)
SCENES: Final = tuple(
    Scene(f"{work} {word}", first, order, before)
    for word, order in (("cancelled", cancel), ("terminated", terminate))
    for work, first, before in (
        ("first deploy", push("aaaaaaa", 1), ()),
        ("first deploy of a bad image", push("aaaaaaa", 1, "bad"), ()),
        ("update", push("bbbbbbb", 1), BEFORE),
        ("bad update", push("bbbbbbb", 1, "bad"), BEFORE),
        ("teardown", close(1), BEFORE),
    )
)
FEWER: Final = 24


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_an_order_at_any_moment_leaves_what_the_record_says(scene: Scene) -> None:
    async def look(world: World) -> list[str]:
        return [*await true_to_the_record(world), *_wrongly_told(world, scene)]

    require_all_right(scene, look, "operators", FEWER)


def _wrongly_told(world: World, scene: Scene) -> list[str]:
    """The caller learns what became of it, or that an operator ended it: the order may come too late."""
    job, record = world.callers.jobs[-1], world.record()
    told = job.outcome.result().state
    reached = "failed" if job.is_bad else "gone" if scene.name.startswith("teardown") else "ready"
    allowed = {reached, "cancelled" if scene.second is cancel else "failed"}
    problems = [] if told in allowed else [f"the caller was told {told}, allowed: {allowed}"]
    if record is not None and record.state in {"running", "superseded"}:
        problems.append(f"after the clean-up the record says {record.state}")
    return problems
