"""Taking databases and roles away, and looking afterwards whether they are gone."""

import time
from contextlib import suppress
from typing import Final

from psycopg import errors

from gateways.postgres import Connection, first, run
from gateways.postgres_clones import sessions
from gateways.postgres_roles import MARK, drop_role
from stack.errors import cut
from stack.models import ReceiptItem

HOLDING: Final = (
    errors.ObjectInUse,
    errors.InsufficientPrivilege,
    errors.DependentObjectsStillExist,
    errors.LockNotAvailable,
    errors.QueryCanceled,
)
"""What the server answers when something keeps the object: that belongs into the receipt, and the rest is still released."""

DATABASE_THERE: Final = """
    SELECT 1 FROM pg_database JOIN pg_roles ON pg_roles.oid = datdba
    WHERE datname = %s AND shobj_description(pg_roles.oid, 'pg_authid') = %s
"""
ROLE_THERE: Final = "SELECT 1 FROM pg_roles WHERE rolname = %s AND shobj_description(oid, 'pg_authid') = %s"


async def release_database(connection: Connection, name: str, mark: str) -> ReceiptItem:
    """Drops the database with whatever is connected; an invalid one too. Others' databases do not count as there."""
    started = time.monotonic()
    existed = await first(connection, DATABASE_THERE, name, mark) is not None
    holder = ""
    if existed:
        try:
            await run(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        except HOLDING as error:
            holder = cut(f"{await sessions(connection, name)} {error.diag.message_primary}")
    gone = await first(connection, DATABASE_THERE, name, mark) is None
    return _item(f"Database {name}", started, existed=existed, gone=gone, holder=holder)


async def release_role(connection: Connection, name: str, purpose: str) -> ReceiptItem:
    """Drops the role, with the rights that it was given on databases of others."""
    started = time.monotonic()
    existed = await first(connection, ROLE_THERE, name, MARK + purpose) is not None
    holder = ""
    if existed:
        try:
            with suppress(errors.UndefinedObject):  # somebody else was quicker
                await run(connection, "DROP OWNED BY {}", name)
                await drop_role(connection, purpose, name)
        except HOLDING as error:
            holder = cut(f"{error.diag.message_primary}: {error.diag.message_detail or ''}")
    gone = await first(connection, ROLE_THERE, name, MARK + purpose) is None
    return _item(f"Role {name}", started, existed=existed, gone=gone, holder=holder)


def _item(name: str, started: float, *, existed: bool, gone: bool, holder: str) -> ReceiptItem:
    """A holder is only said of what is still there."""
    seconds = round(time.monotonic() - started, 3)
    return ReceiptItem(object=name, existed=existed, seen_gone=gone, seconds=seconds, held_by="" if gone else holder)
