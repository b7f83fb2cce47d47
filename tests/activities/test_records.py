"""Proves that one request owns a pull request, however often and late a step is run."""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.records import RecordActivities
from gateways.records import ClusterRecords
from stack.claims import Claimable, Claiming, Settlement
from stack.errors import ConflictError, ForeignNamespaceError, OutdatedError, RejectedError
from stack.models import Claim, Deployment, ExtendRequest, Good, Outcome, Record, State
from stack.names import ANNOTATION_EXPIRES_AT, ANNOTATION_PINNED, ANNOTATION_REPOSITORY, Names
from stack.settings import Settings
from tests.activities.conftest import HOME, namespace
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import NOON, deploy, teardown

NAMES = Names("pr-1")


@pytest.fixture
def activities(records: ClusterRecords, cluster: FakeCluster) -> RecordActivities:
    return RecordActivities(records, cluster, Settings.from_env({}), clock=lambda: NOON)


async def claim(activities: RecordActivities, request: Claimable) -> Claim:
    return await ActivityEnvironment().run(activities.claim, Claiming(namespace="pr-1", request=request))


async def settle(activities: RecordActivities, state: State, generation: int, *, minutes: int | None = None) -> None:
    """As the end of all requests up to `minutes` after noon."""
    outcome = Outcome(request_id="d1", state=state, pr=1, generation=generation)
    newest = None if minutes is None else NOON + timedelta(minutes=minutes)
    await ActivityEnvironment().run(activities.settle, Settlement(namespace="pr-1", outcome=outcome, requested_at=newest))


async def stored(records: ClusterRecords) -> Record:
    found = await records.read(NAMES)
    assert found is not None
    return found.record


async def test_the_first_claim_makes_the_record(activities: RecordActivities, records: ClusterRecords) -> None:
    first = await claim(activities, deploy())
    assert (first.accepted, first.generation) == (True, 1)
    assert first.urls is not None
    assert first.urls.webapp == "https://pr-1.preview.test"
    assert (await stored(records)).model_dump(exclude={"outcome"}) == {
        "pr": 1,
        "repository": "acme/shop",
        "generation": 1,
        "kind": "deploy",
        "request_id": "d1",
        "requested_at": NOON,
        "state": "running",
        "commit": "abcdef1",
        "changed_at": NOON,
        "good": None,
        "expires_at": NOON + timedelta(hours=72),
        "pinned": False,
        "extended_until": None,
    }


async def test_a_claim_that_is_run_twice_counts_once(activities: RecordActivities, cluster: FakeCluster) -> None:
    assert await claim(activities, deploy()) == await claim(activities, deploy())
    assert cluster.calls == [f"create ConfigMap {HOME}/record-pr-1"]


async def test_an_older_request_changes_nothing(activities: RecordActivities, records: ClusterRecords) -> None:
    await claim(activities, teardown("t1", minutes=5))
    late = await claim(activities, deploy("d1", minutes=1))
    assert (late.accepted, late.generation) == (False, 1)
    assert "teardown" in late.note
    assert (await stored(records)).kind == "teardown"


async def test_another_repository_is_refused(activities: RecordActivities, records: ClusterRecords) -> None:
    await claim(activities, deploy())
    with pytest.raises(ForeignNamespaceError, match="belongs to acme/shop"):
        await claim(activities, deploy("d2", minutes=1, repository="other/app"))
    assert (await claim(activities, deploy("d3", minutes=2, repository="Acme/Shop"))).accepted
    assert (await stored(records)).generation == 2


async def test_two_claims_at_once_cannot_both_be_right(activities: RecordActivities, records: ClusterRecords) -> None:
    await claim(activities, deploy())
    before = await records.read(NAMES)
    await claim(activities, deploy("d2", minutes=1))
    with pytest.raises(ConflictError):
        await records.advance(NAMES, await stored(records), after=before)
    with pytest.raises(ConflictError):
        await records.advance(NAMES, await stored(records), after=None)


async def test_the_outcome_is_kept(activities: RecordActivities, records: ClusterRecords) -> None:
    await claim(activities, deploy())
    await settle(activities, "ready", generation=1)
    await settle(activities, "ready", generation=1)
    record = await stored(records)
    assert (record.state, record.outcome and record.outcome.state) == ("ready", "ready")


async def test_a_request_that_joined_makes_older_ones_late(activities: RecordActivities, records: ClusterRecords) -> None:
    await claim(activities, teardown("t1", minutes=1))
    await settle(activities, "gone", generation=1, minutes=5)
    late = await claim(activities, deploy("d3", minutes=3))
    assert (late.accepted, late.current and late.current.state) == (False, "gone")
    await settle(activities, "gone", generation=1, minutes=2)
    assert (await stored(records)).requested_at == NOON + timedelta(minutes=5), "never back"
    assert (await claim(activities, deploy("d6", minutes=6))).current is None


async def test_what_joined_an_outdated_request_moves_nothing(activities: RecordActivities, records: ClusterRecords) -> None:
    await claim(activities, deploy())
    await claim(activities, deploy("d2", minutes=1))
    await settle(activities, "ready", generation=1, minutes=9)
    assert (await stored(records)).requested_at == NOON + timedelta(minutes=1)


@pytest.mark.parametrize("generation", [0, 1, 3])
async def test_the_outcome_of_another_generation_is_not_kept(
    activities: RecordActivities, records: ClusterRecords, generation: int
) -> None:
    await claim(activities, deploy())
    await claim(activities, deploy("d2", minutes=1))
    await settle(activities, "ready", generation)
    assert (await stored(records)).state == "running"


async def test_without_a_record_there_is_nothing_to_settle(activities: RecordActivities, records: ClusterRecords) -> None:
    await settle(activities, "ready", generation=1)
    assert await records.read(NAMES) is None


async def test_only_the_accepted_generation_may_go_on(activities: RecordActivities, records: ClusterRecords) -> None:
    with pytest.raises(OutdatedError):
        await records.confirm(NAMES, 1)
    await claim(activities, deploy())
    await records.confirm(NAMES, 1)
    await claim(activities, teardown(minutes=1))
    with pytest.raises(OutdatedError, match="generation 2 is the accepted one"):
        await records.confirm(NAMES, 1)


async def test_a_record_that_cannot_be_read_says_so(records: ClusterRecords, cluster: FakeCluster) -> None:
    metadata = {"name": NAMES.record, "namespace": HOME}
    cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"record": '{"pr": "x"}'}})
    with pytest.raises(RejectedError, match=f"reading ConfigMap {HOME}/record-pr-1"):
        await records.read(NAMES)


async def settle_as(activities: RecordActivities, outcome: Outcome, good: Deployment | None = None) -> None:
    await ActivityEnvironment().run(activities.settle, Settlement(namespace="pr-1", outcome=outcome, good=good))


async def test_what_was_ready_is_kept_as_good_until_a_teardown(activities: RecordActivities) -> None:
    assert (await claim(activities, deploy())).good is None
    await settle_as(activities, Outcome(request_id="d1", state="ready", pr=1, generation=1), good=deploy())
    again = await claim(activities, deploy("d2", minutes=1))
    assert again.good == Good(request=deploy(), generation=1)
    await settle_as(activities, Outcome(request_id="d2", state="failed", pr=1, generation=2))
    assert (await claim(activities, deploy("d3", minutes=2))).good == Good(request=deploy(), generation=1), "a failure changes nothing"
    await claim(activities, teardown("t", minutes=3))
    assert (await claim(activities, deploy("d4", minutes=4))).good is None


async def test_a_verdict_may_shorten_the_life_of_a_preview_and_people_see_it(
    activities: RecordActivities, records: ClusterRecords, cluster: FakeCluster
) -> None:
    cluster.put(namespace())
    assert (await claim(activities, deploy())).expires_at == NOON + timedelta(hours=72)
    soon = NOON + timedelta(hours=1)
    await settle_as(activities, Outcome(request_id="d1", state="failed", pr=1, generation=1, expires_at=soon))
    assert (await stored(records)).expires_at == soon
    assert await shown(cluster) == {ANNOTATION_REPOSITORY: "acme/shop", ANNOTATION_EXPIRES_AT: soon.isoformat()}


async def shown(cluster: FakeCluster) -> dict[str, str]:
    found = await cluster.read("Namespace", "pr-1")
    assert found is not None
    annotations: dict[str, str] = found["metadata"]["annotations"]
    return annotations


def extension(generation: int = 1, repository: str = "acme/shop", **change: Any) -> ExtendRequest:
    return ExtendRequest(id="e1", pr=1, repository=repository, requested_at=NOON, generation=generation, **change)


async def extend(activities: RecordActivities, request: ExtendRequest) -> Claim:
    return await ActivityEnvironment().run(activities.extend, Claiming(namespace="pr-1", request=request))


async def test_an_extension_counts_from_its_own_time_and_once(activities: RecordActivities, cluster: FakeCluster) -> None:
    cluster.put(namespace())
    await claim(activities, deploy())
    until = NOON + timedelta(days=9)
    for _ in range(2):
        answer = await extend(activities, extension(ttl=timedelta(days=9)))
        assert answer.accepted
        assert answer.current is not None
        assert (answer.current.expires_at, answer.current.note) == (until, "expires at 2026-03-10 12:00 UTC")
    assert (await shown(cluster))[ANNOTATION_EXPIRES_AT] == until.isoformat()


async def test_a_pin_outlives_a_redeploy_and_is_taken_off_again(activities: RecordActivities, cluster: FakeCluster) -> None:
    cluster.put(namespace())
    await claim(activities, deploy())
    pinned = await extend(activities, extension(pinned=True))
    assert pinned.current is not None
    assert (pinned.current.expires_at, pinned.current.note) == (None, "pinned: it never expires")
    assert await shown(cluster) == {ANNOTATION_REPOSITORY: "acme/shop", ANNOTATION_PINNED: "true"}
    assert (await claim(activities, deploy("d2", minutes=1))).pinned
    await extend(activities, extension(2, pinned=False))
    assert set(await shown(cluster)) == {ANNOTATION_REPOSITORY, ANNOTATION_EXPIRES_AT}


async def test_an_extension_that_means_another_generation_changes_nothing(activities: RecordActivities, records: ClusterRecords) -> None:
    assert not (await extend(activities, extension(pinned=True))).accepted, "nothing is known of it"
    await claim(activities, deploy())
    await claim(activities, deploy("d2", minutes=1))
    refused = await extend(activities, extension(1, pinned=True))
    assert (refused.accepted, refused.generation) == (False, 2)
    assert "extend again" in refused.note
    await claim(activities, teardown("t", minutes=3))
    assert "is gone" in (await extend(activities, extension(3, pinned=True))).note
    assert not (await stored(records)).pinned


async def test_another_repository_extends_nothing(activities: RecordActivities, records: ClusterRecords) -> None:
    await claim(activities, deploy())
    with pytest.raises(ForeignNamespaceError, match="belongs to acme/shop"):
        await extend(activities, extension(repository="other/app", pinned=True))
    assert not (await stored(records)).pinned


async def test_a_push_does_not_shorten_what_somebody_asked_for(activities: RecordActivities) -> None:
    await claim(activities, deploy())
    await extend(activities, extension(ttl=timedelta(days=9)))
    assert (await claim(activities, deploy("d2", minutes=1))).expires_at == NOON + timedelta(days=9)
    await claim(activities, teardown("t", minutes=2))
    assert (await claim(activities, deploy("d3", minutes=3))).expires_at == NOON + timedelta(hours=72), "a new life"
