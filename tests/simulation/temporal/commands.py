"""What a workflow wants done, carried out when its task is accepted."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from temporalio.api.common.v1 import Memo, Payload, SearchAttributes
from temporalio.bridge.proto.workflow_activation import FireTimer, WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import (
    CancelTimer,
    CompleteWorkflowExecution,
    ContinueAsNewWorkflowExecution,
    FailWorkflowExecution,
    ModifyWorkflowProperties,
    RequestCancelActivity,
    ScheduleActivity,
    StartTimer,
    UpsertWorkflowSearchAttributes,
    WorkflowCommand,
)

from tests.simulation.temporal.activity import Activity
from tests.simulation.temporal.run import Run

if TYPE_CHECKING:
    from tests.simulation.temporal.service import Service

NULL = b"binary/null"
"""Encoding of a search attribute that is taken away."""


class Commands:
    """One method per command. A command without one is a KeyError: this project has not needed it yet."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self._methods: dict[str, Callable[[Run, Any], None]] = {
            "schedule_activity": self._schedule_activity,
            "request_cancel_activity": self._request_cancel_activity,
            "start_timer": self._start_timer,
            "cancel_timer": self._cancel_timer,
            "set_patch_marker": lambda run, command: None,
            "upsert_workflow_search_attributes": self._upsert,
            "modify_workflow_properties": self._modify,
            "complete_workflow_execution": self._complete,
            "fail_workflow_execution": self._fail,
            "cancel_workflow_execution": lambda run, command: self._service.close(run, "cancelled"),
            "continue_as_new_workflow_execution": self._continue,
        }

    def carry_out(self, run: Run, commands: Sequence[WorkflowCommand]) -> None:
        for command in commands:
            variant = command.WhichOneof("variant")
            assert variant is not None
            self._methods[variant](run, getattr(command, variant))

    def _schedule_activity(self, run: Run, command: ScheduleActivity) -> None:
        run.activities[command.seq] = Activity(self._service, run, command)

    def _request_cancel_activity(self, run: Run, command: RequestCancelActivity) -> None:
        if (activity := run.activities.get(command.seq)) is not None:
            activity.request_cancel()

    def _start_timer(self, run: Run, command: StartTimer) -> None:
        seconds = command.start_to_fire_timeout.ToTimedelta().total_seconds()
        run.timers[command.seq] = self._service.later(seconds, self._fire, run, command.seq)

    def _fire(self, run: Run, seq: int) -> None:
        if run.timers.pop(seq, None) is not None:
            self._service.event(run, WorkflowActivationJob(fire_timer=FireTimer(seq=seq)))

    def _cancel_timer(self, run: Run, command: CancelTimer) -> None:
        """One that has just fired is taken out of what the workflow is going to be told."""
        timer: asyncio.TimerHandle | None = run.timers.pop(command.seq, None)
        if timer is not None:
            timer.cancel()
        run.arrived = [job for job in run.arrived if not (job.HasField("fire_timer") and job.fire_timer.seq == command.seq)]

    def _upsert(self, run: Run, command: UpsertWorkflowSearchAttributes) -> None:
        _merge(run.search_attributes.indexed_fields, command.search_attributes.indexed_fields)

    def _modify(self, run: Run, command: ModifyWorkflowProperties) -> None:
        _merge(run.memo.fields, command.upserted_memo.fields)

    def _complete(self, run: Run, command: CompleteWorkflowExecution) -> None:
        self._service.close(run, "completed", result=command.result)

    def _fail(self, run: Run, command: FailWorkflowExecution) -> None:
        self._service.close(run, "failed", failure=command.failure)

    def _continue(self, run: Run, command: ContinueAsNewWorkflowExecution) -> None:
        """What the command leaves out is as the run was started with, which is how the SDK's core fills it in."""
        attributes, memo = SearchAttributes(), Memo()
        attributes.CopyFrom(command.search_attributes if command.search_attributes.indexed_fields else run.started_attributes)
        memo.fields.MergeFrom(command.memo or run.memo.fields)
        self._service.close(run, "continued")
        run.continued_as = self._service.start(
            run.workflow_id, command.workflow_type or run.workflow_type, command.arguments, attributes, memo=memo, after=run
        )


def _merge(fields: Any, changes: Any) -> None:
    """Into a map of payloads, in place."""
    change: Payload
    for name, change in changes.items():
        if change.metadata.get("encoding") == NULL:
            fields.pop(name, None)
        else:
            fields[name].CopyFrom(change)
