"""The template databases of one temporal-server version: made under a temporary name, renamed when complete.

Both get their final names in one transaction, so that they exist or do not. Then nobody can connect to them any more: an open session on a
template would block cloning.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gateways.database import Role
from gateways.postgres import Connection, PostgresServer, first, run, translated
from gateways.postgres_databases import ensure_role
from stack.names import MANAGER, template_databases, template_role, unfinished

CONNECTIONS: Final = 24
"""Of the role while its schema is set up and its server runs once."""
LOCK_WAIT: Final = timedelta(minutes=8)
"""Longer than a template takes: whoever waits finds it made."""


@dataclass(frozen=True)
class TemplateAccess:
    """How the Job that fills the templates gets in. Valid until they are finished."""

    role: str
    password: str = field(repr=False)
    temporal_database: str
    visibility_database: str


class PostgresTemplates:
    """Begins and finishes template databases; what fills them in between is not its business."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    async def exist(self, version: str) -> bool:
        async with self._server.connect() as connection:
            return await _finished(connection, version)

    @asynccontextmanager
    async def made(self, version: str) -> AsyncIterator[TemplateAccess | None]:
        """Under the version's lock: access to begun templates, finished when the block ends without an error; None if they exist."""
        async with self._server.locked(f"template {version}", wait=LOCK_WAIT) as connection:
            if await _finished(connection, version):
                yield None
                return
            with translated(f"begin the template databases of Temporal {version}"):
                access = await _begin(connection, version)
            yield access
            with translated(f"finish the template databases of Temporal {version}"):
                await self._empty(access)
                await _finish(connection, access, version)

    async def _empty(self, access: TemplateAccess) -> None:
        """What a running server wrote about itself, or all clones would share one cluster ID."""
        async with self._server.connect(access.temporal_database) as connection:
            await connection.execute("DELETE FROM cluster_metadata_info")
            await connection.execute("DELETE FROM cluster_membership")


async def _finished(connection: Connection, version: str) -> bool:
    query = "SELECT count(*) = 2 FROM pg_database WHERE datname = ANY(%s) AND datistemplate AND NOT datallowconn"
    return bool(await first(connection, query, list(template_databases(version))))


async def _begin(connection: Connection, version: str) -> TemplateAccess:
    """From nothing: whatever an earlier try left is thrown away."""
    role = template_role(version)
    access = TemplateAccess(role, secrets.token_urlsafe(24), *map(unfinished, template_databases(version)))
    for name in template_databases(version):
        await _discard(connection, name)
        await _discard(connection, unfinished(name))
    await ensure_role(connection, Role(role, access.password, CONNECTIONS), f"{MANAGER}: template {version}")
    for name in (access.temporal_database, access.visibility_database):
        await run(connection, "CREATE DATABASE {} OWNER {} TEMPLATE template0 STRATEGY wal_log", name, role)
        await run(connection, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
    return access


async def _discard(connection: Connection, name: str) -> None:
    if await first(connection, "SELECT datistemplate FROM pg_database WHERE datname = %s", name):
        await run(connection, "ALTER DATABASE {} IS_TEMPLATE false", name)
    await run(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


async def _finish(connection: Connection, access: TemplateAccess, version: str) -> None:
    """The role keeps what is inside but loses the databases themselves, or the next clone's owner would take them over with the rest."""
    await run(connection, "ALTER ROLE {} NOLOGIN PASSWORD NULL", access.role)
    begun = (access.temporal_database, access.visibility_database)
    query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY(%s)"
    await connection.execute(query, (list(begun),))
    async with connection.transaction():
        for old, new in zip(begun, template_databases(version), strict=True):
            await run(connection, "ALTER DATABASE {} OWNER TO CURRENT_USER", old)
            await run(connection, "ALTER DATABASE {} RENAME TO {}", old, new)
            await run(connection, "ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false", new)
