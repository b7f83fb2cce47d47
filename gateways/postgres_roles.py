"""Roles of stacks and templates: counted and made in one transaction, so that two never share the server's last connections.

The worker cannot make a role. It calls the procedures of deploy/postgresql/install.sql, which refuse whatever is no role of a stack or a
template, or does not bear our mark: a comment that says what the role is for.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from gateways.postgres import Connection, PostgresServer, lock_until_commit, run, translated
from stack.databases import Role
from stack.names import MANAGER
from stack.room import Room, Share, require_room, share_of

MARK: Final = f"{MANAGER}: "
"""Begins the comment of every role that was made here; what the role is for follows."""
ADMISSION: Final = "connections"
"""The lock under which roles are counted and made. It is the server's: it is held for some milliseconds."""

LIMITS: Final = """
    SELECT current_setting('max_connections')::int,
        current_setting('superuser_reserved_connections')::int
            + coalesce(current_setting('reserved_connections', true)::int, 0)
            + coalesce(current_setting('rds.rds_superuser_reserved_connections', true)::int, 0),
        (SELECT count(*)::int FROM pg_stat_activity JOIN pg_roles r ON r.oid = usesysid
            WHERE NOT rolsuper AND rolname <> current_user
                AND NOT starts_with(coalesce(shobj_description(r.oid, 'pg_authid'), ''), %s))
"""
"""Connections of the server, those kept for administrators, and sessions of roles that are neither ours nor a superuser's."""

SHARES: Final = """
    SELECT rolname::text, substr(shobj_description(oid, 'pg_authid'), length(%(begin)s) + 1), greatest(rolconnlimit, 0)
    FROM pg_roles
    WHERE starts_with(shobj_description(oid, 'pg_authid'), %(begin)s) AND rolcanlogin AND coalesce(rolvaliduntil, 'infinity') > now()
    ORDER BY rolname
"""
"""Role, what it is for, connection limit: of all roles of ours that can sign in now."""


async def make_roles(
    server: PostgresServer, connection: Connection, purpose: str, roles: Sequence[Role], lifetime: timedelta | None = None
) -> None:
    """All or none, with these passwords and limits, whether they are there or not. Raises NoCapacityError. After `lifetime` they can
    sign in no more and count no more: what an attempt that is never continued has reserved becomes free by itself."""
    wanted = {role.name: Share(purpose, role.connections) for role in roles}
    with translated(f"make the roles of {purpose}"):
        async with connection.transaction():
            await lock_until_commit(connection, ADMISSION)
            require_room(await look(connection, server.connections), server.address(), wanted)
            for role in roles:
                await _make(connection, purpose, role, lifetime)


async def look(connection: Connection, worker: int) -> Room:
    """The server's connections and who has them; `worker` are kept for us."""
    limits = await (await connection.execute(LIMITS, (MARK,))).fetchone()
    assert limits is not None
    most, reserved, others = limits
    shares = await (await connection.execute(SHARES, {"begin": MARK})).fetchall()
    return Room(most, reserved, worker, others, {name: share_of(purpose, name, limit) for name, purpose, limit in shares})


async def _make(connection: Connection, purpose: str, role: Role, lifetime: timedelta | None) -> None:
    """The server is sent a SCRAM verifier, so the password is in no statement and no log."""
    verifier = connection.pgconn.encrypt_password(role.password.encode(), role.name.encode(), b"scram-sha-256").decode()
    await run(
        connection,
        "CALL previews.ensure_role({purpose}, {role}, {verifier}, {connections}, {minutes})",
        purpose=purpose,
        role=role.name,
        verifier=verifier,
        connections=role.limit,
        minutes=None if lifetime is None else int(lifetime.total_seconds()) // 60,
    )


async def close_role(connection: Connection, purpose: str, name: str) -> None:
    await run(connection, "CALL previews.close_role({purpose}, {role})", purpose=purpose, role=name)


async def drop_role(connection: Connection, purpose: str, name: str) -> None:
    """Fails while it owns anything."""
    await run(connection, "CALL previews.drop_role({purpose}, {role})", purpose=purpose, role=name)
