"""The statements that gateways/postgres_*.py sends, and what each does to the roles and databases of a fake server."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from psycopg import errors

from gateways.postgres import TRY_LOCK, TRY_LOCK_UNTIL_COMMIT
from gateways.postgres_clones import DATABASE, SESSIONS
from gateways.postgres_databases import MADE
from gateways.postgres_release import DATABASE_THERE, ROLE_THERE
from gateways.postgres_roles import LIMITS, MARK, SHARES

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


class Session(Protocol):
    """Who sends the statements."""

    def is_idle_in_transaction(self) -> bool:
        """For so long that the server ends it."""

    def end(self) -> None:
        """By the server: what was not committed is undone, and its locks are free."""


class Server(Protocol):
    """What the statements work on."""

    roles: dict[str, Role]
    databases: dict[str, Database]
    locks: dict[str, Session]
    locks_until_commit: dict[str, Session]
    max_connections: int


def _lock(server: Server, connection: Session, subject: str) -> list[tuple[Any, ...]]:
    return [(server.locks.setdefault(subject, connection) is connection,)]


def _lock_until_commit(server: Server, connection: Session, subject: str) -> list[tuple[Any, ...]]:
    holder = server.locks_until_commit.get(subject)
    if holder is not None and holder is not connection and holder.is_idle_in_transaction():
        holder.end()
    return [(server.locks_until_commit.setdefault(subject, connection) is connection,)]


def _limits(server: Server, _connection: Session, begin: str) -> list[tuple[Any, ...]]:
    return [(server.max_connections, 3, 0)]


def _shares(server: Server, _connection: Session, begin: str) -> list[tuple[Any, ...]]:
    return [(name, role.comment.removeprefix(begin), role.limit) for name, role in server.roles.items() if role.comment.startswith(begin)]


def _database(server: Server, _connection: Session, template_role: str | None, name: str) -> list[tuple[Any, ...]]:
    if (found := server.databases.get(name)) is None:
        return []
    finished = found.connectable and not found.public and template_role not in found.holds
    return [(found.owner, False, found.comment, finished)]


def _database_there(server: Server, _connection: Session, name: str, mark: str) -> list[tuple[Any, ...]]:
    found = server.databases.get(name)
    return [(1,)] if found and server.roles[found.owner].comment == mark else []


def _role_there(server: Server, _connection: Session, name: str, mark: str) -> list[tuple[Any, ...]]:
    return [(1,)] if name in server.roles and server.roles[name].comment == mark else []


def _made(server: Server, _connection: Session, begin: str) -> list[tuple[Any, ...]]:
    """Namespace, kind and name of what was made for stacks."""
    marks = {name: role.comment.removeprefix(begin) for name, role in server.roles.items() if role.comment.startswith(begin)}
    owned = [(marks[found.owner], "Database", name) for name, found in server.databases.items() if found.owner in marks]
    return sorted([*((namespace, "Role", name) for name, namespace in marks.items()), *owned])


QUERIES: Final[dict[str, Callable[..., list[tuple[Any, ...]]]]] = {
    TRY_LOCK: _lock,
    TRY_LOCK_UNTIL_COMMIT: _lock_until_commit,
    LIMITS: _limits,
    SHARES: _shares,
    DATABASE: _database,
    DATABASE_THERE: _database_there,
    ROLE_THERE: _role_there,
    SESSIONS: lambda *_: [],
    MADE: _made,
}
SHORT: Final = {
    TRY_LOCK: "try the lock",
    TRY_LOCK_UNTIL_COMMIT: "try the lock of the server",
    LIMITS: "look at the connections",
    SHARES: "look at the roles",
    DATABASE: "look at a database",
    DATABASE_THERE: "is the database there",
    ROLE_THERE: "is the role there",
    SESSIONS: "list the sessions",
    MADE: "list what was made",
}


def _ensure_role(server: Server, _database: str, purpose: str, name: str, verifier: str, limit: str) -> Undo:
    before = server.roles.get(name)
    _require_ours(before, purpose, name)
    server.roles[name] = Role(MARK + purpose, int(limit), verifier, granted=True)

    def undo() -> None:
        if before is None:
            server.roles.pop(name, None)
        elif name in server.roles:
            server.roles[name] = before

    return undo


def _require_ours(role: Role | None, purpose: str, name: str) -> None:
    if role is not None and role.comment != MARK + purpose:
        raise errors.InsufficientPrivilege(f"there is a role {name} with the comment {role.comment!r}")


def _role(server: Server, name: str) -> Role:
    if name not in server.roles:
        raise errors.UndefinedObject(f'role "{name}" does not exist')
    return server.roles[name]


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


def _drop_role(server: Server, _database: str, purpose: str, name: str) -> None:
    _require_ours(server.roles.get(name), purpose, name)
    if held := [each for each, database in server.databases.items() if database.owner == name or name in database.holds]:
        raise errors.DependentObjectsStillExist(f'role "{name}" cannot be dropped because of {held}')
    server.roles.pop(name, None)


NAME = r'"([^"]+)"'
TEXT = r"'((?:[^']|'')*)'"
STATEMENTS: Final[list[tuple[re.Pattern[str], Callable[..., Undo | None]]]] = [
    (re.compile(pattern), perform)
    for pattern, perform in (
        (rf"CALL previews\.ensure_role\({TEXT}, {TEXT}, {TEXT}, ([0-9]+), NULL\)", _ensure_role),
        (rf"CALL previews\.drop_role\({TEXT}, {TEXT}\)", _drop_role),
        (f"CREATE DATABASE {NAME} OWNER {NAME} TEMPLATE {NAME} STRATEGY wal_log ALLOW_CONNECTIONS false", _create_database),
        (f"COMMENT ON DATABASE {NAME} IS {TEXT}", _comment_database),
        (f"REVOKE ALL ON DATABASE {NAME} FROM PUBLIC", _revoke),
        (f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS true", _open),
        (rf"DROP DATABASE (IF EXISTS )?{NAME} WITH \(FORCE\)", _drop_database),
        (r"UPDATE public\.schema_version SET db_name = current_database\(\)", _name_schema),
        (f"REASSIGN OWNED BY {NAME} TO {NAME}", _reassign),
        (f"DROP OWNED BY {NAME}", _drop_owned),
    )
]
