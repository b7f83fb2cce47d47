"""The race matrix: a second request at every single moment of the first. Afterwards the newest request is what there is."""

from datetime import timedelta
from typing import Final

import pytest

from stack.extension import is_expiry_note
from tests.simulation.matrices import A_LIFE, Scene, clean_up, close, extend, pause, push, require_all_right
from tests.simulation.verdicts import problems_after_a_clean_up, problems_at_the_end, true_to_the_record
from tests.simulation.world import World, simulate

FEWER: Final = 6
"""One of so many moments between the beginnings of steps is played, unless SIMULATION=all."""
RACES: Final = (
    Scene("push and a newer push", push("aaaaaaa", 1), push("bbbbbbb", 2)),
    Scene("push and another push of the same second", push("aaaaaaa", 1), push("bbbbbbb", 1)),
    Scene("push and the same commit again", push("aaaaaaa", 1), push("aaaaaaa", 2)),
    Scene("push, then close", push("aaaaaaa", 1), close(2)),
    Scene("push and close at the same time", push("aaaaaaa", 1), close(1)),
    Scene("push and a late job of an older commit", push("bbbbbbb", 5), push("aaaaaaa", 4)),
    Scene("close of what was never there, then push", close(1), push("aaaaaaa", 2)),
    Scene("update and a newer push", push("bbbbbbb", 1), push("ccccccc", 2), (push("aaaaaaa", 0),)),
    Scene("update, then close", push("bbbbbbb", 1), close(2), (push("aaaaaaa", 0),)),
    Scene("a bad update and a good one", push("bbbbbbb", 1, "bad"), push("ccccccc", 2), (push("aaaaaaa", 0),)),
    Scene("close, then reopen", close(1), push("bbbbbbb", 2), (push("aaaaaaa", 0),)),
    Scene("close, then reopen with the same commit", close(1), push("aaaaaaa", 2), (push("aaaaaaa", 0),)),
    Scene("close and another close", close(1), close(2), (push("aaaaaaa", 0),)),
    Scene("close and a late job of an older commit", close(5), push("bbbbbbb", 4), (push("aaaaaaa", 0),)),
)
EXPIRED: Final = (push("aaaaaaa", 0), pause(A_LIFE))
WITH_THE_CLEAN_UP: Final = (
    Scene("clean-up of what has expired, then push", clean_up, push("bbbbbbb", 2), EXPIRED),
    Scene("clean-up of what has expired, then the same commit again", clean_up, push("aaaaaaa", 2), EXPIRED),
    Scene("push to what has expired, then clean-up", push("bbbbbbb", 2), clean_up, EXPIRED),
    Scene("clean-up of what has expired, then close", clean_up, close(2), EXPIRED),
    Scene("close of what has expired, then clean-up", close(2), clean_up, EXPIRED),
    Scene("clean-up of a failed first attempt, then push", clean_up, push("bbbbbbb", 2), (push("aaaaaaa", 0, "bad"), pause(1.5))),
)
EXTENSIONS: Final = (
    Scene("clean-up and a pin", clean_up, extend(pinned=True), EXPIRED),
    Scene("a pin and clean-up", extend(pinned=True), clean_up, EXPIRED),
    Scene("clean-up and an extension", clean_up, extend(ttl=timedelta(hours=5)), EXPIRED),
    Scene("an extension and clean-up", extend(ttl=timedelta(hours=5)), clean_up, EXPIRED),
    Scene("push and a pin", push("bbbbbbb", 1), extend(pinned=True), (push("aaaaaaa", 0),)),
    Scene("a pin and push", extend(pinned=True), push("bbbbbbb", 1), (push("aaaaaaa", 0),)),
    Scene("close and a pin", close(1), extend(pinned=True), (push("aaaaaaa", 0),)),
)


@pytest.mark.parametrize("scene", RACES, ids=lambda scene: scene.name)
def test_the_newest_request_wins_whenever_it_comes(scene: Scene) -> None:
    require_all_right(scene, problems_at_the_end, "races", FEWER)


@pytest.mark.parametrize("scene", WITH_THE_CLEAN_UP, ids=lambda scene: scene.name)
def test_the_clean_up_takes_nothing_from_a_newer_request(scene: Scene) -> None:
    require_all_right(scene, after_the_clean_up, "races with the clean-up", FEWER)


@pytest.mark.parametrize("scene", EXTENSIONS, ids=lambda scene: scene.name)
def test_an_extension_counts_and_the_preview_lives_or_it_is_declined(scene: Scene) -> None:
    require_all_right(scene, lives_or_declined, "races with extensions", FEWER)


async def after_the_clean_up(world: World) -> list[str]:
    """What the expired one was told was true when it was told."""
    problems = await problems_after_a_clean_up(world)
    first = world.callers.jobs[0]
    return [problem for problem in problems if not problem.startswith(f"{first.request.id} ")]


async def lives_or_declined(world: World) -> list[str]:
    """Never a pinned preview that is gone, never an extension that counted for nothing."""
    problems = await true_to_the_record(world)
    (extension,), record = world.callers.extensions, world.record()
    told = extension.outcome.result()
    assert record is not None
    if told.request_id != extension.request.id:
        problems.append(f"the extension was told of {told.request_id}")
    counted, lives = is_expiry_note(told.note), record.kind == "deploy" and record.state == "ready"
    kept = record.pinned or (record.extended_until is not None)
    if record.kind == "deploy" and counted != kept:
        problems.append(f"the extension was told {told.state} ({told.note}), and the record says {record}")
    if counted and not lives and len(world.callers.jobs) == 1:
        problems.append(f"the extension counted ({told.note}), and the record says {record.kind} {record.state}")
    if not counted and told.state not in {"superseded", "gone"} and lives:
        problems.append(f"the extension was declined as {told.state}")
    return problems


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
