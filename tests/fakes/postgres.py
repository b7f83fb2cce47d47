"""A PostgreSQL in memory that understands the statements of gateways/postgres_*.py, one by one, and no others.

`FakePostgres` stands in for `PostgresServer` below the real `PostgresDatabases`: which statements are sent, in which order, and what an
attempt finds that was killed after any of them, is the product's own doing.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from psycopg import OperationalError, sql

from gateways.postgres import Connection, PostgresServer, translated
from tests.fakes.postgres_statements import QUERIES, SHORT, STATEMENTS, Database, Role, Undo

Send = Callable[[str, bool, Callable[[], Any]], Awaitable[Any]]
"""Carries one statement to the server: its text, whether it changes anything, and what it does there."""


async def at_once(statement: str, changes: bool, perform: Callable[[], Any]) -> Any:
    """The network of tests that do not care about it."""
    return perform()


class FakePostgres(PostgresServer):
    """One server. `send` is where tests put a network in between."""

    def __init__(self, send: Send = at_once) -> None:
        self._send = send
        self.roles: dict[str, Role] = {"deployer": Role()}
        self.databases: dict[str, Database] = {"postgres": Database("deployer", "", connectable=True)}
        self.locks: dict[str, FakeConnection] = {}

    def address(self) -> str:
        return "postgres.test:5432"

    def add_template(self, name: str, role: str) -> None:
        """A template database whose inside belongs to a role that cannot log in."""
        self.roles.setdefault(role, Role())
        self.databases.setdefault(name, Database("deployer", "", holds=frozenset({role}), schema_name=name))

    @asynccontextmanager
    async def connect(self, database: str | None = None) -> AsyncIterator[Connection]:
        with translated(f"use PostgreSQL {self.address()}"):
            name = database or "postgres"
            connection = FakeConnection(self, name)
            await self._send(f"connect to {name}", False, lambda: self._admit(name))
            try:
                yield connection  # type: ignore[misc]  # the part of it that the gateway uses
            finally:
                self.locks = {subject: holder for subject, holder in self.locks.items() if holder is not connection}

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
        self.pgconn = SimpleNamespace(encrypt_password=lambda password, user, algorithm: b"verifier of " + password)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """What was done inside is undone unless the commit is reached."""
        self._undo, done = [], False
        try:
            yield
            await self._server.send("COMMIT", True, self._commit)
            done = True
        finally:
            if not done and self._undo:
                for undo in reversed(self._undo):
                    undo()
            self._undo = None

    def _commit(self) -> None:
        self._undo = []

    async def execute(self, query: Any, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> Rows:
        text = query.as_string(None) if isinstance(query, sql.Composable) else query
        if (perform := QUERIES.get(text)) is not None:
            words = list(parameters.values() if isinstance(parameters, Mapping) else parameters)
            return Rows(await self._server.send(SHORT[text], False, lambda: perform(self._server, self, *words)))
        for pattern, change in STATEMENTS:
            if found := pattern.fullmatch(text):
                groups = [word and word.replace("''", "'") for word in found.groups()]
                await self._server.send(_without_secret(text), True, lambda: self._change(change, groups))  # noqa: B023 (awaited here)
                return Rows([])
        raise AssertionError(f"the fake PostgreSQL does not understand: {text}")

    def _change(self, perform: Callable[..., Undo | None], words: Sequence[str | None]) -> None:
        undo = perform(self._server, self._database, *words)
        if self._undo is not None and undo is not None:
            self._undo.append(undo)


def _without_secret(text: str) -> str:
    return re.sub(r"PASSWORD .*", "PASSWORD …", text)
