"""One run of a workflow as the server knows it: its history, what has arrived since, and what is pending."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from temporalio.api.common.v1 import ActivityType, Memo, Payload, Payloads, SearchAttributes
from temporalio.api.enums.v1 import PendingActivityState
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.bridge.proto.workflow_activation import WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import WorkflowCommand
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker._workflow_instance import WorkflowInstance

from tests.simulation.lives import Life

if TYPE_CHECKING:
    from tests.simulation.temporal.activity import Activity

Status = Literal["running", "completed", "failed", "cancelled", "terminated", "continued"]
CLOSING = (
    "complete_workflow_execution",
    "fail_workflow_execution",
    "cancel_workflow_execution",
    "continue_as_new_workflow_execution",
)
"""Commands that close the run."""


@dataclass(frozen=True)
class Task:
    """One workflow task that was completed: what the workflow was told, when, and what it commanded then."""

    at: datetime
    jobs: tuple[WorkflowActivationJob, ...]
    commands: tuple[WorkflowCommand, ...]
    flags: frozenset[int]
    """Behaviours of the SDK that the task relied on: a replay must do the same, whatever the SDK's default is then."""


@dataclass(eq=False)
class Run:
    """Mutable state of one run."""

    workflow_id: str
    run_id: str
    workflow_type: str
    first_run_id: str
    started_at: datetime
    arguments: tuple[Payload, ...]
    started_attributes: SearchAttributes
    """Those that the run was started with: continue-as-new passes these on, not the ones that were upserted later."""
    memo: Memo
    continued_from: str = ""
    status: Status = "running"
    search_attributes: SearchAttributes = field(default_factory=SearchAttributes)
    history: list[Task] = field(default_factory=list)
    arrived: list[WorkflowActivationJob] = field(default_factory=list)
    """Events that no workflow task has been completed with."""
    task: Literal["none", "scheduled", "started"] = "none"
    instance: WorkflowInstance | None = None
    held_by: Life | None = None
    """The worker that has the run in its cache."""
    activities: "dict[int, Activity]" = field(default_factory=dict)
    timers: dict[int, asyncio.TimerHandle] = field(default_factory=dict)
    result: Payload | None = None
    failure: Failure | None = None
    continued_as: "Run | None" = None
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_open(self) -> bool:
        return self.status == "running"

    @property
    def is_quiet(self) -> bool:
        """No event waits and no workflow task is under way: what a query sees now is committed."""
        return self.task == "none" and not self.arrived

    @property
    def flags(self) -> frozenset[int]:
        """All that its tasks have relied on so far."""
        return frozenset().union(*(task.flags for task in self.history))

    @property
    def pending_activities(self) -> list[PendingActivityInfo]:
        """Those that have not ended."""
        return [_pending(activity) for activity in self.activities.values()]


def _pending(activity: "Activity") -> PendingActivityInfo:
    started = activity.state == "started"
    state = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED if started else PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED
    info = PendingActivityInfo(
        activity_id=activity.id,
        activity_type=ActivityType(name=activity.type),
        state=state,
        attempt=activity.attempt,
        last_failure=activity.last_failure,
        heartbeat_details=Payloads(payloads=pydantic_data_converter.payload_converter.to_payloads(activity.details)),
    )
    info.scheduled_time.FromDatetime(activity.attempt_scheduled_at)
    return info


def closing_command(commands: tuple[WorkflowCommand, ...]) -> WorkflowCommand | None:
    """The command that closes the run, if one is among them."""
    return next((command for command in commands if command.WhichOneof("variant") in CLOSING), None)
