"""Connections to one PostgreSQL server, its locks, and the one place where psycopg's exceptions become ours.

Advisory locks belong to a database, so all of them are taken in the one that the URL names. They live as long as their connection: a
worker that dies releases them.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, LiteralString

import psycopg
from psycopg import AsyncConnection, errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gateways.postgres_slots import Slots
from stack.errors import ConflictError, PreviewError, RejectedError, UnavailableError
from stack.names import MANAGER
from stack.settings import DATABASE_CONNECTIONS

AGAIN: Final = "it is tried again"
CONNECT_TIMEOUT: Final = 5
"""Seconds until a server that does not answer counts as away."""
STATEMENT_TIMEOUT: Final = 60_000
"""Milliseconds. The slowest statement is CREATE DATABASE, a second on an idle machine."""
LOCK_TIMEOUT: Final = 15_000
"""Milliseconds that a statement waits for somebody else's lock."""
IDLE_TIMEOUT: Final = 10_000
"""Milliseconds after which the server ends a session that does nothing inside a transaction: a worker that is frozen there must not keep
everybody waiting. Less than LOCK_TIMEOUT."""
KEEPALIVES: Final = {"idle": 10, "interval": 5, "count": 3}
"""Seconds of silence, seconds between probes, probes. Both sides probe: a worker whose host vanished must not hold a lock for hours."""
OLDEST_SERVER: Final = 150_000
"""PostgreSQL 15: CREATE DATABASE … STRATEGY."""

Connection = AsyncConnection[tuple[Any, ...]]

CONFLICTS: Final = (
    errors.DuplicateDatabase,
    errors.DuplicateObject,
    errors.UniqueViolation,
    errors.SerializationFailure,
    errors.DeadlockDetected,
    errors.ObjectInUse,
)
PASSING_CLASSES: Final = ("08", "25", "53", "55", "57", "58", "XX")
"""SQLSTATE classes that pass by themselves: connection, transaction state, resources, locks, intervention, system, internal."""
REFUSALS: Final = (
    "authentication failed",
    "no password",
    "no pg_hba.conf entry",
    "not permitted",
    "not exist",
    "certificate",
    "not support SSL",
)
"""Connecting fails without a SQLSTATE, so only the text tells a refusal from a server that is away. libpq's own texts, and the
server's if it speaks English; in another language a refusal is tried again until the step's bound."""


INSTALL: Final = "an administrator must run deploy/postgresql/install.sql in the database that PREVIEWS_DATABASE_URL_FILE names"
NOT_INSTALLED: Final = (errors.InvalidSchemaName, errors.UndefinedFunction)
"""What the server answers when the procedures that make roles are missing, or are those of an older version."""


class PostgresServer:
    """Opens connections as needed, not too many at once, and closes them; keeps none. The URL is read each time, so a rotated password
    works."""

    def __init__(self, url_file: Path, ca_file: Path | None = None, connections: int = DATABASE_CONNECTIONS) -> None:
        self._url_file, self._ca_file = url_file, ca_file
        self.connections = connections
        """That this worker has open at most."""
        self._slots = Slots(connections)

    @asynccontextmanager
    async def connect(self, database: str | None = None) -> AsyncIterator[Connection]:
        """A connection in autocommit to `database`, by default the one in the URL. Translates whatever psycopg raises inside."""
        async with self._slots.one(), self._session(database) as connection:
            yield connection

    @asynccontextmanager
    async def _session(self, database: str | None = None) -> AsyncIterator[Connection]:
        with translated(f"use PostgreSQL {self.address()}"):
            async with await _open(self._conninfo(database)) as connection:
                if connection.info.server_version < OLDEST_SERVER:
                    found = str(connection.info.server_version // 10_000)
                    raise RejectedError(
                        "use PostgreSQL", obj=self.address(), answer=f"version {found}", remedy="15 is the oldest that works"
                    )
                yield connection

    @asynccontextmanager
    async def locked(self, subject: str, wait: timedelta = timedelta(milliseconds=LOCK_TIMEOUT)) -> AsyncIterator[Connection]:
        """A connection that holds the exclusive lock of `subject`, such as a namespace, until it closes."""
        async with AsyncExitStack() as held:
            try:
                async with asyncio.timeout(wait.total_seconds()):
                    await held.enter_async_context(self._slots.holder(subject))
            except TimeoutError:
                raise UnavailableError("lock", obj=subject, answer="another attempt of this worker is busy", remedy=AGAIN) from None
            connection = await held.enter_async_context(self._session())
            await _lock(connection, TRY_LOCK, subject, wait)
            yield connection

    def address(self) -> str:
        """host:port of the server, without user or password."""
        parts = self._parts()
        return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}"

    def _conninfo(self, database: str | None) -> str:
        parts = self._parts() | {"connect_timeout": CONNECT_TIMEOUT, "application_name": MANAGER, "options": _session_options()}
        parts |= {f"keepalives_{name}": value for name, value in KEEPALIVES.items()}
        if database:
            parts["dbname"] = database
        if self._ca_file:
            parts |= {"sslmode": "verify-full", "sslrootcert": str(self._ca_file)}
        return make_conninfo(**parts)

    def _parts(self) -> dict[str, Any]:
        """The URL taken apart. Its text is never quoted: it holds a password."""
        try:
            return _one_value(conninfo_to_dict(self._url_file.read_text().strip()))
        except OSError as error:
            raise RejectedError(
                "read PostgreSQL's URL from", obj=str(self._url_file), answer=error.strerror or "", remedy=URL_REMEDY
            ) from None
        except psycopg.Error:
            raise RejectedError("understand PostgreSQL's URL in", obj=str(self._url_file), remedy=URL_REMEDY) from None


def _one_value(parts: dict[str, Any]) -> dict[str, Any]:
    """`host=db.example.com:25060`, as providers show it, is taken for what it means."""
    found = re.fullmatch(r"([^:/,]+):([0-9]{1,5})", str(parts.get("host", "")))
    return {**parts, "host": found[1], "port": found[2]} if found and "port" not in parts else dict(parts)


URL_REMEDY: Final = "PREVIEWS_DATABASE_URL_FILE must name a file with a line such as postgresql://deployer:PASSWORD@host:5432/postgres"


async def _open(conninfo: str) -> Connection:
    """Cancelled half-way, it is opened and closed again: psycopg would leave the session to the garbage collector."""
    opening = asyncio.ensure_future(AsyncConnection.connect(conninfo, autocommit=True, prepare_threshold=None))
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        with suppress(psycopg.Error):
            await (await opening).close()
        raise


def _session_options() -> str:
    """The search path holds nothing that the owner of a database could have put there."""
    settings: dict[str, object] = {"statement_timeout": STATEMENT_TIMEOUT, "lock_timeout": LOCK_TIMEOUT}
    settings |= {"idle_in_transaction_session_timeout": IDLE_TIMEOUT, "search_path": "pg_catalog"}
    settings |= {f"tcp_keepalives_{name}": value for name, value in KEEPALIVES.items()}
    return " ".join(f"-c {name}={value}" for name, value in settings.items())


async def lock_until_commit(connection: Connection, subject: str) -> None:
    """Inside a transaction; for what takes a moment."""
    await _lock(connection, TRY_LOCK_UNTIL_COMMIT, subject, timedelta(milliseconds=LOCK_TIMEOUT))


async def _lock(connection: Connection, attempt: LiteralString, subject: str, wait: timedelta) -> None:
    """Tries again and again instead of waiting inside the server: a waiting session would outlive its cancelled attempt."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait.total_seconds()
    while not await first(connection, attempt, f"{MANAGER}/{subject}"):
        if loop.time() > deadline:
            raise UnavailableError("lock", obj=subject, answer="another attempt holds the lock", remedy=AGAIN)
        await asyncio.sleep(LOCK_POLL)


TRY_LOCK: Final = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
TRY_LOCK_UNTIL_COMMIT: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
LOCK_POLL: Final = 0.05
"""Seconds between two looks at a lock that somebody else holds."""


async def run(connection: Connection, statement: LiteralString, *names: str, **literals: object) -> None:
    """Executes a statement that takes no parameters: `{}` become quoted identifiers, `{name}` quoted literals."""
    values = {key: sql.Literal(value) for key, value in literals.items()}
    await connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names), **values))


async def first(connection: Connection, query: LiteralString, *parameters: object) -> Any:
    """The first column of the first row, or None."""
    row = await (await connection.execute(query, parameters)).fetchone()
    return row[0] if row else None


async def column(connection: Connection, query: LiteralString, *parameters: object) -> tuple[str, ...]:
    """The first column of all rows."""
    return tuple(row[0] for row in await (await connection.execute(query, parameters)).fetchall())


@contextmanager
def translated(did: str) -> Iterator[None]:
    """Turns psycopg's exceptions into ours. Quotes the server's message only, never a statement."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(did, error) from None


def translate(did: str, error: psycopg.Error) -> PreviewError:
    """ConflictError, UnavailableError or RejectedError, by SQLSTATE; without one (connecting failed) by libpq's text."""
    answer = error.diag.message_primary or str(error)
    if isinstance(error, CONFLICTS):
        return ConflictError(did, answer=answer, remedy=AGAIN)
    if error.sqlstate is None:
        return _connecting(did, error, answer)
    if error.sqlstate[:2] in PASSING_CLASSES:
        return UnavailableError(did, answer=answer, remedy=AGAIN)
    return RejectedError(did, answer=answer, remedy=INSTALL if isinstance(error, NOT_INSTALLED) else error.diag.message_hint or INSTALL)


def _connecting(did: str, error: psycopg.Error, answer: str) -> PreviewError:
    refused = isinstance(error, psycopg.OperationalError) and any(text in answer for text in REFUSALS)
    if refused or not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return RejectedError(did, answer=answer, remedy="check the role, its password and TLS in the database URL file")
    return UnavailableError(did, answer=answer, remedy=AGAIN)
