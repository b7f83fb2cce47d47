"""The shop's own table in PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import psycopg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from shop.models import Cup, Greeting, UnavailableError

# Two pods run side by side during a rollout, so the webapp takes up to twice this.
MAX_CONNECTIONS = 2

# CREATE TABLE IF NOT EXISTS alone is not safe when several processes start at once: the losers of the race fail on a
# duplicate key in the catalogue. The lock's number means nothing, it is only always the same.
SCHEMA_LOCK = 20_260_101
SCHEMA = """
CREATE TABLE IF NOT EXISTS cups (
    workflow_id text PRIMARY KEY,
    name        text NOT NULL,
    text        text NOT NULL,
    tea         text NOT NULL,
    signature   text NOT NULL,
    signed      boolean NOT NULL,
    pr          text,
    commit      text,
    poured_at   timestamptz NOT NULL DEFAULT now()
)
"""
# In UTC whatever the server's time zone is: its name may be unknown in a small image.
COLUMNS = "workflow_id, name, text, tea, signature, signed, pr, commit, poured_at AT TIME ZONE 'UTC' AS poured_at"
ADD = f"""
INSERT INTO cups (workflow_id, name, text, tea, signature, signed, pr, commit)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
RETURNING {COLUMNS}
"""
LATEST = f"SELECT {COLUMNS} FROM cups ORDER BY poured_at DESC LIMIT %s"

Row = dict[str, Any]


class Database:
    def __init__(self, url: str) -> None:
        self._schema_lock = threading.Lock()
        self._schema_made = False
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            url,
            min_size=1,
            max_size=MAX_CONNECTIONS,
            open=True,  # connects in a thread of its own and does not wait for it
            check=ConnectionPool.check_connection,
            reconnect_timeout=5,  # give an attempt up early: each request starts a new one, without a long back-off
            kwargs={
                "row_factory": dict_row,
                "connect_timeout": 5,
                "tcp_user_timeout": 5_000,
                "application_name": "shop-webapp",
            },
        )

    def check(self, timeout: float) -> None:
        """Returns when the database has answered and the table exists."""
        with self._connection(timeout) as connection:
            connection.execute("SELECT 1")

    def add(self, workflow_id: str, name: str, greeting: Greeting, signed: bool) -> Cup:
        values = (workflow_id, name, greeting.text, greeting.tea, greeting.signature, signed, greeting.pr)
        with self._connection() as connection:
            row = connection.execute(ADD, (*values, greeting.commit)).fetchone()
        assert row is not None  # RETURNING gives the row or the statement has raised
        return cup_from(row)

    def latest(self, limit: int) -> list[Cup]:
        with self._connection() as connection:
            return [cup_from(row) for row in connection.execute(LATEST, (limit,))]

    @contextmanager
    def _connection(self, timeout: float = 5) -> Iterator[psycopg.Connection[Row]]:
        try:
            with self._pool.connection(timeout) as connection:
                self._make_schema(connection)
                yield connection
        except PoolTimeout:
            raise UnavailableError(f"no connection to the database within {timeout:g} s") from None
        except psycopg.OperationalError as error:
            raise UnavailableError(f"the database refused: {first_line(error)}") from error

    def _make_schema(self, connection: psycopg.Connection[Row]) -> None:
        with self._schema_lock:
            if self._schema_made:
                return
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
                connection.execute(SCHEMA)
            self._schema_made = True


def cup_from(row: Row) -> Cup:
    greeting = Greeting(row["text"], row["tea"], row["signature"], row["pr"], row["commit"])
    return Cup(row["workflow_id"], row["name"], greeting, row["signed"], row["poured_at"].replace(tzinfo=UTC))


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
