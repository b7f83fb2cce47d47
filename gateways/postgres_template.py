"""The template databases of one temporal-server version: made once, under a lock, and cloned for every stack.

They count as there when both are marked as templates, which happens in one transaction at the very end; until then they are thrown away and
begun again. Once marked, nobody can connect to them any more: an open session on a template would block cloning.
"""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gateways.postgres import Connection, PostgresServer, first, run, translated
from gateways.postgres_roles import close_role, make_roles
from stack.databases import SERVER_CONNECTIONS, Role
from stack.names import template_databases, template_role
from stack.room import TO_START

LIFETIME: Final = timedelta(minutes=10)
"""Of the password: longer than the Job may run. Afterwards an attempt that nobody continues takes no connections from previews."""
LOCK_WAIT: Final = timedelta(minutes=8)
"""Longer than a template takes: whoever waits finds it made."""


@dataclass(frozen=True)
class TemplateAccess:
    """How the Job that fills the templates gets in; valid until they are finished."""

    role: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class TemplateWork:
    """The templates of one version, held by its lock. Between `begin` and `finish` somebody fills them."""

    version: str
    server: PostgresServer
    lock: Connection

    async def done(self) -> bool:
        return await _done(self.lock, self.version)

    async def begin(self) -> TemplateAccess:
        """Two empty databases of a role that may log in. What an earlier try left is thrown away."""
        role, password = template_role(self.version), secrets.token_urlsafe(24)
        with translated(f"begin the template databases of Temporal {self.version}"):
            for name in template_databases(self.version):
                await _discard(self.lock, name)
            await make_roles(self.server, self.lock, purpose(self.version), [Role(role, password, SERVER_CONNECTIONS, TO_START)], LIFETIME)
            for name in template_databases(self.version):
                await run(self.lock, "CREATE DATABASE {} OWNER {} TEMPLATE template0 STRATEGY wal_log", name, role)
                await run(self.lock, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
        return TemplateAccess(role, password)

    async def finish(self) -> None:
        """Nobody may be working in them any more; whoever is still connected is thrown out."""
        with translated(f"finish the template databases of Temporal {self.version}"):
            await self._forget_the_server()
            await _close(self.lock, self.version)
            await _mark(self.lock, self.version)

    async def _forget_the_server(self) -> None:
        """Empties what a running server wrote about itself, or all clones would share one cluster ID."""
        main, _ = template_databases(self.version)
        async with self.server.connect(main) as connection:
            await connection.execute("DELETE FROM public.cluster_metadata_info")
            await connection.execute("DELETE FROM public.cluster_membership")


class PostgresTemplates:
    """Where the template databases of all versions are."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    async def exist(self, version: str) -> bool:
        async with self._server.connect() as connection:
            return await _done(connection, version)

    @asynccontextmanager
    async def locked(self, version: str) -> AsyncIterator[TemplateWork]:
        """Waits while somebody else makes them."""
        async with self._server.locked(f"template {version}", wait=LOCK_WAIT) as connection:
            yield TemplateWork(version, self._server, connection)


def purpose(version: str) -> str:
    """What the role of a version's templates is for."""
    return f"template {version}"


async def _done(connection: Connection, version: str) -> bool:
    query = "SELECT count(*) = 2 FROM pg_database WHERE datname = ANY(%s) AND datistemplate AND NOT datallowconn"
    return bool(await first(connection, query, list(template_databases(version))))


async def _discard(connection: Connection, name: str) -> None:
    if await first(connection, "SELECT datistemplate FROM pg_database WHERE datname = %s", name):
        await run(connection, "ALTER DATABASE {} IS_TEMPLATE false", name)
    await run(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


async def _close(connection: Connection, version: str) -> None:
    await close_role(connection, purpose(version), template_role(version))
    query = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = ANY(%s)"
    await connection.execute(query, (list(template_databases(version)),))


async def _mark(connection: Connection, version: str) -> None:
    """The role keeps what is inside but loses the databases themselves, or the next clone's owner would take them over with the rest."""
    async with connection.transaction():
        for name in template_databases(version):
            await run(connection, "ALTER DATABASE {} OWNER TO CURRENT_USER", name)
            await run(connection, "ALTER DATABASE {} IS_TEMPLATE true ALLOW_CONNECTIONS false", name)
