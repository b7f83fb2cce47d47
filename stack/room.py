"""Whether a server has connections for one more stack.

The connection limits of roles are their shares: nobody can take more, and the server has at least the sum of all, so whoever was let in
always gets what he was promised, whatever the others do. Nothing else keeps the books: roles that exist are what is reserved. A
temporal-server takes one more while it starts; one such connection is kept for all of them, and of two that start at once on a server that
is otherwise full one may have to start again.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from stack.errors import NoCapacityError
from stack.names import Names

TO_START: Final = 1
"""Connections that a temporal-server takes besides its pools while it registers its system namespace: tried, with fewer it ends."""
NAMED: Final = 4
"""Holders that a refusal names; the others are counted."""
REMEDY: Final = (
    "take a preview away, let the stack file ask for fewer (database.connections), or give the server more connections (max_connections)"
)


@dataclass(frozen=True)
class Share:
    """What one role may take."""

    holder: str
    """Whose role it is, such as `stack pr-1`."""
    connections: int


@dataclass(frozen=True)
class Room:
    """The connections of a server, and who has which."""

    most: int
    """max_connections."""
    reserved: int
    """For administrators."""
    worker: int
    """For the worker itself."""
    others: int
    """Sessions of somebody else, right now."""
    shares: Mapping[str, Share]
    """Role → its share."""

    @property
    def free(self) -> int:
        """Negative if somebody took connections away from the server after stacks had been let in."""
        return self.most - self.reserved - self.worker - TO_START - self.others - _sum(self.shares)


def share_of(purpose: str, role: str, limit: int) -> Share:
    """By its connection limit: every role but an application's is a temporal-server's."""
    kind, _, subject = purpose.partition(" ")
    is_app = kind == "stack" and role == Names(subject).app_role
    return Share(purpose, limit if is_app else max(0, limit - TO_START))


def require_room(room: Room, server: str, wanted: Mapping[str, Share]) -> None:
    """Raises NoCapacityError if the wanted roles do not fit. Those that are there already count once, and whoever asks for no more than he
    has is never refused."""
    more = _sum({**room.shares, **wanted}) - _sum(room.shares)
    if more <= max(0, room.free):
        return
    holder = next(iter(wanted.values())).holder
    raise NoCapacityError(f"admit {_short(holder)} to", obj=f"PostgreSQL {server}", answer=_told(room, more), remedy=REMEDY)


def _told(room: Room, more: int) -> str:
    held: Counter[str] = Counter()
    for share in room.shares.values():
        held[share.holder] += share.connections
    parts = [f"{room.reserved} for its administrators", f"{room.worker} for the worker (PREVIEWS_DATABASE_CONNECTIONS)"]
    parts += [f"{TO_START} for a temporal-server that starts"]
    parts += [f"{room.others} in use by others"] if room.others else []
    parts += [f"{connections} for {_short(holder)}" for holder, connections in held.most_common(NAMED)]
    if rest := held.most_common()[NAMED:]:
        parts.append(f"{sum(connections for _, connections in rest)} for {len(rest)} more")
    return f"of {room.most} connections {max(0, room.free)} are left, and {more} more are needed; there are {', '.join(parts)}"


def _short(holder: str) -> str:
    """`pr-1`, but `template 1.32.2`."""
    return holder.removeprefix("stack ")


def _sum(shares: Mapping[str, Share]) -> int:
    return sum(share.connections for share in shares.values())
