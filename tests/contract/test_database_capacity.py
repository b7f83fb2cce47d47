"""A small managed server: 22 connections, TLS, an odd port, no superuser. Two previews fit; the third is told so and leaves nothing."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import quote

import psycopg
import pytest

from gateways.postgres import PostgresServer
from gateways.postgres_databases import PostgresDatabases
from gateways.postgres_roles import look
from gateways.postgres_template import PostgresTemplates
from stack.databases import SERVER_CONNECTIONS, Clone, DatabasePlan, Role
from stack.errors import NoCapacityError, PreviewError, RejectedError, UnavailableError
from stack.names import Names, template_role
from stack.room import TO_START
from tests.contract.postgresql import PASSWORD, Server, running

pytestmark = pytest.mark.postgres

WORKER = 2
"""Connections of the worker on so small a server."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running(connections=22) as server:
        yield server


@pytest.fixture
def postgres(server: Server) -> PostgresServer:
    """As a worker connects that has been told to be modest."""
    return server.worker(WORKER)


@pytest.fixture
def databases(postgres: PostgresServer) -> PostgresDatabases:
    return PostgresDatabases(postgres)


@pytest.fixture(autouse=True)
async def clean(databases: PostgresDatabases) -> None:
    for number in range(1, 5):
        await databases.drop(Names(f"pr-{number}"), allowed)


async def allowed() -> None:
    """The guard of an attempt that is current."""


def stack(number: int, connections: int = SERVER_CONNECTIONS, app: int = 0) -> DatabasePlan:
    names = Names(f"pr-{number}")
    roles = [Role(names.role, "a password", connections, TO_START)]
    clones = [Clone(names.temporal_database, names.role), Clone(names.visibility_database, names.role)]
    if app:
        roles.append(Role(names.app_role, "a password", app))
        clones.append(Clone(names.app_database, names.app_role))
    return DatabasePlan(names.namespace, tuple(roles), tuple(clones))


def made(server: Server) -> set[str]:
    query = "SELECT rolname FROM pg_roles UNION SELECT datname FROM pg_database"
    with server.superuser() as connection:
        return {name for (name,) in connection.execute(query) if name.startswith("pr_")}


async def test_two_fit_and_the_third_is_told_why_and_leaves_nothing(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(stack(1), allowed)
    await databases.create(stack(2), allowed)
    before = made(server)
    with pytest.raises(NoCapacityError, match=r"admit pr-3 to PostgreSQL localhost.*of 22 connections 0 are left, and 8 more are needed"):
        await databases.create(stack(3), allowed)
    assert made(server) == before
    await databases.drop(Names("pr-1"), allowed)
    await databases.create(stack(3), allowed)


async def test_of_two_at_once_exactly_one_gets_the_last_connections(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(stack(1), allowed)
    other = PostgresDatabases(server.worker(WORKER))
    ends = await asyncio.gather(databases.create(stack(2), allowed), other.create(stack(3), allowed), return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["NoCapacityError", "NoneType"]
    won = 2 if ends[0] is None else 3
    assert made(server) == {"pr_1", "pr_1_temporal", "pr_1_visibility", f"pr_{won}", f"pr_{won}_temporal", f"pr_{won}_visibility"}


async def test_what_was_let_in_gets_all_its_connections_while_the_worker_works(server: Server, databases: PostgresDatabases) -> None:
    with ExitStack() as sessions:
        for number in (1, 2):
            await databases.create(stack(number), allowed)
            for _ in range(SERVER_CONNECTIONS):
                sessions.enter_context(server.connect(f"pr_{number}", "a password", f"pr_{number}_temporal"))
        await asyncio.gather(*(databases.create(stack(number), allowed) for number in (1, 2)), databases.survey(), databases.survey())
        with pytest.raises(NoCapacityError):
            await databases.create(stack(3), allowed)
        sessions.enter_context(server.connect("pr_1", "a password", "pr_1_temporal"))
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            server.connect("pr_1", "a password", "pr_1_temporal")


async def test_an_update_is_refused_for_what_is_more_and_keeps_what_there_is(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(stack(1), allowed)
    await databases.create(stack(2), allowed)
    await databases.create(stack(2), allowed)
    before = made(server)
    with pytest.raises(NoCapacityError, match="and 3 more are needed"):
        await databases.create(stack(2, app=3), allowed)
    assert made(server) == before
    await databases.create(stack(2, connections=5, app=3), allowed)


async def test_sessions_of_somebody_else_count(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(stack(1), allowed)
    with ExitStack() as sessions:
        for _ in range(4):
            sessions.enter_context(server.connect("administrator"))
        with pytest.raises(NoCapacityError, match="4 in use by others"):
            await databases.create(stack(2), allowed)
    await until_nobody_is_in(server, "administrator")
    await databases.create(stack(2), allowed)


async def until_nobody_is_in(server: Server, role: str) -> None:
    """The server notices the end of a connection a moment later."""
    with server.superuser() as connection:
        while connection.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", (role,)).fetchone() != (0,):
            await asyncio.sleep(0.02)


async def test_a_template_is_made_beside_one_preview_and_counts_while_it_can_sign_in(server: Server, databases: PostgresDatabases) -> None:
    """By another worker: on so small a server one makes either templates or stacks."""
    await databases.create(stack(1), allowed)
    async with PostgresTemplates(server.worker(WORKER)).locked("0.0.1") as work:
        access = await work.begin()
        for session in [server.connect(access.role, access.password, "template_0_0_1_temporal") for _ in range(SERVER_CONNECTIONS)]:
            session.close()
        with pytest.raises(NoCapacityError, match=r"8 for template 0\.0\.1"):
            await databases.create(stack(2), allowed)
        with server.superuser() as connection:
            connection.execute(f"ALTER ROLE {template_role('0.0.1')} VALID UNTIL '2020-01-01'")  # type: ignore[call-overload]
        await databases.create(stack(2), allowed)
        with pytest.raises(NoCapacityError, match=r"admit template 0\.0\.1"):
            await work.begin()


async def test_a_worker_that_is_frozen_while_it_counts_holds_nobody_up_for_long(server: Server, databases: PostgresDatabases) -> None:
    """The server ends a session that does nothing inside a transaction; what it had begun is undone."""
    started = time.monotonic()
    with pytest.raises(UnavailableError, match="idle-in-transaction"):  # noqa: PT012 (what is raised ends the block)
        async with server.worker().connect() as frozen, frozen.transaction():
            await frozen.execute("SELECT pg_advisory_xact_lock(hashtextextended('temporal-previews/connections', 0))")
            await databases.create(stack(1), allowed)
            assert time.monotonic() - started > 5
            await frozen.execute("SELECT 1")


async def test_the_worker_never_has_more_connections_than_its_share(server: Server) -> None:
    """With a role that could not have more, ten stacks at once and as many locks are only a matter of time."""
    with server.superuser() as connection:
        connection.execute(f"ALTER ROLE deployer CONNECTION LIMIT {WORKER + 1}")  # type: ignore[call-overload]
    try:
        databases = PostgresDatabases(server.worker(WORKER))
        wanted = [databases.create(stack(number, connections=1, app=1), allowed) for number in (1, 2, 3, 4) for _ in range(2)]
        ends = await asyncio.gather(*wanted, databases.survey(), databases.survey(), return_exceptions=True)
        assert [end for end in ends if isinstance(end, BaseException)] == []
    finally:
        with server.superuser() as connection:
            connection.execute("ALTER ROLE deployer CONNECTION LIMIT -1")


async def test_a_lock_that_this_worker_holds_is_waited_for_without_a_connection(server: Server) -> None:
    postgres = server.worker(2)
    async with postgres.locked("pr-1"):
        waiting = [asyncio.create_task(postgres.locked("pr-1").__aenter__()) for _ in range(5)]
        async with asyncio.timeout(20), postgres.connect():
            pass
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_the_servers_reserves_are_seen(server: Server, postgres: PostgresServer) -> None:
    async with postgres.connect() as connection:
        room = await look(connection, postgres.connections)
    assert (room.most, room.reserved, room.worker, room.free) == (22, 3, WORKER, 16)


async def test_host_and_port_are_given_as_one_value(server: Server) -> None:
    url = server.folder / "one-value"
    for text in (server.one_value(), f"postgresql://deployer:{quote(PASSWORD, safe='')}@{server.host}:{server.port}/postgres"):
        url.write_text(text)
        there = PostgresServer(url, server.ca_file)
        assert there.address() == f"localhost:{server.port}"
        async with there.connect():
            pass


async def test_without_tls_nobody_gets_in_and_the_certificates_name_must_be_the_hosts(server: Server) -> None:
    plain, other = server.folder / "plain", server.folder / "other"
    plain.write_text(f"{server.url()} sslmode=disable")
    other.write_text(server.url().replace("host=localhost", "host=127.0.0.1"))
    for url, ca, answer in ((plain, None, "no pg_hba.conf entry"), (other, server.ca_file, "certificate")):
        with pytest.raises(RejectedError, match=answer):
            async with PostgresServer(url, ca).connect():
                pass


def test_errors_of_admission_are_permanent_and_those_of_locks_are_not() -> None:
    assert not issubclass(NoCapacityError, UnavailableError)
    assert issubclass(NoCapacityError, PreviewError)
