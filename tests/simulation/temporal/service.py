"""The service: open runs by workflow ID, events, workflow tasks, and the end of runs."""

import asyncio
import contextvars
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from temporalio.api.common.v1 import Memo, Payload, SearchAttributes
from temporalio.api.failure.v1 import Failure, TerminatedFailureInfo
from temporalio.bridge.proto.activity_result import ActivityResolution
from temporalio.bridge.proto.workflow_activation import (
    CancelWorkflow,
    ResolveActivity,
    SignalWorkflow,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import QueryResult
from temporalio.service import RPCError, RPCStatusCode

from tests.simulation.chance import Chance
from tests.simulation.clock import VirtualLoop
from tests.simulation.temporal.activity import Activity
from tests.simulation.temporal.commands import Commands
from tests.simulation.temporal.instances import Instances, initialize
from tests.simulation.temporal.run import Run, Status
from tests.simulation.temporal.tasks import Tasks
from tests.simulation.temporal.worker import Worker

QUERY_SECONDS: Final = 5.0
"""As the command line has it: a query that no worker answers for so long fails."""


class Service:
    """What clients can ask, and (for `Activity` and the other parts) time, chance and the worker."""

    def __init__(self, workflows: Iterable[type], activities: Iterable[Callable[..., Any]], chance: Chance) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop, self._chance = loop, chance
        self._context = contextvars.copy_context()
        self.runs: list[Run] = []
        self.signals = 0
        self.instances = Instances(workflows)
        self.worker = Worker(self, activities)
        self.tasks = Tasks(self)
        self._commands = Commands(self)

    def now(self) -> datetime:
        return self._loop.utc_now()

    def later(self, seconds: float, then: Callable[..., None], *arguments: Any) -> asyncio.TimerHandle:
        """In a context of its own: nothing of who asked for it is left then."""
        return self._loop.call_later(seconds, then, *arguments, context=self._context.copy())

    def delay(self, subject: str, usual: float, long: float = 0.0) -> float:
        return self._chance.delay(subject, usual, long)

    def open_run(self, workflow_id: str) -> Run | None:
        """At most one, by construction."""
        return next((run for run in reversed(self.runs) if run.workflow_id == workflow_id and run.is_open), None)

    def latest_run(self, workflow_id: str) -> Run | None:
        return next((run for run in reversed(self.runs) if run.workflow_id == workflow_id), None)

    def signal_with_start(
        self, workflow_id: str, workflow_type: str, arguments: Sequence[Payload], attributes: SearchAttributes, signal: SignalWorkflow
    ) -> Run:
        """USE_EXISTING: an open run of any type takes the signal."""
        run = self.open_run(workflow_id) or self.start(workflow_id, workflow_type, arguments, attributes, memo=Memo())
        self.signals += 1
        signal.originating_event_id = self.signals
        self.event(run, WorkflowActivationJob(signal_workflow=signal))
        return run

    def start(
        self,
        workflow_id: str,
        workflow_type: str,
        arguments: Sequence[Payload],
        attributes: SearchAttributes,
        *,
        memo: Memo,
        after: Run | None = None,
    ) -> Run:
        """A new run; `after` is the one that continues as it."""
        assert self.open_run(workflow_id) is None, f"two open runs of {workflow_id}"
        run_id = f"{workflow_id}#{len(self.runs) + 1}"
        run = Run(
            workflow_id,
            run_id,
            workflow_type,
            after.first_run_id if after else run_id,
            self.now(),
            tuple(arguments),
            attributes,
            memo,
            continued_from=after.run_id if after else "",
        )
        run.search_attributes.CopyFrom(attributes)
        self.runs.append(run)
        self.event(run, initialize(run))
        return run

    def event(self, run: Run, job: WorkflowActivationJob) -> None:
        """Something happened that the workflow is to be told."""
        if run.is_open:
            run.arrived.append(job)
            self.tasks.schedule(run)

    def cancel(self, workflow_id: str) -> None:
        self.event(self._found_open(workflow_id), WorkflowActivationJob(cancel_workflow=CancelWorkflow(reason="an operator")))

    def terminate(self, workflow_id: str) -> None:
        failure = Failure(message="terminated", terminated_failure_info=TerminatedFailureInfo())
        self.close(self._found_open(workflow_id), "terminated", failure=failure)

    def close(self, run: Run, status: Status, *, result: Payload | None = None, failure: Failure | None = None) -> None:
        """The run has ended: its timers and activities are nobody's any more."""
        run.status, run.result, run.failure = status, result, failure
        for timer in run.timers.values():
            timer.cancel()
        for activity in run.activities.values():
            activity.abandon()
        run.timers, run.activities, run.arrived = {}, {}, []
        self.tasks.forget(run)
        run.closed.set()

    async def query(self, run: Run, query: str, arguments: Sequence[Payload]) -> QueryResult:
        """Answered by a worker once all events before it are dealt with; a closed run is rebuilt for it from its history."""
        deadline = self._loop.time() + QUERY_SECONDS
        while not (self.worker.is_there and (run.is_quiet or not run.is_open)):
            if self._loop.time() > deadline:
                raise RPCError("query timed out", RPCStatusCode.DEADLINE_EXCEEDED, b"")
            await asyncio.sleep(0.05)
        if not run.history:
            raise RPCError("workflow is not ready to handle the request", RPCStatusCode.FAILED_PRECONDITION, b"")
        return self.tasks.ask(run, query, arguments)

    def resolved(self, activity: Activity, resolution: ActivityResolution) -> None:
        run = activity.run
        if run.activities.pop(activity.seq, None) is not None:
            self.event(run, WorkflowActivationJob(resolve_activity=ResolveActivity(seq=activity.seq, result=resolution)))

    def give_to_worker(self, activity: Activity) -> None:
        self.worker.when_there(lambda: self.worker.run(activity) if activity.state == "waiting" else None)

    def carry_out(self, run: Run, commands: Sequence[Any]) -> None:
        self._commands.carry_out(run, commands)

    def end(self) -> None:
        """The simulation is over: nothing is left running, no instance in a cache."""
        self.worker.kill_all()
        for run in self.runs:
            self.tasks.forget(run)

    def _found_open(self, workflow_id: str) -> Run:
        if (run := self.open_run(workflow_id)) is None:
            raise RPCError("workflow execution already completed", RPCStatusCode.NOT_FOUND, b"")
        return run
