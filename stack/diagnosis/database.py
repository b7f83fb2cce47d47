"""PostgreSQL's refusals, as libpq, pgx, lib/pq and temporal-server word them in a log."""

import re
from dataclasses import dataclass
from typing import Final

LOOKS_AT: Final = 40
"""Last lines of a log in which the cause of an end can be expected."""

FINAL: Final = re.compile(
    r"""(?ix)
      password\ authentication\ failed | no\ pg_hba\.conf\ entry | failed\ SASL\ auth
    | database\ "[^"]*"\ (does\ not\ exist|is\ not\ currently\ accepting) | role\ "[^"]*"\ (does\ not\ exist|is\ not\ permitted)
    | permission\ denied\ for\ (database|schema|table)
    | SQLSTATE\ (28|3D)\w{3}
    """
)
"""PostgreSQL answered, and will answer the same again."""

UNREACHED: Final = re.compile(
    r"""(?ix)
      the\ database\ system\ is\ (starting|shutting|in\ recovery) | too\ many\ (clients|connections) | remaining\ connection\ slots
    | SQLSTATE\ (08|53|57P)\w+
    | connection\ to\ server\ (at|on)\ .*failed | could\ not\ connect\ to\ server
    | failed\ to\ connect\ to\ `?(host|user)= | failed\ to\ connect\ to\ `[^`]*database=
    | dial\ tcp\ \S+:543\d:
    | (psycopg2?|sqlalchemy\.exc|asyncpg\.exceptions|django\.db\.utils)\.\w*(OperationalError|CannotConnect\w*|ConnectionTimeout)
    | unable\ to\ refresh\ database\ connection\ pool | no\ usable\ database\ connection\ found
    | sql\ schema\ version\ compatibility\ check\ failed
    """
)
"""PostgreSQL did not answer, or not now: it may be a moment later."""


@dataclass(frozen=True)
class DatabaseError:
    """The line of the log that tells of the refusal, and whether trying again is pointless."""

    line: str
    final: bool


def database_error(log: str) -> DatabaseError | None:
    """The last line that tells of a refusal by PostgreSQL. Refusals by Temporal (port 7233) look alike and are none."""
    for line in reversed(log.splitlines()[-LOOKS_AT:]):
        if FINAL.search(line) or UNREACHED.search(line):
            return DatabaseError(line.strip(), final=bool(FINAL.search(line)))
    return None
