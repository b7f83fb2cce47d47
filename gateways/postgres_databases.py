"""`Databases` on a real PostgreSQL: each role gets exactly its own databases, whatever happened before.

Every statement either is idempotent or leaves a state that the next run recognises, so an attempt may be killed after any of them. The
marks are comments: a role's comment names the namespace that it was made for, and is written in the transaction that makes the role;
a database's comment names the template that it was cloned from. What does not bear them was not made here and is never touched. A stack's
share of the server's connections are the limits of its roles, made before anything else is, so what does not fit leaves nothing.
"""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Mapping
from typing import Final

from gateways.database import Guard
from gateways.postgres import PostgresServer, run, translated
from gateways.postgres_clones import Found, hand_over, inspect, make, open_to_owner
from gateways.postgres_release import release_database, release_role
from gateways.postgres_roles import MARK, make_roles
from stack.databases import Clone, DatabasePlan
from stack.errors import PreviewError, UnavailableError
from stack.models import ReceiptItem
from stack.names import Names

STACK_MARK: Final = f"{MARK}stack "
"""Begins the comment of every role that was made for a stack; the namespace follows."""


MADE: Final = """
    WITH made AS (SELECT oid, rolname, shobj_description(oid, 'pg_authid') AS mark FROM pg_roles)
    SELECT substr(mark, length(%(begin)s) + 1), 'Role', rolname::text FROM made WHERE starts_with(mark, %(begin)s)
    UNION ALL
    SELECT substr(mark, length(%(begin)s) + 1), 'Database', datname::text
    FROM pg_database JOIN made ON made.oid = datdba WHERE starts_with(mark, %(begin)s)
    ORDER BY 1, 2, 3
"""
"""Namespace, kind and name of everything that was made for a stack."""


class PostgresDatabases:
    """`Databases` over `PostgresServer`. Opens one connection per lock and one at a time per database that it makes."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server

    async def create(self, plan: DatabasePlan, guard: Guard) -> None:
        async with self._server.locked(plan.namespace) as connection:
            await guard()
            await make_roles(self._server, connection, f"stack {plan.namespace}", plan.roles)
            found = [(clone, await inspect(connection, clone)) for clone in plan.clones]
            await _together(*(self._complete(clone, state) for clone, state in found if not (state and state.complete)))

    async def drop(self, names: Names, guard: Guard) -> tuple[ReceiptItem, ...]:
        purpose = f"stack {names.namespace}"
        async with self._server.locked(names.namespace) as connection:
            await guard()
            databases = [await release_database(connection, name, MARK + purpose) for name in names.databases]
            roles = [await release_role(connection, name, purpose) for name in names.roles]
        return (*databases, *roles)

    async def answers(self) -> bool:
        """A connection that is opened and closed again."""
        try:
            async with self._server.connect():
                return True
        except PreviewError as error:
            return not isinstance(error, UnavailableError)

    async def survey(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = defaultdict(tuple)
        async with self._server.connect() as connection:
            for namespace, kind, name in await (await connection.execute(MADE, {"begin": STACK_MARK})).fetchall():
                if name in (*Names(namespace).databases, *Names(namespace).roles):
                    found[namespace] += (f"{kind} {name}",)
        return dict(found)

    async def _complete(self, clone: Clone, found: Found | None) -> None:
        """From whatever state an earlier attempt left it in."""
        async with self._server.connect() as connection:
            with translated(f"make database {clone.name}"):
                if found is not None and not found.usable:
                    await run(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", clone.name)
                if found is None or not found.usable:
                    await make(connection, clone)
                await open_to_owner(connection, clone)
        if clone.template_role:
            await hand_over(self._server, clone, clone.template_role)


async def _together(*work: Coroutine[None, None, None]) -> None:
    """All at once; when one fails the others are stopped and awaited, so that nothing goes on without the lock."""
    try:
        async with asyncio.TaskGroup() as group:
            for each in work:
                group.create_task(each)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
