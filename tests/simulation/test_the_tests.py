"""The simulation notices what it is there to notice: each protection of the product, taken away, makes a second writer."""

from typing import Any

import pytest

from activities import applying
from gateways.records import ClusterRecords
from tests.simulation import test_races, test_zombies
from tests.simulation.cluster import CalledCluster
from tests.simulation.matrices import Scene, moments_of, play_at
from tests.simulation.verdicts import problems_at_the_end
from tests.simulation.world import World
from workflows.owner import Owner


def two_writers(scene: Scene, stride: int = 3) -> bool:
    """Whether at some moment somebody is seen to write who must not."""
    problems = (problem for moment in list(moments_of(scene))[::stride] for problem in play_at(scene, moment, _no_look))
    return any(problem.startswith("TwoWritersError") for problem in problems)


async def _no_look(world: World) -> list[str]:
    await world.settled()
    return []


def scene_of(scenes: tuple[Scene, ...], name: str) -> Scene:
    return next(scene for scene in scenes if scene.name == name)


UPDATE_AND_PUSH = scene_of(test_zombies.REPLACED, "update, then a newer push")
ENDED_TEARDOWN = scene_of(test_zombies.ENDED, "teardown, terminated, then a push")
PUSH_AND_PUSH = scene_of(test_races.RACES, "push and a newer push")


def test_nothing_is_noticed_where_nothing_is_wrong() -> None:
    assert not two_writers(PUSH_AND_PUSH, stride=20)
    assert not two_writers(UPDATE_AND_PUSH, stride=20)


def test_a_record_that_is_not_looked_at_again_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def confirm(*_: Any) -> None:
        """Whoever asks is right."""

    monkeypatch.setattr(ClusterRecords, "confirm", confirm)
    assert two_writers(UPDATE_AND_PUSH)


def test_an_attempt_that_is_not_awaited_before_the_next_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stop(_self: Owner, work: Any) -> None:
        work.cancel()

    monkeypatch.setattr(Owner, "_stop", stop)
    assert two_writers(PUSH_AND_PUSH)


def test_an_object_that_is_written_whatever_it_is_by_then_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "_guarded", lambda manifest, existing, generation: manifest)
    assert two_writers(UPDATE_AND_PUSH)


def test_a_namespace_that_is_deleted_whatever_is_in_it_by_then_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    delete = CalledCluster.delete

    async def without_version(self: CalledCluster, kind: str, *more: Any, version: str | None = None, **rest: Any) -> bool:
        return await delete(self, kind, *more, version=None if kind == "Namespace" else version, **rest)

    monkeypatch.setattr(CalledCluster, "delete", without_version)
    assert two_writers(ENDED_TEARDOWN, stride=1)


def test_a_verdict_that_is_not_kept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def keep(_self: Owner, outcome: Any, **_: Any) -> Any:
        return outcome

    monkeypatch.setattr(Owner, "_keep", keep)
    assert play_at(PUSH_AND_PUSH, 0, problems_at_the_end)
