"""The statements that gateways/postgres_*.py sends, and what each does to the roles and databases of a fake server."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from psycopg import errors

from gateways.postgres_clones import DATABASE, SESSIONS
from gateways.postgres_databases import MADE
from gateways.postgres_release import DATABASE_THERE, ROLE_THERE

Undo = Callable[[], None]


@dataclass
class Role:
    comment: str = ""
    limit: int = -1
    verifier: str = ""
    granted: bool = False


@dataclass
class Database:
    owner: str
    template: str
    comment: str = ""
    connectable: bool = False
    public: bool = True
    """Whether everybody may connect."""
    holds: frozenset[str] = frozenset()
    """Roles that own something inside."""
    schema_name: str = ""
    """What `schema_version` says is the database's name."""


class Server(Protocol):
    """What the statements work on."""

    roles: dict[str, Role]
    databases: dict[str, Database]
    locks: dict[str, object]


def _lock(server: Server, connection: object, subject: str) -> list[tuple[Any, ...]]:
    return [(server.locks.setdefault(subject, connection) is connection,)]


def _role_comment(server: Server, _connection: object, name: str) -> list[tuple[Any, ...]]:
    return [(role.comment,)] if (role := server.roles.get(name)) else []


def _database(server: Server, _connection: object, template_role: str | None, name: str) -> list[tuple[Any, ...]]:
    if (found := server.databases.get(name)) is None:
        return []
    finished = found.connectable and not found.public and template_role not in found.holds
    return [(found.owner, False, found.comment, finished)]


def _database_there(server: Server, _connection: object, name: str, mark: str) -> list[tuple[Any, ...]]:
    found = server.databases.get(name)
    return [(1,)] if found and server.roles[found.owner].comment == mark else []


def _role_there(server: Server, _connection: object, name: str, mark: str) -> list[tuple[Any, ...]]:
    return [(1,)] if name in server.roles and server.roles[name].comment == mark else []


def _made(server: Server, _connection: object, begin: str) -> list[tuple[Any, ...]]:
    """Namespace, kind and name of what was made for stacks."""
    marks = {name: role.comment.removeprefix(begin) for name, role in server.roles.items() if role.comment.startswith(begin)}
    owned = [(marks[found.owner], "Database", name) for name, found in server.databases.items() if found.owner in marks]
    return sorted([*((namespace, "Role", name) for name, namespace in marks.items()), *owned])


TRY_LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
ROLE_COMMENT: Final = "SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = %s"
QUERIES: Final[dict[str, Callable[..., list[tuple[Any, ...]]]]] = {
    TRY_LOCK: _lock,
    ROLE_COMMENT: _role_comment,
    DATABASE: _database,
    DATABASE_THERE: _database_there,
    ROLE_THERE: _role_there,
    SESSIONS: lambda *_: [],
    MADE: _made,
}
SHORT: Final = {
    TRY_LOCK: "try the lock",
    ROLE_COMMENT: "look at a role",
    DATABASE: "look at a database",
    DATABASE_THERE: "is the database there",
    ROLE_THERE: "is the role there",
    SESSIONS: "list the sessions",
    MADE: "list what was made",
}


def _create_role(server: Server, _database: str, name: str) -> Undo:
    if name in server.roles:
        raise errors.DuplicateObject(f'role "{name}" already exists')
    server.roles[name] = Role()

    def undo() -> None:
        del server.roles[name]

    return undo


def _restoring(server: Server, name: str) -> Undo:
    before = Role(**vars(_role(server, name)))
    return lambda: server.roles.update({name: before}) if name in server.roles else None


def _role(server: Server, name: str) -> Role:
    if name not in server.roles:
        raise errors.UndefinedObject(f'role "{name}" does not exist')
    return server.roles[name]


def _comment_role(server: Server, _database: str, name: str, comment: str) -> Undo:
    undo = _restoring(server, name)
    server.roles[name].comment = comment
    return undo


def _grant(server: Server, _database: str, name: str) -> Undo:
    undo = _restoring(server, name)
    server.roles[name].granted = True
    return undo


def _alter_role(server: Server, _database: str, name: str, limit: str, verifier: str) -> Undo:
    undo = _restoring(server, name)
    server.roles[name].limit, server.roles[name].verifier = int(limit), verifier
    return undo


def _create_database(server: Server, _database: str, name: str, owner: str, template: str) -> None:
    _role(server, owner)
    if name in server.databases:
        raise errors.DuplicateDatabase(f'database "{name}" already exists')
    if template != "template0" and template not in server.databases:
        raise errors.InvalidCatalogName(f'template database "{template}" does not exist')
    source = server.databases.get(template)
    server.databases[name] = Database(owner, template, holds=source.holds if source else frozenset(), schema_name=template)


def _found(server: Server, name: str) -> Database:
    if name not in server.databases:
        raise errors.InvalidCatalogName(f'database "{name}" does not exist')
    return server.databases[name]


def _comment_database(server: Server, _database: str, name: str, comment: str) -> None:
    _found(server, name).comment = comment


def _revoke(server: Server, _database: str, name: str) -> None:
    _found(server, name).public = False


def _open(server: Server, _database: str, name: str) -> None:
    _found(server, name).connectable = True


def _drop_database(server: Server, _database: str, if_exists: str | None, name: str) -> None:
    if not if_exists:
        _found(server, name)
    server.databases.pop(name, None)


def _name_schema(server: Server, database: str) -> Undo:
    found = _found(server, database)
    before, found.schema_name = found.schema_name, database
    return lambda: setattr(found, "schema_name", before)


def _reassign(server: Server, database: str, old: str, new: str) -> Undo:
    found = _found(server, database)
    before, found.holds = found.holds, found.holds - {old} | {new}
    return lambda: setattr(found, "holds", before)


def _drop_owned(server: Server, _database: str, name: str) -> None:
    _role(server, name)


def _drop_role(server: Server, _database: str, if_exists: str | None, name: str) -> None:
    if not if_exists:
        _role(server, name)
    if held := [each for each, database in server.databases.items() if database.owner == name or name in database.holds]:
        raise errors.DependentObjectsStillExist(f'role "{name}" cannot be dropped because of {held}')
    server.roles.pop(name, None)


NAME = r'"([^"]+)"'
TEXT = r"'((?:[^']|'')*)'"
STATEMENTS: Final[list[tuple[re.Pattern[str], Callable[..., Undo | None]]]] = [
    (re.compile(pattern), perform)
    for pattern, perform in (
        (f"CREATE ROLE {NAME}", _create_role),
        (f"COMMENT ON ROLE {NAME} IS {TEXT}", _comment_role),
        (f"GRANT {NAME} TO CURRENT_USER", _grant),
        (f"ALTER ROLE {NAME} LOGIN CONNECTION LIMIT ([0-9]+) PASSWORD {TEXT}", _alter_role),
        (f"CREATE DATABASE {NAME} OWNER {NAME} TEMPLATE {NAME} STRATEGY wal_log ALLOW_CONNECTIONS false", _create_database),
        (f"COMMENT ON DATABASE {NAME} IS {TEXT}", _comment_database),
        (f"REVOKE ALL ON DATABASE {NAME} FROM PUBLIC", _revoke),
        (f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS true", _open),
        (rf"DROP DATABASE (IF EXISTS )?{NAME} WITH \(FORCE\)", _drop_database),
        (r"UPDATE schema_version SET db_name = current_database\(\)", _name_schema),
        (f"REASSIGN OWNED BY {NAME} TO {NAME}", _reassign),
        (f"DROP OWNED BY {NAME}", _drop_owned),
        (f"DROP ROLE (IF EXISTS )?{NAME}", _drop_role),
    )
]
