"""What the worker's role and a preview's role must not be able to do, tried on a real PostgreSQL, and what it answers.

The worker's role is no superuser, and what was installed for it was installed by somebody who is none either. On PostgreSQL 15 a role with
CREATEROLE could make itself one; this one cannot make a role at all.
"""

import asyncio
import random
import re
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from gateways.postgres_databases import PostgresDatabases
from stack.databases import Clone, DatabasePlan, Role
from stack.errors import RejectedError
from stack.names import Names, could_be, namespace_for
from tests.contract.postgresql import PASSWORD, Server, running

pytestmark = pytest.mark.postgres

VERIFIER = "SCRAM-SHA-256$4096:" + "A" * 22 + "==$" + "A" * 43 + "=:" + "A" * 43 + "="
ENSURE = f"CALL previews.ensure_role({{}}, {{}}, '{VERIFIER}', 8, NULL)"
TRAP = "CREATE FUNCTION {}.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql AS {}"
SINCE_16 = "^permission denied( to|\n)"
"""How newer servers begin, whatever it was."""
NO_ROLE = "is no role of"
NOT_OURS = "there is a role"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """With two previews, something of somebody else, and a role that has the mark and more than it should."""
    with running() as server:
        databases = PostgresDatabases(server.worker())
        for namespace in ("pr-1", "pr-2"):
            asyncio.run(databases.create(stack(namespace), _allowed))
        with server.superuser() as connection:
            connection.execute("CREATE ROLE somebody LOGIN PASSWORD 'x'")
            connection.execute("CREATE ROLE pr_7 LOGIN PASSWORD 'x'")
            connection.execute("CREATE ROLE pr_8 CREATEROLE")
            connection.execute("COMMENT ON ROLE pr_8 IS 'temporal-previews: stack pr-8'")
            connection.execute("CREATE DATABASE elsewhere")
            connection.execute("REVOKE CONNECT ON DATABASE elsewhere FROM PUBLIC")
        yield server


async def _allowed() -> None:
    pass


def stack(namespace: str) -> DatabasePlan:
    """Without Temporal's templates, which do not matter here."""
    names = Names(namespace)
    roles = (Role(names.role, namespace, 8), Role(names.app_role, namespace, 5))
    return DatabasePlan(namespace, roles, (Clone(names.temporal_database, names.role), Clone(names.app_database, names.app_role)))


ESCALATIONS = [
    ("make a role", "CREATE ROLE mine", "permission denied to create role"),
    ("make a superuser", "CREATE ROLE mine SUPERUSER", "must be superuser"),
    ("become superuser", "ALTER ROLE deployer SUPERUSER", "must be superuser"),
    ("get CREATEROLE", "ALTER ROLE deployer CREATEROLE", "permission denied"),
    ("run programs as the server", "GRANT pg_execute_server_program TO deployer", "must have admin option"),
    ("run a program", "COPY pg_class FROM PROGRAM 'id'", "COPY to or from an external program"),
    ("write a file", "COPY (SELECT 1) TO '/tmp/x'", "COPY to a file"),
    ("read a file", "SELECT pg_read_file('/etc/passwd')", "permission denied for function pg_read_file"),
    ("read a file by membership", "GRANT pg_read_server_files TO deployer", "must have admin option"),
    ("read passwords", "SELECT * FROM pg_authid", "permission denied for table pg_authid"),
    ("become the superuser", "SET ROLE postgres", "permission denied to set role"),
    ("become the administrator", "SET ROLE administrator", "permission denied to set role"),
    ("become who makes roles", "SET ROLE previews_role_maker", "permission denied to set role"),
    ("grant itself who makes roles", "GRANT previews_role_maker TO deployer", "must have admin option"),
    ("change another's password", "ALTER ROLE somebody PASSWORD 'y'", "permission denied"),
    ("change a preview's role past the procedures", "ALTER ROLE pr_1 CONNECTION LIMIT 100", "permission denied"),
    ("drop a preview's role past them", "DROP ROLE pr_1", "permission denied to drop role"),
    ("mark a role", "COMMENT ON ROLE somebody IS 'temporal-previews: stack pr-9'", "must have CREATEROLE"),
    ("replace a procedure", "CREATE OR REPLACE PROCEDURE previews.x() LANGUAGE sql AS ''", "permission denied for schema"),
    ("change a procedure", "ALTER PROCEDURE previews.drop_role(text, text) SECURITY INVOKER", "must be owner"),
    ("take the search path from a procedure", "ALTER PROCEDURE previews.drop_role(text, text) RESET search_path", "must be owner"),
    ("admit other names", "INSERT INTO previews.namespaces VALUES ('x-{pr}')", "permission denied for table"),
    ("have roles granted to somebody else", "UPDATE previews.installed SET deployer = 'somebody'", "permission denied for table"),
    ("make a function that others may find", "CREATE FUNCTION public.x() RETURNS int LANGUAGE sql AS 'SELECT 1'", "for schema public"),
    ("load a library", "LOAD '/tmp/x.so'", "access to library"),
    ("change the server", "ALTER SYSTEM SET max_connections = 1000", "permission denied"),
    ("trap others with a database's settings", "ALTER DATABASE postgres SET search_path = public", "must be owner"),
    ("drop somebody's database", "DROP DATABASE elsewhere", "must be owner"),
    ("end somebody's session", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'", "must be a superuser"),
]  # fmt: skip
"""What is tried as the worker's role, and what the server answers."""

MISUSES = [
    ("the superuser", "stack pr-1", "postgres", NO_ROLE),
    ("itself", "stack pr-1", "deployer", NO_ROLE),
    ("who makes roles", "stack previews-role-maker", "previews_role_maker", NO_ROLE),
    ("a role of PostgreSQL's own", "stack pg-execute-server-program", "pg_execute_server_program", NO_ROLE),
    ("another stack's", "stack pr-1", "pr_2", NO_ROLE),
    ("words behind the name", "stack pr-1", "pr_1; DROP ROLE somebody", NO_ROLE),
    ("words behind the namespace", "stack pr-1; DROP ROLE somebody", "pr_1; DROP ROLE somebody", NO_ROLE),
    ("quotes", 'stack pr-1"', 'pr_1"', NO_ROLE),
    ("another line", "stack pr-1\n", "pr_1\n", NO_ROLE),
    ("a number that is none", "stack pr-01", "pr_01", NO_ROLE),
    ("another installation's", "stack qa-1", "qa_1", NO_ROLE),
    ("a template's by the name of a stack", "template pr-1", "template_pr-1", NO_ROLE),
    ("a purpose of its own", "admin x", "x", NO_ROLE),
    ("nothing", "", "", NO_ROLE),
    ("a role without the mark", "stack pr-7", "pr_7", NOT_OURS),
    ("a marked role that may make roles", "stack pr-8", "pr_8", NOT_OURS),
]


@pytest.mark.parametrize(("statement", "answer"), [tried[1:] for tried in ESCALATIONS], ids=[tried[0] for tried in ESCALATIONS])
def test_the_worker_cannot(server: Server, statement: str, answer: str) -> None:
    with server.superuser(), server.connect() as connection, pytest.raises(psycopg.Error, match=f"{answer}|{SINCE_16}"):
        connection.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "call", [ENSURE, "CALL previews.close_role({}, {})", "CALL previews.drop_role({}, {})"], ids=["make", "close", "drop"]
)
@pytest.mark.parametrize(("purpose", "name", "answer"), [tried[1:] for tried in MISUSES], ids=[tried[0] for tried in MISUSES])
def test_the_procedures_refuse(server: Server, call: str, purpose: str, name: str, answer: str) -> None:
    before = roles(server)
    with server.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege, match=answer):
        connection.execute(sql.SQL(call).format(purpose, name))  # type: ignore[arg-type]
    assert roles(server) == before


@pytest.mark.parametrize("arguments", ["NULL, NULL", "'stack pr-1', NULL", "NULL, 'pr_1'"])
def test_nothing_is_no_role_either(server: Server, arguments: str) -> None:
    with server.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege, match=NO_ROLE):
        connection.execute(f"CALL previews.drop_role({arguments})")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("verifier", "connections"),
    [
        ("in clear", "8"),
        ("md5" + "a" * 32, "8"),
        (f"{VERIFIER}' SUPERUSER --", "8"),
        (None, "8"),
        (VERIFIER, "0"),
        (VERIFIER, "-1"),
        (VERIFIER, None),
    ],
)
def test_a_password_is_a_verifier_and_a_limit_is_one(server: Server, verifier: str | None, connections: str | None) -> None:
    before = roles(server)
    with server.connect() as connection, pytest.raises(psycopg.Error, match=r"verifier|limit") as caught:
        connection.execute("CALL previews.ensure_role('stack pr-3', 'pr_3', %s, %s::int, NULL)", (verifier, connections))
    assert "in clear" not in str(caught.value)
    assert roles(server) == before


def test_objects_of_the_worker_do_not_stand_in_for_those_that_the_procedures_use(server: Server) -> None:
    """Where it may make some, as in a database that everybody may write in."""
    with server.superuser() as connection:
        connection.execute("CREATE DATABASE trap OWNER administrator")
    server.install(database="trap")
    with server.superuser("trap") as connection:
        connection.execute("GRANT CREATE, TEMP ON DATABASE trap TO deployer")
        connection.execute("GRANT CREATE ON SCHEMA public TO deployer")
    with server.connect(database="trap") as connection:
        for place in ("public", "pg_temp"):
            connection.execute(sql.SQL(TRAP).format(sql.Identifier(place), "SELECT 'DROP ROLE somebody'"))
            connection.execute(sql.SQL("CREATE VIEW {}.pg_roles AS SELECT 1 AS oid").format(sql.Identifier(place)))
        connection.execute("SET search_path = pg_temp, public, pg_catalog")
        connection.execute(sql.SQL(ENSURE).format("stack pr-4", "pr_4"))
        connection.execute("CALL previews.drop_role('stack pr-4', 'pr_4')")
    assert "somebody" in roles(server)
    with server.superuser() as connection:
        connection.execute("DROP DATABASE trap WITH (FORCE)")


def test_somebody_else_may_not_call_them(server: Server) -> None:
    with server.superuser() as connection:
        connection.execute("GRANT CONNECT ON DATABASE postgres TO somebody")
    with server.connect("somebody", "x") as connection, pytest.raises(psycopg.Error, match="permission denied for schema previews"):
        connection.execute("CALL previews.drop_role('stack pr-1', 'pr_1')")


def test_a_previews_role_has_nothing_but_its_own_databases(server: Server) -> None:
    for database in ("pr_2_temporal", "pr_2_app", "pr_1_app", "postgres", "template1", "elsewhere"):
        with pytest.raises(psycopg.OperationalError, match=f'permission denied for database "{database}"'):
            server.connect("pr_1", "pr-1", database)
    with server.connect("pr_1", "pr-1", "pr_1_temporal") as connection:
        for statement, answer in (
            ("SET ROLE pr_2", "permission denied to set role"),
            ("SET ROLE deployer", "permission denied to set role"),
            ("CREATE DATABASE mine", "permission denied to create database"),
            ("CREATE ROLE mine", "permission denied to create role"),
            ("GRANT pr_2 TO pr_1", "must have admin option"),
            ("ALTER ROLE pr_1 CONNECTION LIMIT 100", "permission denied"),
            ("COPY (SELECT 1) TO PROGRAM 'id'", "external program"),
            ("DROP DATABASE pr_2_temporal", "must be owner"),
            ("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'deployer'", "must be a (superuser|member)"),
            ("CREATE EXTENSION adminpack", "permission denied to create extension|is not available"),
        ):
            with server.connect() as _working, pytest.raises(psycopg.Error, match=f"{answer}|{SINCE_16}"):
                connection.execute(statement)  # type: ignore[call-overload]


def test_a_previews_role_takes_no_more_connections_than_its_share(server: Server) -> None:
    held = [server.connect("pr_1_app", "pr-1", "pr_1_app") for _ in range(5)]
    try:
        with pytest.raises(psycopg.OperationalError, match='too many connections for role "pr_1_app"'):
            server.connect("pr_1_app", "pr-1", "pr_1_app")
    finally:
        for connection in held:
            connection.close()


def test_the_worker_can_be_any_preview_and_that_is_all_it_can_be(server: Server) -> None:
    with server.connect() as connection:
        query = "SELECT rolname FROM pg_roles WHERE rolname <> 'deployer' AND pg_has_role('deployer', oid, 'MEMBER') ORDER BY 1"
        assert [name for (name,) in connection.execute(query)] == ["pr_1", "pr_1_app", "pr_2", "pr_2_app"]
        query = (
            "SELECT rolsuper, rolcreaterole, rolreplication, rolbypassrls FROM pg_roles WHERE rolname IN ('deployer', 'pr_1', 'pr_2_app')"
        )
        assert set(connection.execute(query)) == {(False, False, False, False)}
        connection.execute("SET ROLE pr_1")


def test_installing_again_changes_nothing(server: Server) -> None:
    before = roles(server)
    server.install()
    assert roles(server) == before


def test_the_database_that_everybody_may_enter_is_told(server: Server) -> None:
    with server.superuser() as connection:
        connection.execute("GRANT CONNECT ON DATABASE elsewhere TO PUBLIC")
        assert "the roles of previews can connect to elsewhere" in server.install()
        connection.execute("REVOKE CONNECT ON DATABASE elsewhere FROM PUBLIC")


@pytest.mark.parametrize(
    ("template", "app"),
    [("pr-{pr}", "shop"), ("{app}-pr-{pr}", "a-rather-long-name-of-an-application-yes"), ("previews-of-{app}-nr-{pr}", "shop")],
)
def test_the_names_that_are_let_through_are_those_that_python_gives(server: Server, template: str, app: str) -> None:
    dice = random.Random(template)
    names = [namespace_for(dice.randrange(1, 10**9), app, template) for _ in range(20)]
    names += [
        name[: dice.randrange(len(name))] + dice.choice("-_x0A;'\n ") + name[dice.randrange(len(name)) :]
        for name in names
        for _ in range(4)
    ]
    with server.superuser() as connection:
        for name in names:
            row = connection.execute("SELECT previews.could_be(%s, %s)", (name, template)).fetchone()
            assert row == (could_be(name, template) and len(name) <= 52 and re.fullmatch("[-a-z0-9]*", name) is not None,), name


async def test_without_the_procedures_the_worker_says_what_to_do() -> None:
    with running(install=False) as bare:
        with bare.connect("administrator") as connection:
            connection.execute(sql.SQL("CREATE ROLE deployer LOGIN CREATEDB CREATEROLE PASSWORD {}").format(PASSWORD))
        databases = PostgresDatabases(bare.worker())
        with pytest.raises(
            RejectedError, match=r'schema "previews" does not exist; an administrator must run deploy/postgresql/install\.sql'
        ):
            await databases.create(stack("pr-1"), _allowed)
        before_the_update(bare)
        follow(bare, bare.install())
        await databases.create(stack("pr-1"), _allowed)
        assert all(item.seen_gone for item in await databases.drop(Names("pr-1"), _allowed))
        assert all(item.seen_gone and item.existed for item in (await databases.drop(Names("pr-5"), _allowed))[3:])


def follow(server: Server, told: str) -> None:
    """From PostgreSQL 16 on the administrator has no power over roles that the worker's role made, and says who has."""
    with server.connect() as connection:
        for statement in re.findall("GRANT .* WITH ADMIN OPTION", told):
            connection.execute(statement)


def before_the_update(server: Server) -> None:
    """What a worker that held CREATEROLE made by itself."""
    with server.connect() as connection:
        for role in ("pr_5", "pr_5_app"):
            connection.execute(f"CREATE ROLE {role}")  # type: ignore[call-overload]
            connection.execute(f"COMMENT ON ROLE {role} IS 'temporal-previews: stack pr-5'")  # type: ignore[call-overload]
            connection.execute(f"GRANT {role} TO CURRENT_USER")  # type: ignore[call-overload]
            connection.execute(f"ALTER ROLE {role} LOGIN CONNECTION LIMIT 12")  # type: ignore[call-overload]


def test_a_worker_that_granted_itself_more_is_found_out(server: Server) -> None:
    with server.superuser() as connection:
        connection.execute("GRANT pg_execute_server_program TO deployer")
        with pytest.raises(AssertionError, match="role deployer is a member of pg_execute_server_program"):
            server.install()
        connection.execute("REVOKE pg_execute_server_program FROM deployer")


def test_the_administrator_himself_can_be_the_workers_role(server: Server) -> None:
    """It works, and it is told that it confines nothing."""
    with server.superuser() as connection:
        connection.execute("CREATE DATABASE own OWNER administrator")
    told = server.install(database="own", deployer="administrator")
    assert "what it may do is not confined" in told
    with server.connect("administrator", database="own") as connection:
        connection.execute(sql.SQL(ENSURE).format("stack pr-6", "pr_6"))
        connection.execute("CALL previews.drop_role('stack pr-6', 'pr_6')")


def roles(server: Server) -> dict[str, tuple[object, ...]]:
    """All that the catalog says of each."""
    with server.superuser() as connection:
        query = (
            "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolconnlimit, rolvaliduntil::text, rolconfig FROM pg_roles"
        )
        return {row[0]: row for row in connection.execute(query)}
