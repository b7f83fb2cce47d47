"""What the clean-up finds, does and reports. It travels through Temporal, so its size is bounded."""

import hashlib
from enum import StrEnum
from typing import Final, Literal

from stack.model import Model
from stack.models import PrNumber, Repository

CLEANUP_WORKFLOW: Final = "CleanupStalePreviews"
CLEANUP_ID: Final = "cleanup"
"""Workflow ID of a clean-up that a person asks for: whoever asks while one runs gets the report of that one."""
DRY_RUN_ID: Final = "cleanup-dry-run"
MOST_ENTRIES: Final = 200
"""Of one run; what is beyond is the next run's."""
MOST_PROBLEMS: Final = 50
"""That are told in full."""


class Category(StrEnum):
    """Why something is stale."""

    EXPIRED = "expired"
    CLOSED = "closed"
    UNFINISHED = "unfinished"
    """The run that worked on it ended without a verdict, or was cancelled and could not undo everything."""
    DELETED = "namespace-deleted"
    ORPHANED = "orphaned"
    OVERWRITTEN = "late-write"
    """A worker that had been lost wrote something of a generation that had ended."""
    FORGOTTEN = "record-old"


class Action(StrEnum):
    """What to do about it."""

    TEARDOWN = "teardown"
    REDEPLOY = "go-back"
    DROP = "drop-databases"
    FORGET = "remove-record"


class Entry(Model):
    """One namespace that needs something."""

    namespace: str
    category: Category
    action: Action
    generation: int
    """The accepted one when it was looked at; 0 without a record. The action counts for this generation only."""
    why: str
    pr: PrNumber | None = None
    repository: Repository | None = None

    def same_as(self, other: "Entry | None") -> bool:
        """Whether another look came to the same conclusion."""
        return other is not None and (self.category, self.action, self.generation) == (other.category, other.action, other.generation)


class Seen(Model):
    """How much the clean-up looked at."""

    records: int = 0
    namespaces: int = 0
    """That bear our mark."""
    databases: int = 0
    """Databases and roles that bear our mark."""
    runs: int = 0
    """Open ones of previews."""
    asked: int = 0
    """Pull requests whose state the forge told."""


class Plan(Model):
    """What one look at everything found to do."""

    seen: Seen
    entries: tuple[Entry, ...] = ()
    postponed: int = 0
    """Entries beyond the bound, for the next run."""
    problems: tuple[str, ...] = ()
    """What could not be judged, and why; nothing is done about it."""
    unasked: tuple[str, ...] = ()
    """Pull requests for which the forge gave no answer, and why: whether they are closed is not known."""


class Errand(Model):
    """One entry to be carried out."""

    entry: Entry
    request_id: str
    """Of the request that may be sent for it: the same however often the step is tried."""


def request_id(run: str, entry: Entry) -> str:
    """Of the request that this run of the workflow may send for the entry."""
    return f"cleanup-{hashlib.sha256(f'{run}/{entry.namespace}/{entry.generation}'.encode()).hexdigest()[:24]}"


Fate = Literal["requested", "dropped", "removed", "skipped", "failed", "planned"]


class Line(Model):
    """What became of one entry."""

    entry: Entry
    fate: Fate
    note: str = ""


class CleanupOptions(Model):
    """Input of the workflow."""

    dry_run: bool = False


class Report(Model):
    """Result of the workflow."""

    dry_run: bool
    seen: Seen
    lines: tuple[Line, ...] = ()
    postponed: int = 0
    problems: tuple[str, ...] = ()
    unasked: tuple[str, ...] = ()

    def count(self, fate: Fate) -> int:
        """How many entries ended so."""
        return sum(line.fate == fate for line in self.lines)

    @property
    def found(self) -> dict[str, int]:
        """Category → entries, in the order of the categories."""
        counts = {str(category): sum(line.entry.category == category for line in self.lines) for category in Category}
        return {category: count for category, count in counts.items() if count}
