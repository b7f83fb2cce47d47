"""How long each kind of step may take and how it is tried again. Options have names so that `run()` reads as prose.

Transient errors are tried again with back-off until the bound; permanent ones (computed from the tree in `stack/errors.py`) end the step
at once. Cancelled steps are awaited until they have really stopped, so that two attempts never write at the same time.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Final, NotRequired, TypedDict

from temporalio.common import RetryPolicy
from temporalio.workflow import ActivityCancellationType

from stack.errors import permanent_names

RETRY: Final = RetryPolicy(
    initial_interval=timedelta(milliseconds=200),
    backoff_coefficient=2,
    maximum_interval=timedelta(seconds=5),
    non_retryable_error_types=permanent_names(),
)


class Policy(TypedDict):
    """Keyword options of one kind of step; the step itself adds its summary."""

    start_to_close_timeout: timedelta
    retry_policy: RetryPolicy
    cancellation_type: ActivityCancellationType
    schedule_to_close_timeout: NotRequired[timedelta]
    heartbeat_timeout: NotRequired[timedelta]


OUTAGE: Final = timedelta(hours=2)
"""How long a step goes on trying while a service that it needs is away. Whatever is wrong with the stack itself ends much earlier."""

HEARTBEAT: Final = timedelta(seconds=10)
"""A worker that is lost is noticed after this long."""


def _bounded(attempt: timedelta, whole: timedelta | None, *, waits: bool = False, retry: RetryPolicy = RETRY) -> Policy:
    config = Policy(
        start_to_close_timeout=attempt,
        retry_policy=retry,
        cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    )
    if whole is not None:
        config["schedule_to_close_timeout"] = whole
    if waits:
        config["heartbeat_timeout"] = HEARTBEAT
    return config


QUICK: Final = _bounded(timedelta(seconds=15), OUTAGE)
"""A few calls that answer at once."""

ASK: Final = _bounded(timedelta(minutes=2), OUTAGE, waits=True, retry=replace(RETRY, maximum_interval=timedelta(seconds=30)))
"""Questions to the forge, which counts them."""

PREPARE: Final = _bounded(timedelta(minutes=3), OUTAGE, waits=True)
"""Calls that may first have to wait: for a namespace that is still Terminating, or for a lock."""

TEMPLATE: Final = _bounded(timedelta(minutes=10), OUTAGE, waits=True)
"""Making the template databases of a Temporal version, once per version."""

ROLLOUT: Final = _bounded(timedelta(minutes=30), OUTAGE, waits=True)
"""Waiting for workloads; the stack file's own deadlines end it much earlier."""

VERIFY: Final = _bounded(timedelta(minutes=2), OUTAGE, waits=True)
"""Looking at the running preview from outside."""

DELETE: Final = _bounded(timedelta(minutes=2), None, waits=True)
"""Taking things away: tried again until they are seen gone, however long that takes."""

SURVEY: Final = _bounded(timedelta(minutes=5), timedelta(minutes=10), waits=True)
"""Looking at everything. A clean-up that finds nothing out gives up: the next one begins afresh."""

CLEAN: Final = _bounded(timedelta(minutes=1), timedelta(minutes=3), waits=True)
"""Another look at one namespace, and a request or a few statements."""
