"""One database that belongs to one role: what state it is in, and the steps that make it whole.

The order is what makes it exclusive: owner from the start, closed to connections until PUBLIC has lost CONNECT (revocations are not copied
from a template), and the objects inside handed over in one transaction, so that the catalog tells whether that is done.
"""

from dataclasses import dataclass
from typing import Final

from psycopg import errors

from gateways.postgres import Connection, PostgresServer, column, run, translated
from stack.databases import Clone
from stack.errors import ConflictError, RejectedError
from stack.names import MANAGER

DATABASE: Final = """
    SELECT pg_get_userbyid(datdba), datconnlimit = -2, coalesce(shobj_description(d.oid, 'pg_database'), ''),
        datallowconn
        AND NOT EXISTS (SELECT FROM aclexplode(coalesce(datacl, acldefault('d', datdba))) WHERE grantee = 0 AND privilege_type = 'CONNECT')
        AND NOT EXISTS (
            SELECT FROM pg_shdepend JOIN pg_roles ON pg_roles.oid = refobjid
            WHERE dbid = d.oid AND refclassid = 'pg_authid'::regclass AND rolname = %s)
    FROM pg_database d WHERE datname = %s
"""
"""Owner, invalid, comment, finished. pg_shdepend knows for all databases whether a role owns something inside."""

SESSIONS: Final = """
    SELECT format('session %%s of %%s%%s%%s', pid, usename, ' at ' || host(client_addr), ' (' || nullif(application_name, '') || ')')
    FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid() ORDER BY pid LIMIT 5
"""


@dataclass(frozen=True)
class Found:
    """A database of the clone's name and owner as it is now."""

    usable: bool
    """False after an interrupted drop, and when it was cloned from something else or not marked yet: then it is made again."""
    complete: bool


async def inspect(connection: Connection, clone: Clone) -> Found | None:
    """RejectedError if the database is somebody else's: it is never dropped or handed over."""
    row = await (await connection.execute(DATABASE, (clone.template_role, clone.name))).fetchone()
    if row is None:
        return None
    owner, invalid, comment, finished = row
    if owner != clone.owner:
        answer = f"there is one that belongs to {owner}, not to {clone.owner}"
        raise RejectedError("make", obj=f"database {clone.name}", answer=answer, remedy="rename it or choose another namespace template")
    usable = not invalid and comment == _origin(clone)
    return Found(usable=usable, complete=usable and finished)


async def make(connection: Connection, clone: Clone) -> None:
    """Through the write-ahead log: four times as fast as copying files, and no checkpoint that slows the others down."""
    source = clone.template or "template0"
    statement = "CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY wal_log ALLOW_CONNECTIONS false"
    try:
        await run(connection, statement, clone.name, clone.owner, source)
    except errors.ObjectInUse:
        raise ConflictError(
            "clone", obj=f"database {source}", answer=await sessions(connection, source), remedy="it is tried again"
        ) from None
    await run(connection, "COMMENT ON DATABASE {} IS {origin}", clone.name, origin=_origin(clone))


async def open_to_owner(connection: Connection, clone: Clone) -> None:
    await run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", clone.name)
    await run(connection, "ALTER DATABASE {} ALLOW_CONNECTIONS true", clone.name)


async def hand_over(server: PostgresServer, clone: Clone, template_role: str) -> None:
    """Everything inside becomes the owner's. temporal-server looks its schema version up by the database's name."""
    with translated(f"hand over database {clone.name}"):
        async with server.connect(clone.name) as connection, connection.transaction():
            await connection.execute("UPDATE public.schema_version SET db_name = current_database()")
            await run(connection, "REASSIGN OWNED BY {} TO {}", template_role, clone.owner)


async def sessions(connection: Connection, database: str) -> str:
    """Who is connected to the database, as a person would want to read it."""
    return ", ".join(await column(connection, SESSIONS, database))


def _origin(clone: Clone) -> str:
    return f"{MANAGER}: from {clone.template or 'nothing'}"
