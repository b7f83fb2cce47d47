"""Proves that workloads are applied as built, that readiness is noticed at once, and that a failure comes with its reason."""

import asyncio
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.workloads import WorkloadActivities
from gateways.cluster import View
from gateways.records import ClusterRecords
from stack.errors import OutdatedError, SecretSourceError, UnavailableError
from stack.manifests.blueprint import Postgres
from stack.models import Absence, Application, Category, Check, SecretsReport
from stack.settings import Settings
from tests.activities.conftest import accept, namespace
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import NOON, attempt
from tests.fakes.rollout import make_ready, put_workload, running
from tests.fakes.surroundings import MarkedDatabases

pytestmark = pytest.mark.usefixtures("_accepted")


@dataclass
class Clock:
    """Time that passes only as a test says."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def databases() -> MarkedDatabases:
    return MarkedDatabases()


@pytest.fixture
def activities(
    cluster: FakeCluster, databases: MarkedDatabases, records: ClusterRecords, settings: Settings, postgres: Postgres, *, clock: Clock
) -> WorkloadActivities:
    cluster.put(namespace())
    return WorkloadActivities(cluster, databases, records, settings, postgres, clock=clock)


def environment(said: Callable[..., None] = lambda *_: None, *, heard: Sequence[object] = ()) -> ActivityEnvironment:
    """`heard`: the last heartbeat of an earlier try."""
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, scheduled_time=NOON, heartbeat_details=heard)
    environment.on_heartbeat = said
    return environment


def application(generation: int = 1) -> Application:
    return Application(attempt=attempt(generation=generation), secrets=SecretsReport())


async def test_everything_is_applied(activities: WorkloadActivities, cluster: FakeCluster) -> None:
    await environment().run(activities.apply_stack, application())
    applied = {call.removeprefix("apply ") for call in cluster.calls if call.startswith("apply")}
    assert {"Deployment pr-1/webapp", "Deployment pr-1/temporal", "Service pr-1/webapp", "Service pr-1/temporal"} <= applied
    assert sum(name.startswith("Ingress") for name in applied) == 2


async def test_once_more_changes_nothing(activities: WorkloadActivities, cluster: FakeCluster) -> None:
    await environment().run(activities.apply_stack, application())
    before = await cluster.list_objects("Deployment", "pr-1")
    await environment().run(activities.apply_stack, application())
    assert await cluster.list_objects("Deployment", "pr-1") == before


def says(cluster: FakeCluster, address: str) -> None:
    """The Secret of the application, as the step before has written it."""
    data = {"TEMPORAL_SERVER_ADDRESS": b64encode(address.encode()).decode()}
    cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app-secrets", "namespace": "pr-1"}, "data": data})


async def test_one_way_leads_to_a_temporal_elsewhere_and_is_closed_when_it_is_not_needed_any_more(
    activities: WorkloadActivities, cluster: FakeCluster, records: ClusterRecords
) -> None:
    says(cluster, "10.1.2.3:17233")
    elsewhere = Application(attempt=attempt(), secrets=SecretsReport(sets_temporal_address=True))
    await environment().run(activities.apply_stack, elsewhere)
    way = await cluster.read("NetworkPolicy", "allow-temporal-elsewhere", "pr-1")
    assert way is not None
    assert way["spec"]["egress"] == [{"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": [{"port": 17233, "protocol": "TCP"}]}]
    await accept(records, 2)
    await environment().run(activities.apply_stack, application(generation=2))
    assert await cluster.read("NetworkPolicy", "allow-temporal-elsewhere", "pr-1") is None


async def test_an_address_that_somebody_wrote_into_the_secret_meanwhile_opens_no_way_to_production(
    cluster: FakeCluster, records: ClusterRecords, postgres: Postgres
) -> None:
    cluster.put(namespace())
    says(cluster, "10.9.9.9:7233")
    settings = Settings.from_env({"PREVIEWS_PRODUCTION_ADDRESSES": "10.9.9.9:7233"})
    activities = WorkloadActivities(cluster, MarkedDatabases(), records, settings, postgres)
    elsewhere = Application(attempt=attempt(), secrets=SecretsReport(sets_temporal_address=True))
    with pytest.raises(SecretSourceError, match="it leads to the production Temporal"):
        await environment().run(activities.apply_stack, elsewhere)
    assert not [call for call in cluster.calls if call.startswith("apply")]


async def test_an_outdated_attempt_applies_nothing(activities: WorkloadActivities, cluster: FakeCluster, records: ClusterRecords) -> None:
    await accept(records, 2)
    with pytest.raises(OutdatedError):
        await environment().run(activities.apply_stack, application(generation=1))
    assert not [call for call in cluster.calls if call.startswith("apply")]


async def test_a_stack_that_is_ready_passes_at_once(activities: WorkloadActivities, cluster: FakeCluster) -> None:
    make_ready(cluster)
    assert await environment().run(activities.await_ready, attempt()) == Check()


async def test_readiness_is_noticed_within_50_ms(activities: WorkloadActivities, cluster: FakeCluster) -> None:
    put_workload(cluster, "temporal", running())
    said: list[str] = []
    waiting = asyncio.create_task(environment(lambda sentence, _: said.append(sentence)).run(activities.await_ready, attempt()))
    await asyncio.sleep(0.1)
    make_ready(cluster)
    began = time.monotonic()
    assert (await waiting).passed
    assert time.monotonic() - began < 0.05
    assert "Deployment webapp is not there yet" in said


async def test_a_crash_is_diagnosed_with_its_log(activities: WorkloadActivities, cluster: FakeCluster, clock: Clock) -> None:
    check = await crash(activities, cluster, clock, log="starting\nKeyError: 'SMTP_HOST'\n")
    assert check.diagnosis is not None
    assert (check.diagnosis.category, check.diagnosis.object) == (Category.CRASH, "Pod webapp-1-x container backend")
    assert "KeyError: 'SMTP_HOST'" in check.diagnosis.detail


async def test_a_log_shows_no_value_of_a_secret(activities: WorkloadActivities, cluster: FakeCluster, clock: Clock) -> None:
    data = {"DATABASE_URL": b64encode(b"correct horse battery").decode()}
    cluster.put({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "app-secrets", "namespace": "pr-1"}, "data": data})
    check = await crash(activities, cluster, clock, log="cannot open correct horse battery\n")
    assert check.diagnosis is not None
    assert "cannot open ***" in check.diagnosis.detail


async def test_a_log_that_cannot_be_read_is_no_reason_to_stop(activities: WorkloadActivities, cluster: FakeCluster, clock: Clock) -> None:
    cluster.fail("log_tail", "Pod", UnavailableError("reading the log"))
    check = await crash(activities, cluster, clock, log="any")
    assert check.diagnosis is not None
    assert check.diagnosis.category is Category.CRASH


async def crash(activities: WorkloadActivities, cluster: FakeCluster, clock: Clock, log: str) -> Check:
    """The webapp's container has ended three times."""
    put_crashed(cluster, clock)
    cluster.logs[("pr-1", "webapp-1-x", "backend", False)] = log
    return await environment().run(activities.await_ready, attempt())


def put_crashed(cluster: FakeCluster, clock: Clock) -> None:
    put_workload(cluster, "temporal", running(), ready=True)
    ended = {"terminated": {"exitCode": 1, "finishedAt": (NOON + timedelta(seconds=13)).isoformat()}}
    put_workload(cluster, "webapp", ended, restarts=3)
    clock.now = NOON + timedelta(seconds=20)


async def test_the_time_without_temporal_goes_with_the_verdict(activities: WorkloadActivities, cluster: FakeCluster, clock: Clock) -> None:
    make_ready(cluster)
    put_workload(cluster, "temporal", running())
    waiting = asyncio.create_task(environment().run(activities.await_ready, attempt()))
    await asyncio.sleep(0.1)
    clock.now = NOON + timedelta(seconds=4.2)
    make_ready(cluster)
    assert await waiting == Check(temporal_away=Absence(since=NOON, until=clock.now))


async def test_a_temporal_pod_that_is_still_away_is_told_with_the_diagnosis(activities: WorkloadActivities, cluster: FakeCluster) -> None:
    make_ready(cluster)
    put_workload(cluster, "temporal", {"waiting": {"reason": "InvalidImageName"}})
    check = await environment().run(activities.await_ready, attempt())
    assert check.diagnosis is not None
    assert check.temporal_away == Absence(since=NOON)


async def test_a_later_try_goes_on_with_what_the_heartbeats_of_the_one_before_tell(
    activities: WorkloadActivities, cluster: FakeCluster
) -> None:
    make_ready(cluster)
    heard = ["Deployment temporal has no pod yet", Absence(since=NOON - timedelta(seconds=3)).model_dump(mode="json")]
    check = await environment(heard=heard).run(activities.await_ready, attempt())
    assert check.temporal_away == Absence(since=NOON - timedelta(seconds=3), until=NOON)


async def test_heartbeats_carry_the_absence(activities: WorkloadActivities, cluster: FakeCluster) -> None:
    make_ready(cluster)
    put_workload(cluster, "temporal", running())
    said: list[object] = []
    waiting = asyncio.create_task(environment(lambda *details: said.append(details[1])).run(activities.await_ready, attempt()))
    await asyncio.sleep(0.1)
    make_ready(cluster)
    assert (await waiting).passed
    assert said[-1] == Absence(since=NOON)


class Mending(FakeCluster):
    """Everything is well again by the time somebody looks afresh."""

    async def view(self, namespace: str) -> View:
        make_ready(self)
        return await super().view(namespace)


async def test_a_diagnosis_is_confirmed_by_a_fresh_look(records: ClusterRecords, settings: Settings, postgres: Postgres) -> None:
    cluster = Mending()
    activities = WorkloadActivities(cluster, MarkedDatabases(), records, settings, postgres, clock=Clock())
    put_workload(cluster, "webapp", {"waiting": {"reason": "InvalidImageName", "message": "bad"}})
    assert (await environment().run(activities.await_ready, attempt())).passed


async def test_time_runs_out_with_what_was_waited_for(activities: WorkloadActivities, cluster: FakeCluster, clock: Clock) -> None:
    put_workload(cluster, "temporal", running(), ready=True)
    clock.now = NOON + timedelta(hours=1)
    check = await environment().run(activities.await_ready, attempt())
    assert check.diagnosis is not None
    assert check.diagnosis.category is Category.DEADLINE
    assert "Deployment webapp is not there yet" in check.diagnosis.detail


async def test_nothing_that_an_absent_database_may_have_caused_is_held_against_a_stack(
    activities: WorkloadActivities, databases: MarkedDatabases, cluster: FakeCluster, clock: Clock
) -> None:
    databases.away = True
    said: list[str] = []
    put_crashed(cluster, clock)
    waiting = asyncio.create_task(environment(lambda sentence, _: said.append(sentence)).run(activities.await_ready, attempt()))
    await asyncio.sleep(0.1)
    assert "PostgreSQL does not answer; what is there goes on when it does" in said
    clock.now += timedelta(hours=1)
    databases.away = False
    await asyncio.sleep(1.2)
    assert not waiting.done(), "what ended before it came back does not count, nor does the time"
    make_ready(cluster)
    assert (await waiting).passed


async def test_a_container_that_still_crashes_when_the_database_is_back_is_diagnosed(
    activities: WorkloadActivities, databases: MarkedDatabases, cluster: FakeCluster, clock: Clock
) -> None:
    databases.away = True
    put_crashed(cluster, clock)
    waiting = asyncio.create_task(environment().run(activities.await_ready, attempt()))
    await asyncio.sleep(0.1)
    databases.away = False
    await asyncio.sleep(1.2)
    clock.now += timedelta(minutes=2)
    back_off = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}}
    put_workload(cluster, "webapp", back_off, restarts=5, ended=clock.now)
    check = await waiting
    assert check.diagnosis is not None
    assert check.diagnosis.category is Category.CRASH


async def test_an_image_that_is_missing_is_told_whether_or_not_the_database_is_there(
    activities: WorkloadActivities, databases: MarkedDatabases, cluster: FakeCluster
) -> None:
    databases.away = True
    put_workload(cluster, "webapp", {"waiting": {"reason": "InvalidImageName", "message": "bad"}})
    check = await environment().run(activities.await_ready, attempt())
    assert check.diagnosis is not None
    assert check.diagnosis.category is Category.IMAGE_NAME


async def test_a_cancelled_wait_stops(activities: WorkloadActivities, cluster: FakeCluster) -> None:
    env = environment()
    waiting = asyncio.create_task(env.run(activities.await_ready, attempt()))
    await asyncio.sleep(0.05)
    env.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert cluster.listeners == 0
