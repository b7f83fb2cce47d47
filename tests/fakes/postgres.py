"""A PostgreSQL in memory that understands the statements of gateways/postgres_*.py, one by one, and no others.

`FakePostgres` stands in for `PostgresServer` below the real `PostgresDatabases`: which statements are sent, in which order, and what an
attempt finds that was killed after any of them, is the product's own doing.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

from psycopg import OperationalError, sql

from gateways.postgres import IDLE_TIMEOUT, Connection, PostgresServer, translated
from gateways.postgres_slots import Slots
from stack.settings import DATABASE_CONNECTIONS
from tests.fakes.postgres_statements import QUERIES, SHORT, STATEMENTS, Database, Role, Session, Undo

Send = Callable[[str, bool, Callable[[], Any]], Awaitable[Any]]
"""Carries one statement to the server: its text, whether it changes anything, and what it does there."""


async def at_once(statement: str, changes: bool, perform: Callable[[], Any]) -> Any:
    """The network of tests that do not care about it."""
    return perform()


class Boundless(Slots):
    """All workers of a test share the fake: none of them waits for a place that one which stands still has."""

    def __init__(self) -> None:
        pass

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        yield

    @asynccontextmanager
    async def holder(self, subject: str) -> AsyncIterator[None]:
        yield


class FakePostgres(PostgresServer):
    """One server. `send` is where tests put a network in between."""

    def __init__(self, send: Send = at_once) -> None:
        self._send, self._slots = send, Boundless()
        self.connections, self.max_connections = DATABASE_CONNECTIONS, 200
        self.roles: dict[str, Role] = {"deployer": Role()}
        self.databases: dict[str, Database] = {"postgres": Database("deployer", "", connectable=True)}
        self.locks: dict[str, Session] = {}
        self.locks_until_commit: dict[str, Session] = {}

    def address(self) -> str:
        return "postgres.test:5432"

    def add_template(self, name: str, role: str) -> None:
        """A template database whose inside belongs to a role that cannot log in."""
        self.roles.setdefault(role, Role())
        self.databases.setdefault(name, Database("deployer", "", holds=frozenset({role}), schema_name=name))

    @asynccontextmanager
    async def _session(self, database: str | None = None) -> AsyncIterator[Connection]:
        with translated(f"use PostgreSQL {self.address()}"):
            name = database or "postgres"
            connection = FakeConnection(self, name)
            await self._send(f"connect to {name}", False, lambda: self._admit(name))
            try:
                yield connection  # type: ignore[misc]  # the part of it that the gateway uses
            finally:
                self.release(connection)

    def release(self, connection: Session) -> None:
        """All locks of a session that is over."""
        self.locks = {subject: holder for subject, holder in self.locks.items() if holder is not connection}
        self.release_until_commit(connection)

    def release_until_commit(self, connection: Session) -> None:
        self.locks_until_commit = {subject: holder for subject, holder in self.locks_until_commit.items() if holder is not connection}

    async def send(self, statement: str, changes: bool, perform: Callable[[], Any]) -> Any:
        return await self._send(statement, changes, perform)

    def _admit(self, name: str) -> None:
        database = self.databases.get(name)
        if database is None:
            raise OperationalError(f'database "{name}" does not exist')
        if not database.connectable:
            raise OperationalError(f'database "{name}" is not currently accepting connections')


class Rows:
    """A cursor."""

    def __init__(self, rows: Sequence[tuple[Any, ...]]) -> None:
        self._rows = list(rows)

    async def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows[0] if self._rows else None

    async def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows


class FakeConnection:
    """A session: in autocommit unless inside `transaction`."""

    def __init__(self, server: FakePostgres, database: str) -> None:
        self._server, self._database = server, database
        self._undo: list[Undo] | None = None
        self._heard, self._ended = 0.0, False
        self.pgconn = SimpleNamespace(encrypt_password=lambda password, user, algorithm: b"verifier of " + password)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """What was done inside is undone unless the commit is reached."""
        self._undo = []
        self._hear()
        try:
            yield
            await self._server.send("COMMIT", True, lambda: self._heard_by(self._commit))
        finally:
            self._roll_back()
            self._undo = None

    def _commit(self) -> None:
        self._undo = []
        self._server.release_until_commit(self)

    def _roll_back(self) -> None:
        for undo in reversed(self._undo or []):
            undo()
        self._commit()

    def is_idle_in_transaction(self) -> bool:
        return self._undo is not None and asyncio.get_running_loop().time() > self._heard + IDLE_TIMEOUT / 1000

    def end(self) -> None:
        self._roll_back()
        self._server.release(self)
        self._ended = True

    def _hear(self) -> None:
        self._heard = asyncio.get_running_loop().time()

    def _heard_by(self, perform: Callable[[], Any]) -> Any:
        """What the server does with a statement that arrives."""
        if self._ended:
            raise OperationalError("terminating connection due to idle-in-transaction timeout")
        self._hear()
        return perform()

    async def execute(self, query: Any, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Rows:
        text = query.as_string(None) if isinstance(query, sql.Composable) else query
        if (perform := QUERIES.get(text)) is not None:
            words = list(parameters.values() if isinstance(parameters, Mapping) else parameters)
            look = partial(perform, self._server, self, *words)
            return Rows(await self._server.send(SHORT[text], False, lambda: self._heard_by(look)))
        for pattern, change in STATEMENTS:
            if found := pattern.fullmatch(text):
                groups = [word and word.replace("''", "'") for word in found.groups()]
                perform_change = partial(self._change, change, groups)
                await self._server.send(_without_secret(text), True, partial(self._heard_by, perform_change))
                return Rows([])
        raise AssertionError(f"the fake PostgreSQL does not understand: {text}")

    def _change(self, perform: Callable[..., Undo | None], words: Sequence[str | None]) -> None:
        undo = perform(self._server, self._database, *words)
        if self._undo is not None and undo is not None:
            self._undo.append(undo)


def _without_secret(text: str) -> str:
    return re.sub("'verifier of [^']*'", "'…'", text)
