"""What the open steps of a run wait for: the last failure of a step that is tried again, or what it says while it works."""

from datetime import timedelta
from typing import Any, Final

from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import WorkflowHandle

from stack.errors import cut

LIMIT: Final = 160
"""Characters of one step's sentence: it is one line of a terminal."""


async def waits(handle: WorkflowHandle[Any, Any]) -> str:
    """One sentence for each step that has something to say; empty when there is nothing. Raises RPCError."""
    description = await handle.describe(rpc_timeout=timedelta(seconds=5))
    sentences = []
    for step in description.raw_description.pending_activities:
        if step.HasField("last_failure"):
            sentences.append(f"{_name(step)} waits, try {step.attempt}: {cut(_cause(step), LIMIT)}")
        elif step.heartbeat_details.payloads:
            told = await description.data_converter.decode(step.heartbeat_details.payloads[:1])
            sentences.append(cut(str(told[0]), LIMIT))
    return " · ".join(sentences)


def _name(step: PendingActivityInfo) -> str:
    return step.activity_type.name.replace("_", " ")


def _cause(step: PendingActivityInfo) -> str:
    """A step that was lost with its worker has no better words than those of the server."""
    return step.last_failure.message or "the worker was lost"
