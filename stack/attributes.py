"""Search attributes of the production Temporal, by which operators find a preview in temporal-ui.

Registered by `make up` (locally) or by the installation in `deploy/`; set by the workflows.
"""

from typing import Final

PR: Final = "PreviewPr"
REPOSITORY: Final = "PreviewRepository"
COMMIT: Final = "PreviewCommit"
PHASE: Final = "PreviewPhase"
URL: Final = "PreviewUrl"
HELD_BY: Final = "PreviewHeldBy"
"""What keeps a teardown from being done, while it does."""

SEARCH_ATTRIBUTES: Final = {PR: "Int", REPOSITORY: "Keyword", COMMIT: "Keyword", PHASE: "Keyword", URL: "Keyword", HELD_BY: "Keyword"}
"""Name → type, as the `temporal operator search-attribute` command spells it."""
