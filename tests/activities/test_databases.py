"""Proves that passwords live in the namespace's Secret alone and survive whatever interrupts a step."""

import asyncio
from base64 import b64decode

import pytest
from temporalio.testing import ActivityEnvironment

from activities.databases import DatabaseActivities
from gateways.database import Guard
from gateways.records import ClusterRecords
from stack.databases import DatabasePlan, Passwords, Role, app_url
from stack.errors import OutdatedError, UnavailableError
from stack.manifests.blueprint import Postgres
from stack.models import Attempt, ReceiptItem
from stack.names import Names
from stack.stackfile import Database
from tests.activities.world import HOME, accepted_cluster
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import attempt, removal

CA = "-----BEGIN CERTIFICATE-----"


class Server:
    """`Databases` and `Templates` that remember what was asked; `fails` is raised once, after the guard was asked."""

    def __init__(self) -> None:
        self.plans: list[DatabasePlan] = []
        self.versions: list[str] = []
        self.dropped: list[Names] = []
        self.items: tuple[ReceiptItem, ...] = ()
        self.fails: Exception | None = None

    async def create(self, plan: DatabasePlan, guard: Guard) -> None:
        await guard()
        self.plans.append(plan)
        if self.fails:
            error, self.fails = self.fails, None
            raise error

    async def drop(self, names: Names, guard: Guard) -> tuple[ReceiptItem, ...]:
        await guard()
        self.dropped.append(names)
        return self.items

    async def ensure(self, version: str) -> None:
        self.versions.append(version)
        await asyncio.sleep(0)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
async def cluster() -> FakeCluster:
    return await accepted_cluster()


def activities(server: Server, cluster: FakeCluster, postgres: Postgres | None = None) -> DatabaseActivities:
    postgres = postgres or Postgres("db.test", 6543, CA)
    return DatabaseActivities(server, server, cluster, ClusterRecords(cluster, HOME), postgres)


def with_app_database(connections: int = 7) -> Attempt:
    plain = attempt()
    stack = plain.request.stack.model_copy(update={"database": Database(app=True, connections=connections)})
    return plain.model_copy(update={"request": plain.request.model_copy(update={"stack": stack})})


async def stored(cluster: FakeCluster) -> dict[str, str]:
    secret = await cluster.read("Secret", "database", "pr-1")
    assert secret is not None
    return {key: b64decode(value).decode() for key, value in secret["data"].items()}


async def test_roles_take_their_passwords_from_the_secret(server: Server, cluster: FakeCluster) -> None:
    await ActivityEnvironment().run(activities(server, cluster).create_databases, with_app_database())
    values = await stored(cluster)
    temporal, app = server.plans[0].roles
    assert (temporal.name, temporal.password, temporal.connections, temporal.limit) == ("pr_1", values["TEMPORAL_PASSWORD"], 8, 9)
    assert (app.name, app.password, app.connections, app.limit) == ("pr_1_app", values["APP_PASSWORD"], 7, 7)
    assert len({values["TEMPORAL_PASSWORD"], values["APP_PASSWORD"]}) == 2
    assert min(len(role.password) for role in server.plans[0].roles) >= 32


async def test_a_stack_has_an_own_database_only_if_it_wants_one(server: Server, cluster: FakeCluster) -> None:
    await ActivityEnvironment().run(activities(server, cluster).create_databases, attempt())
    assert [clone.name for clone in server.plans[0].clones] == ["pr_1_temporal", "pr_1_visibility"]
    assert [clone.template for clone in server.plans[0].clones] == ["template_1_32_2_temporal", "template_1_32_2_visibility"]
    await ActivityEnvironment().run(activities(server, cluster).create_databases, with_app_database())
    assert server.plans[1].clones[2].owner == "pr_1_app"


async def test_interrupted_after_the_secret_the_passwords_are_kept(server: Server, cluster: FakeCluster) -> None:
    server.fails = UnavailableError("connect")
    with pytest.raises(UnavailableError):
        await ActivityEnvironment().run(activities(server, cluster).create_databases, attempt())
    before = await stored(cluster)
    await ActivityEnvironment().run(activities(server, cluster).create_databases, attempt())
    assert await stored(cluster) == before
    assert {plan.roles[0].password for plan in server.plans} == {before["TEMPORAL_PASSWORD"]}


async def test_the_url_follows_the_server_and_the_password_stays(server: Server, cluster: FakeCluster) -> None:
    await ActivityEnvironment().run(activities(server, cluster).create_databases, attempt())
    before = await stored(cluster)
    await ActivityEnvironment().run(activities(server, cluster, Postgres("moved.test", 5432)).create_databases, attempt())
    after = await stored(cluster)
    assert after["APP_PASSWORD"] == before["APP_PASSWORD"]
    assert after["APP_URL"] == f"postgresql://pr_1_app:{after['APP_PASSWORD']}@moved.test:5432/pr_1_app"


def test_the_url_verifies_in_full_where_there_is_an_authority_and_keeps_any_password() -> None:
    url = app_url(Names("pr-1"), "a/b@c:d e", "db.test", 6543, verified=True)
    assert url == ("postgresql://pr_1_app:a%2Fb%40c%3Ad%20e@db.test:6543/pr_1_app?sslmode=verify-full&sslrootcert=/run/database-ca/ca.crt")


async def test_an_outdated_attempt_makes_neither_secret_nor_role(server: Server, cluster: FakeCluster) -> None:
    with pytest.raises(OutdatedError):
        await ActivityEnvironment().run(activities(server, cluster).create_databases, attempt(generation=2))
    assert await cluster.read("Secret", "database", "pr-1") is None
    assert server.plans == []


async def test_an_outdated_removal_drops_nothing(server: Server, cluster: FakeCluster) -> None:
    with pytest.raises(OutdatedError):
        await ActivityEnvironment().run(activities(server, cluster).drop_databases, removal(generation=2))
    assert server.dropped == []


async def test_dropping_returns_the_receipt(server: Server, cluster: FakeCluster) -> None:
    server.items = (ReceiptItem(object="Role pr_1", existed=True, seen_gone=True, seconds=0.1),)
    assert await ActivityEnvironment().run(activities(server, cluster).drop_databases, removal()) == server.items
    assert server.dropped == [Names("pr-1")]


async def test_what_is_held_is_said_with_its_holder_beside_what_is_gone(server: Server, cluster: FakeCluster) -> None:
    held = ReceiptItem(object="Database pr_1_app", existed=True, seen_gone=False, seconds=0.1, held_by="session 7 of postgres")
    server.items = (held, ReceiptItem(object="Role pr_1", existed=True, seen_gone=True, seconds=0.1))
    assert await ActivityEnvironment().run(activities(server, cluster).drop_databases, removal()) == server.items


async def test_the_template_of_the_stack_files_version_is_prepared_with_heartbeats(server: Server, cluster: FakeCluster) -> None:
    beats: list[object] = []
    environment = ActivityEnvironment()
    environment.on_heartbeat = lambda *details: beats.extend(details)
    await environment.run(activities(server, cluster).prepare_template, attempt())
    assert server.versions == ["1.32.2"]
    assert "template databases of Temporal 1.32.2" in beats


def test_nothing_that_holds_a_password_shows_it() -> None:
    assert "hidden" not in repr(Role("pr_1", "hidden", 1)) + repr(Passwords("hidden", "hidden"))
