"""Proves that the time without a temporal pod is told from the first moment to the last, and never too short."""

from datetime import UTC, datetime, timedelta
from typing import Any

from stack.diagnosis import Presence, Snapshot
from stack.models import Absence

APPLIED = datetime(2026, 5, 4, 12, 0, 0, 400_000, tzinfo=UTC)
Json = dict[str, Any]


def at(seconds: float) -> datetime:
    return APPLIED + timedelta(seconds=seconds)


def told(seconds: float) -> str:
    """As the API tells times: whole seconds."""
    return at(seconds).replace(microsecond=0).isoformat()


def pod(name: str, *, ready_at: float | None = None, leaving_from: float | None = None, grace: int = 2, owner: str = "temporal-1") -> Json:
    metadata: Json = {"name": name, "ownerReferences": [{"name": owner, "uid": owner}]}
    if leaving_from is not None:
        metadata |= {"deletionTimestamp": told(leaving_from + grace), "deletionGracePeriodSeconds": grace}
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": told(ready_at)} if ready_at is not None else {"type": "Ready"}
    return {"metadata": metadata, "status": {"conditions": [ready]}}


def snapshot(*pods: Json) -> Snapshot:
    names = ("temporal", "webapp")
    owned = [("temporal-1", "temporal"), ("temporal-2", "temporal"), ("webapp-1", "webapp")]
    return Snapshot(
        since=APPLIED,
        deployments=[{"metadata": {"name": name, "uid": name}} for name in names],
        replica_sets=[{"metadata": {"name": name, "ownerReferences": [{"uid": owner}]}} for name, owner in owned],
        pods=pods,
    )


OLD = pod("old", ready_at=-600)
GONE = snapshot()
STARTING = snapshot(pod("new", owner="temporal-2"))


def seen(*looks: tuple[float, Snapshot], before: Absence | None = None) -> Absence | None:
    presence = Presence(before)
    for seconds, look in looks:
        presence = presence.then(look, at(seconds))
    return presence.absence


def test_a_pod_that_is_there_all_the_time_was_never_away() -> None:
    assert seen((0, snapshot(OLD)), (1, snapshot(OLD))) is None


def test_what_is_seen_to_happen_counts_by_the_clock_of_who_looks() -> None:
    leaving = snapshot(pod("old", ready_at=-600, leaving_from=0.9))
    back = snapshot(pod("new", ready_at=4.9, owner="temporal-2"))
    looks = [(0.1, snapshot(OLD)), (0.95, leaving), (3.0, STARTING), (5.05, back), (9.0, back)]
    assert seen(*looks) == Absence(since=at(0.95), until=at(5.05))


def test_a_pod_that_is_told_to_leave_is_away_although_it_still_says_that_it_is_ready() -> None:
    assert seen((0.1, snapshot(pod("old", ready_at=-600, leaving_from=-0.2)))) == Absence(since=at(-0.4))


def test_a_pod_that_was_told_to_leave_before_anybody_looked_left_that_second_and_not_when_its_grace_is_over() -> None:
    leaving = pod("old", ready_at=-600, leaving_from=-3, grace=30)
    assert seen((0.1, snapshot(leaving))) == Absence(since=at(-3.4))


def test_a_pod_that_nobody_saw_leave_is_away_since_the_update_was_applied() -> None:
    assert seen((2.0, GONE)) == Absence(since=APPLIED)


def test_a_pod_that_came_back_before_anybody_looked_came_back_within_the_second_that_it_tells() -> None:
    away = Absence(since=at(1))
    back = snapshot(pod("new", ready_at=5, owner="temporal-2"))
    assert seen((20.0, back), before=away) == Absence(since=at(1), until=at(5.6))


def test_a_pod_that_is_away_more_than_once_was_away_from_the_first_time_to_the_last() -> None:
    flickers = [(1.0, snapshot(pod("new", ready_at=1))), (2.0, STARTING), (7.0, snapshot(pod("new", ready_at=7)))]
    assert seen((0.1, GONE), *flickers) == Absence(since=APPLIED, until=at(7.0))


def test_a_pod_that_is_still_away_has_no_end() -> None:
    assert seen((0.1, GONE), (1.0, snapshot(pod("new", ready_at=1))), (2.0, STARTING)) == Absence(since=APPLIED)


def test_the_same_look_twice_changes_nothing() -> None:
    back = snapshot(pod("new", ready_at=3))
    assert seen((0.1, GONE), (3.5, back), (3.5, back), (60.0, back)) == Absence(since=APPLIED, until=at(3.5))


def test_a_webapp_does_not_stand_in_for_temporal() -> None:
    assert seen((1.0, snapshot(pod("web", ready_at=0, owner="webapp-1")))) == Absence(since=APPLIED)


def test_a_clock_that_is_behind_the_cluster_s_makes_no_absence_that_ends_before_it_began() -> None:
    leaving = snapshot(pod("old", leaving_from=5))
    back = snapshot(pod("new", ready_at=8))
    assert seen((1.0, leaving), (2.0, back)) == Absence(since=at(1.0), until=at(2.0))
