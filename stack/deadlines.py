"""How long a stack may take to become ready, from its stack file."""

from datetime import timedelta
from typing import Final

from stack.names import WORKER_CONTAINER
from stack.stackfile import Process, Readiness, StackFile

PULLS_AND_SERVER: Final = timedelta(minutes=7)
"""What comes before the application's own containers can be ready: images are pulled, temporal-server starts."""


def readiness_deadlines(stack: StackFile) -> dict[str, timedelta]:
    """Container → how long it may run without being ready, for the application's containers."""
    return {container.name: _deadline(container) for container in stack.webapp.containers} | {
        WORKER_CONTAINER: _deadline(stack.temporal.worker)
    }


def rollout_limit(stack: StackFile) -> timedelta:
    """After this long a stack that was only ever waited for has failed."""
    return max(readiness_deadlines(stack).values()) + PULLS_AND_SERVER


def _deadline(process: Process) -> timedelta:
    return (process.readiness or Readiness()).deadline
