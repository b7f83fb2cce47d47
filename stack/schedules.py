"""What the production Temporal starts by itself, as data. `starter.py schedule apply` makes it so."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from stack.cleanup import CLEANUP_ID, CLEANUP_WORKFLOW
from stack.settings import Settings

CATCH_UP: Final = timedelta(minutes=10)
"""After an outage of Temporal, a start that was missed is made up for if it is not older than this. Temporal's default is a year."""


@dataclass(frozen=True)
class Scheduled:
    """A workflow that is started again and again, with its default input; a start is skipped while the one before still runs."""

    id: str
    workflow: str
    workflow_id: str
    """Temporal adds the time of the start."""
    every: timedelta
    note: str
    """For operators."""
    catch_up: timedelta = CATCH_UP


def schedules(settings: Settings) -> tuple[Scheduled, ...]:
    """All of an installation."""
    cleanup = Scheduled(
        id="cleanup-stale-previews",
        workflow=CLEANUP_WORKFLOW,
        workflow_id=f"{CLEANUP_ID}-scheduled",
        every=settings.cleanup_every,
        note="Takes away previews that are expired, closed or orphaned. Made by `starter.py schedule apply`.",
    )
    return (cleanup,)
