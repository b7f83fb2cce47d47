"""Every place where a workflow does something else than an older version of it did, by the ID under which Temporal remembers that.

A run that is open while the worker is replaced goes on with the code of the new one. Where the new code would send other commands for what
has already happened, it asks `workflow.patched(ID)` and keeps the old way for runs that have gone it. `tests/replay` replays histories of
every version. An ID goes when no history that old can be open or asked any more (the retention of the Temporal namespace).
"""

from typing import Final

ADMITS: Final = "deploys-are-admitted"
"""A deploy asks whether it may be before it is claimed and before it stops another; before, the caller was believed."""

FULL_LEAVES_NOTHING: Final = "what-has-no-room-is-removed"
"""A first attempt for which there is no room is removed at once; before, it was kept as evidence like any other that failed."""

CANCEL_UNDOES: Final = "cancel-undoes-the-attempt"
"""A cancelled deploy removes the new preview that it made, or goes back to what was there; before, it only stopped."""
