"""The baton under its old name: whoever hands requests over needs it too, and gateways may import nothing but `stack`."""

from stack.baton import (
    DEPLOY_WORKFLOW,
    KEPT_OUTCOMES,
    OUTCOME_QUERY,
    REQUEST_SIGNAL,
    STATUS_QUERY,
    TEARDOWN_WORKFLOW,
    Baton,
    Closing,
)

__all__ = [
    "DEPLOY_WORKFLOW",
    "KEPT_OUTCOMES",
    "OUTCOME_QUERY",
    "REQUEST_SIGNAL",
    "STATUS_QUERY",
    "TEARDOWN_WORKFLOW",
    "Baton",
    "Closing",
]
