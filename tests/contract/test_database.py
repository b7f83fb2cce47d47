"""Proves on a real PostgreSQL that each stack gets exactly its own databases, however often and wherever it is interrupted."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import psycopg
import pytest

from gateways.postgres import Connection, PostgresServer
from gateways.postgres_databases import PostgresDatabases
from gateways.postgres_template import PostgresTemplates
from stack.databases import Clone, DatabasePlan, Role
from stack.errors import ConflictError, OutdatedError, RejectedError, UnavailableError
from stack.names import Names, template_databases, template_role
from tests.contract.postgresql import Server, running

pytestmark = pytest.mark.postgres

VERSION = "0.0.1"
TEMPLATE, VISIBILITY_TEMPLATE = template_databases(VERSION)
TABLES = (
    "CREATE TABLE schema_version (version_partition int, db_name text, curr_version text, PRIMARY KEY (version_partition, db_name))",
    "INSERT INTO schema_version VALUES (0, current_database(), '1.0')",
    "CREATE TABLE cluster_metadata_info (cluster_name text)",
    "CREATE TABLE cluster_membership (host_id text)",
    "INSERT INTO cluster_metadata_info VALUES ('active')",
    "INSERT INTO cluster_membership VALUES ('a host')",
)
VISIBILITY_TABLES = (
    "CREATE EXTENSION btree_gin",
    "CREATE TABLE schema_version (version_partition int, db_name text, curr_version text, PRIMARY KEY (version_partition, db_name))",
    "INSERT INTO schema_version VALUES (0, current_database(), '1.0')",
    "CREATE TABLE executions_visibility (id text)",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running() as server:
        yield server


@pytest.fixture
def postgres(server: Server) -> PostgresServer:
    return server.worker()


@pytest.fixture(scope="module", autouse=True)
def template(server: Server) -> None:
    asyncio.run(make_template(server, server.worker(), VERSION))


def made(server: Server) -> set[str]:
    """Roles and databases of stacks, whatever state they are in."""
    query = "SELECT 'Role ' || rolname FROM pg_roles UNION SELECT 'Database ' || datname FROM pg_database"
    with server.superuser() as connection:
        return {name for (name,) in connection.execute(query) if name.split()[1].startswith("pr_")}


async def use(server: PostgresServer) -> None:
    """Connects."""
    async with server.connect():
        pass


@pytest.fixture(autouse=True)
async def clean(server: Server, postgres: PostgresServer) -> AsyncIterator[None]:
    yield
    for namespace in ("pr-1", "pr-2"):
        await PostgresDatabases(postgres).drop(Names(namespace), allowed)
    assert made(server) == set()


@pytest.fixture
def databases(postgres: PostgresServer) -> PostgresDatabases:
    return PostgresDatabases(postgres)


async def make_template(server: Server, postgres: PostgresServer, version: str) -> bool:
    """Fills the templates as their Job does: as the templates' role, with its password."""
    async with PostgresTemplates(postgres).locked(version) as work:
        if await work.done():
            return False
        access = await work.begin()
        for database, tables in zip(template_databases(version), (TABLES, VISIBILITY_TABLES), strict=True):
            with psycopg.connect(server.url(access.role, access.password, database)) as connection:
                for statement in tables:
                    connection.execute(statement)
        await work.finish()
    return True


async def allowed() -> None:
    """The guard of an attempt that is current."""


async def outdated() -> None:
    raise OutdatedError("deploy pr-1")


def plan(namespace: str = "pr-1", password: str = "first") -> DatabasePlan:
    names = Names(namespace)
    role = template_role(VERSION)
    return DatabasePlan(
        namespace=namespace,
        roles=(Role(names.role, password, 8), Role(names.app_role, password, 5)),
        clones=(
            Clone(names.temporal_database, names.role, TEMPLATE, role),
            Clone(names.visibility_database, names.role, VISIBILITY_TEMPLATE, role),
            Clone(names.app_database, names.app_role),
        ),
    )


def assert_whole(server: Server, namespace: str = "pr-1", password: str = "first") -> None:
    """What a finished plan looks like, seen by the roles themselves and by the administrator."""
    names = Names(namespace)
    for database, user in zip(names.databases, (names.role, names.role, names.app_role), strict=True):
        with psycopg.connect(server.url(user, password, database)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS of_its_own (id int)")
        with server.superuser(database) as connection:
            query = (
                "SELECT count(*) FROM pg_shdepend WHERE refobjid = %s::regrole AND dbid = (SELECT oid FROM pg_database WHERE datname = %s)"
            )
            row = connection.execute(query, (template_role(VERSION), database)).fetchone()
            assert row == (0,), f"{database} still has objects of the template's role"
    for database in (names.temporal_database, names.visibility_database):
        with psycopg.connect(server.url(names.role, password, database)) as connection:
            assert connection.execute("SELECT db_name, curr_version FROM schema_version").fetchall() == [(database, "1.0")]
            owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
            assert connection.execute(owners).fetchall() == [(names.role,)]


def assert_refused(server: Server, user: str, password: str, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(server.url(user, password, database))


def assert_no_session_of_ours(server: Server) -> None:
    """The server notices the end of a connection a moment later."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'deployer'"
    with server.superuser() as connection:
        for _ in range(100):
            if connection.execute(query).fetchone() == (0,):
                return
            time.sleep(0.02)
    raise AssertionError("a session is left")


class KilledError(BaseException):
    """Not an Exception, like the end of the process that it stands for."""


class KilledConnection:
    """Passes statements on and is killed after `budget` of them; the connection is then gone, as that of a dead process is."""

    def __init__(self, real: Connection, budget: list[int]) -> None:
        self._real, self._budget = real, budget

    async def execute(self, *arguments: Any) -> Any:
        result = await self._real.execute(*arguments)
        self._budget[0] -= 1
        if self._budget[0] == 0:
            await self._real.close()
            raise KilledError
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


class KilledServer(PostgresServer):
    """A worker that dies after a number of statements, on whichever connection."""

    def __init__(self, server: Server, statements: int) -> None:
        super().__init__(server.folder / "url", server.ca_file)
        self.left = [statements]

    @asynccontextmanager
    async def _session(self, database: str | None = None) -> AsyncIterator[Connection]:
        async with super()._session(database) as connection:
            yield cast(Connection, KilledConnection(connection, self.left))


async def killed_everywhere(
    server: Server, work: Callable[[PostgresServer], Awaitable[object]], after: Callable[[], Awaitable[None]]
) -> int:
    """Runs `work` killed after the first statement, after the second, … until it is not killed any more; `after` follows each."""
    for statements in range(1, 200):
        dying = KilledServer(server, statements)
        try:
            await work(dying)
        except KilledError:
            await after()
        else:
            return statements - 1
    raise AssertionError("it never ended")


async def test_each_database_belongs_to_exactly_its_role(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(plan(), allowed)
    assert_whole(server)


async def test_a_role_reaches_neither_another_stack_nor_the_rest_of_the_server(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(plan("pr-1", "one"), allowed)
    await databases.create(plan("pr-2", "two"), allowed)
    for database in (*Names("pr-2").databases, Names("pr-1").app_database, "postgres", "template1"):
        assert_refused(server, "pr_1", "one", database)


async def test_twice_is_once_and_keeps_what_is_inside(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(plan(), allowed)
    with psycopg.connect(server.url("pr_1", "first", "pr_1_temporal")) as connection:
        connection.execute("CREATE TABLE histories (id int)")
    await databases.create(plan(password="second"), allowed)
    assert_whole(server, password="second")
    with psycopg.connect(server.url("pr_1", "second", "pr_1_temporal")) as connection:
        connection.execute("SELECT * FROM histories")


async def test_concurrently_twice_is_once(server: Server, databases: PostgresDatabases) -> None:
    await asyncio.gather(databases.create(plan(), allowed), databases.create(plan(), allowed))
    assert_whole(server)


async def test_two_stacks_at_once(server: Server, databases: PostgresDatabases) -> None:
    await asyncio.gather(databases.create(plan("pr-1"), allowed), databases.create(plan("pr-2"), allowed))
    assert_whole(server, "pr-1")
    assert_whole(server, "pr-2")


async def test_killed_after_any_statement_and_run_again_ends_the_same(server: Server, databases: PostgresDatabases) -> None:
    async def recover() -> None:
        await databases.create(plan(), allowed)
        assert_whole(server)
        await databases.drop(Names("pr-1"), allowed)

    deaths = await killed_everywhere(server, lambda dying: PostgresDatabases(dying).create(plan(), allowed), recover)
    assert deaths > 20


async def test_cancelled_at_any_moment_it_stops_and_leaves_no_session(server: Server, databases: PostgresDatabases) -> None:
    for milliseconds in range(10, 200, 15):
        making = asyncio.create_task(databases.create(plan(), allowed))
        await asyncio.sleep(milliseconds / 1000)
        making.cancel()
        with suppress(asyncio.CancelledError):
            await making
        assert_no_session_of_ours(server)
        await databases.create(plan(), allowed)
        assert_whole(server)
        await databases.drop(Names("pr-1"), allowed)


async def test_a_connection_that_is_lost_is_tried_again(server: Server, databases: PostgresDatabases) -> None:
    async with server.worker().locked("pr-1"):
        waiting = asyncio.create_task(databases.create(plan(), allowed))
        await asyncio.sleep(0.3)
        with server.superuser() as connection:
            query = "SELECT pid FROM pg_stat_activity WHERE usename = 'deployer' AND query LIKE '%pg_try_advisory%' ORDER BY backend_start"
            (_, (waiter,)) = connection.execute(query).fetchall()
            connection.execute("SELECT pg_terminate_backend(%s)", (waiter,))
        with pytest.raises(UnavailableError, match="terminating connection"):
            await waiting


async def test_a_stack_that_somebody_else_works_on_is_tried_again(postgres: PostgresServer) -> None:
    async with postgres.locked("pr-1"), postgres.locked("pr-2"):
        with pytest.raises(UnavailableError, match="another attempt"):
            async with postgres.locked("pr-1", wait=timedelta(seconds=0.2)):
                pass


async def test_dropping_killed_after_any_statement_and_run_again_leaves_nothing(server: Server, databases: PostgresDatabases) -> None:
    async def recover() -> None:
        items = await databases.drop(Names("pr-1"), allowed)
        assert all(item.seen_gone for item in items)
        await databases.create(plan(), allowed)

    await databases.create(plan(), allowed)
    deaths = await killed_everywhere(server, lambda dying: PostgresDatabases(dying).drop(Names("pr-1"), allowed), recover)
    assert deaths > 10


async def test_a_template_killed_after_any_statement_is_made_again(server: Server, postgres: PostgresServer) -> None:
    async def recover() -> None:
        assert not await PostgresTemplates(postgres).exist("0.0.2") or not await make_template(server, postgres, "0.0.2")

    deaths = await killed_everywhere(server, lambda dying: make_template(server, dying, "0.0.2"), recover)
    assert deaths > 15
    assert await PostgresTemplates(postgres).exist("0.0.2")
    assert not await make_template(server, postgres, "0.0.2")


async def test_a_clone_has_no_identity_of_the_server_that_ran_on_the_template(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(plan(), allowed)
    with psycopg.connect(server.url("pr_1", "first", "pr_1_temporal")) as connection:
        assert connection.execute("SELECT count(*) FROM cluster_metadata_info").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM cluster_membership").fetchone() == (0,)


async def test_a_template_keeps_everybody_out_and_its_role_owns_no_database(server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        psycopg.connect(server.url(database=TEMPLATE))
    with server.superuser() as connection:
        query = "SELECT rolcanlogin, (SELECT count(*) FROM pg_database WHERE datdba = pg_roles.oid) FROM pg_roles WHERE rolname = %s"
        assert connection.execute(query, (template_role(VERSION),)).fetchone() == (False, 0)


async def test_dropping_ends_open_sessions(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(plan(), allowed)
    with psycopg.connect(server.url("pr_1", "first", "pr_1_temporal")) as session:
        items = await databases.drop(Names("pr-1"), allowed)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert [(item.object, item.existed, item.seen_gone) for item in items] == [
        ("Database pr_1_temporal", True, True),
        ("Database pr_1_visibility", True, True),
        ("Database pr_1_app", True, True),
        ("Role pr_1", True, True),
        ("Role pr_1_app", True, True),
    ]


async def test_dropping_what_is_not_there_says_so(databases: PostgresDatabases) -> None:
    assert [(item.existed, item.seen_gone) for item in await databases.drop(Names("pr-1"), allowed)] == [(False, True)] * 5


async def test_what_cannot_be_dropped_names_its_holder_and_the_rest_is_released(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(plan(), allowed)
    with server.superuser("pr_1_temporal") as session:
        held, visibility, app, role, app_role = await databases.drop(Names("pr-1"), allowed)
        assert f"session {session.info.backend_pid} of postgres" in held.held_by
    assert not held.seen_gone
    assert "owner of database pr_1_temporal" in role.held_by
    assert all(item.seen_gone for item in (visibility, app, app_role))


async def test_an_invalid_database_is_made_again(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(plan(), allowed)
    with server.superuser() as connection:
        connection.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'pr_1_temporal'")
    await databases.create(plan(), allowed)
    assert_whole(server)


async def test_an_invalid_database_is_dropped(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(plan(), allowed)
    with server.superuser() as connection:
        connection.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'pr_1_temporal'")
    assert all(item.seen_gone for item in await databases.drop(Names("pr-1"), allowed))


async def test_a_database_of_another_template_is_made_again(server: Server, postgres: PostgresServer, databases: PostgresDatabases) -> None:
    await databases.create(plan(), allowed)
    await make_template(server, postgres, "0.0.3")
    main, _ = template_databases("0.0.3")
    newer = plan()
    clone = Clone("pr_1_temporal", "pr_1", main, template_role("0.0.3"))
    await databases.create(DatabasePlan("pr-1", newer.roles, (clone, *newer.clones[1:])), allowed)
    with server.superuser() as connection:
        comment = "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'pr_1_temporal'"
        assert connection.execute(comment).fetchone() == (f"temporal-previews: from {main}",)


async def test_a_template_with_an_open_session_is_tried_again_and_the_session_named(server: Server, databases: PostgresDatabases) -> None:
    with server.superuser() as connection:
        connection.execute(f"ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS true")  # type: ignore[call-overload]
        with server.superuser(TEMPLATE), pytest.raises(ConflictError, match=r"session \d+ of postgres"):
            await databases.create(plan(), allowed)
        connection.execute(f"ALTER DATABASE {TEMPLATE} ALLOW_CONNECTIONS false")  # type: ignore[call-overload]
    await databases.create(plan(), allowed)


async def test_an_outdated_attempt_changes_nothing(server: Server, databases: PostgresDatabases) -> None:
    with pytest.raises(OutdatedError):
        await databases.create(plan(), outdated)
    assert made(server) == set()
    await databases.create(plan(), allowed)
    with pytest.raises(OutdatedError):
        await databases.drop(Names("pr-1"), outdated)
    assert len(made(server)) == 5, "three databases and two roles"


async def test_what_somebody_else_made_is_neither_taken_over_nor_dropped(server: Server, databases: PostgresDatabases) -> None:
    with server.superuser() as connection:
        connection.execute("CREATE ROLE pr_1")
        with pytest.raises(RejectedError, match="role pr_1"):
            await databases.create(plan(), allowed)
        assert not any(item.existed for item in await databases.drop(Names("pr-1"), allowed))
        connection.execute("DROP ROLE pr_1")
        connection.execute("CREATE DATABASE pr_1_app TEMPLATE template0")
        with pytest.raises(RejectedError, match="belongs to postgres"):
            await databases.create(plan(), allowed)
        item = (await databases.drop(Names("pr-1"), allowed))[2]
        assert (item.object, item.existed) == ("Database pr_1_app", False)
        connection.execute("DROP DATABASE pr_1_app")


async def test_a_survey_tells_what_a_drop_would_take(server: Server, databases: PostgresDatabases) -> None:
    assert await databases.survey() == {}
    await asyncio.gather(databases.create(plan("pr-1"), allowed), databases.create(plan("pr-2"), allowed))
    with server.superuser() as connection:
        connection.execute("DROP DATABASE pr_2_app")
        connection.execute("UPDATE pg_database SET datconnlimit = -2 WHERE datname = 'pr_2_temporal'")
    found = await databases.survey()
    assert found == {
        "pr-1": ("Database pr_1_app", "Database pr_1_temporal", "Database pr_1_visibility", "Role pr_1", "Role pr_1_app"),
        "pr-2": ("Database pr_2_temporal", "Database pr_2_visibility", "Role pr_2", "Role pr_2_app"),
    }
    for namespace, items in found.items():
        assert {item.object for item in await databases.drop(Names(namespace), allowed) if item.existed} == set(items)


async def test_a_survey_tells_nothing_of_others(server: Server, databases: PostgresDatabases) -> None:
    """Neither of what has no mark, nor of another name's under a mark, which a drop would not take either."""
    with server.superuser() as connection:
        connection.execute("CREATE ROLE pr_3")
        connection.execute("CREATE DATABASE pr_3_app OWNER pr_3 TEMPLATE template0")
        connection.execute("CREATE ROLE somebody")
        connection.execute("COMMENT ON ROLE somebody IS 'temporal-previews: stack pr-3'")
        try:
            assert await databases.survey() == {}
        finally:
            connection.execute("DROP DATABASE pr_3_app")
            connection.execute("DROP ROLE pr_3, somebody")


async def test_a_wrong_password_is_for_a_person(server: Server, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(server.url(password="wrong-one"))
    with pytest.raises(RejectedError, match="password authentication failed") as caught:
        await use(PostgresServer(tmp_path / "url", server.ca_file))
    assert "wrong-one" not in str(caught.value)


async def test_a_rotated_password_works_at_the_next_connection(server: Server, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(server.url(password="old"))
    rotated = PostgresServer(tmp_path / "url", server.ca_file)
    (tmp_path / "url").write_text(server.url())
    await use(rotated)


async def test_a_server_that_is_away_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://deployer:hidden@127.0.0.1:1/postgres")
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1") as caught:
        await use(PostgresServer(tmp_path / "url"))
    assert "hidden" not in str(caught.value)


async def test_only_a_server_that_is_away_does_not_answer(server: Server, tmp_path: Path) -> None:
    addresses = {"away": "postgresql://deployer@127.0.0.1:1/postgres", "there": server.url(), "refusing": server.url(password="wrong")}
    answers: dict[str, bool] = {}
    for name, url in addresses.items():
        (tmp_path / name).write_text(url)
        answers[name] = await PostgresDatabases(PostgresServer(tmp_path / name, server.ca_file)).answers()
    assert answers == {"away": False, "there": True, "refusing": True}


async def test_a_certificate_of_another_authority_is_refused(server: Server, tmp_path: Path) -> None:
    (tmp_path / "url").write_text(server.url())
    others = Path("/etc/ssl/certs/ca-certificates.crt")
    with pytest.raises(RejectedError, match="certificate"):
        await use(PostgresServer(tmp_path / "url", others))


@pytest.mark.parametrize("text", ["postgresql://deployer:hidden@host:port/x", "host='hidden", ""])
async def test_a_url_that_cannot_be_understood_is_not_quoted(tmp_path: Path, text: str) -> None:
    (tmp_path / "url").write_text(text)
    with pytest.raises((RejectedError, UnavailableError)) as caught:
        await use(PostgresServer(tmp_path / "url"))
    assert "hidden" not in str(caught.value)


async def test_passwords_are_in_no_log_of_the_server(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(plan(password="very-secret-word"), allowed)
    assert "very-secret-word" not in server.log
    assert "very-secret-word" not in repr(plan(password="very-secret-word"))


async def test_no_connection_is_left(server: Server, databases: PostgresDatabases) -> None:
    await databases.create(plan(), allowed)
    assert_no_session_of_ours(server)
