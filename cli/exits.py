"""Exit codes of the command line: what a CI job decides by."""

from enum import IntEnum

from stack.models import Outcome, State


class Exit(IntEnum):
    """The table of the design, in one place."""

    REACHED = 0
    """What was asked for is so: ready, gone."""
    FAILED = 1
    """Failed or cancelled; the diagnosis is printed."""
    INVALID = 2
    """Invalid input, every problem listed; nothing was started."""
    UNREACHABLE = 3
    """Temporal cannot be reached."""
    SUPERSEDED = 4
    """A newer request has replaced this one."""
    RUNNING = 5
    """Still running when the patience ran out; the workflow goes on."""


CODES: dict[State, Exit] = {
    "ready": Exit.REACHED,
    "gone": Exit.REACHED,
    "failed": Exit.FAILED,
    "cancelled": Exit.FAILED,
    "superseded": Exit.SUPERSEDED,
    "running": Exit.RUNNING,
}


def exit_code(outcome: Outcome) -> Exit:
    """The exit code of a request that ended like this."""
    return CODES[outcome.state]
