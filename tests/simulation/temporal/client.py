"""A client: the part of temporalio.client.Client that the command line and the workers' own steps use, with the network in between."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio.api.common.v1 import Memo, SearchAttributes
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.bridge.proto.workflow_activation import SignalWorkflow
from temporalio.client import WorkflowExecutionStatus, WorkflowFailureError, WorkflowQueryFailedError
from temporalio.common import TypedSearchAttributes, WorkflowIDConflictPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, decode_typed_search_attributes, encode_search_attributes
from temporalio.exceptions import CancelledError, TerminatedError
from temporalio.service import RPCError, RPCStatusCode

from tests.simulation.temporal.run import Run
from tests.simulation.temporal.service import Service
from tests.simulation.temporal.worker import CONVERTER, FAILURES

STATUS = {
    "running": WorkflowExecutionStatus.RUNNING,
    "completed": WorkflowExecutionStatus.COMPLETED,
    "failed": WorkflowExecutionStatus.FAILED,
    "cancelled": WorkflowExecutionStatus.CANCELED,
    "terminated": WorkflowExecutionStatus.TERMINATED,
    "continued": WorkflowExecutionStatus.CONTINUED_AS_NEW,
}


@dataclass(frozen=True)
class Description:
    """What `describe` and `list_workflows` tell of a run."""

    id: str
    run_id: str
    workflow_type: str
    status: WorkflowExecutionStatus
    typed_search_attributes: TypedSearchAttributes
    raw_description: DescribeWorkflowExecutionResponse
    """The pending activities are in it, nothing else."""
    data_converter: DataConverter = pydantic_data_converter


class SimulatedHandle:
    """Of the chain of runs under one workflow ID; `result` follows the chain from the run that the handle was made for."""

    def __init__(self, service: Service, workflow_id: str, run: Run | None, result_type: Any) -> None:
        self._service, self.id, self._run, self._result_type = service, workflow_id, run, result_type

    async def query(self, query: str, *arguments: Any, result_type: Any = None, rpc_timeout: timedelta | None = None) -> Any:
        await self._travel()
        answer = await self._service.query(self._latest(), query, CONVERTER.to_payloads(arguments))
        if answer.HasField("failed"):
            raise WorkflowQueryFailedError(answer.failed.message)
        await self._travel()
        return CONVERTER.from_payload(answer.succeeded.response, result_type)

    async def result(self) -> Any:
        """Raises WorkflowFailureError as the real one does."""
        run = self._run or self._latest()
        while True:
            await run.closed.wait()
            if run.continued_as is None:
                break
            run = run.continued_as
        await self._travel()
        if run.status == "completed":
            assert run.result is not None
            return CONVERTER.from_payload(run.result, self._result_type)
        raise WorkflowFailureError(cause=_cause(run))

    async def cancel(self) -> None:
        await self._travel()
        self._service.cancel(self.id)

    async def terminate(self, reason: str | None = None) -> None:
        await self._travel()
        self._service.terminate(self.id)

    async def describe(self, **_more: Any) -> Description:
        await self._travel()
        return describe(self._latest())

    async def signal(self, signal: str, argument: Any) -> None:
        await self._travel()
        if (run := self._service.open_run(self.id)) is None:
            raise RPCError("workflow execution already completed", RPCStatusCode.NOT_FOUND, b"")
        self._service.signal_with_start(self.id, run.workflow_type, [], SearchAttributes(), _signal(signal, [argument]))

    def _latest(self) -> Run:
        if (run := self._service.latest_run(self.id)) is None:
            raise RPCError(f"workflow not found for ID: {self.id}", RPCStatusCode.NOT_FOUND, b"")
        return run

    async def _travel(self) -> None:
        await asyncio.sleep(self._service.delay("client", 0.01, 0.5))


class SimulatedClient:
    """Given to product code in place of a Client."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.arrived: list[Any] = []
        """What was signalled, in the order in which it came."""

    async def start_workflow(
        self,
        workflow: str,
        argument: Any,
        *,
        id: str,  # noqa: A002 (the SDK's own word)
        task_queue: str,
        start_signal: str | None = None,
        start_signal_args: Sequence[Any] = (),
        id_conflict_policy: WorkflowIDConflictPolicy,
        search_attributes: TypedSearchAttributes | None = None,
        result_type: Any = None,
        **_words_for_people_and_policies: Any,
    ) -> SimulatedHandle:
        """USE_EXISTING, which is the only way that this project starts runs."""
        assert id_conflict_policy == WorkflowIDConflictPolicy.USE_EXISTING
        attributes = SearchAttributes()
        encode_search_attributes(search_attributes or TypedSearchAttributes.empty, attributes)
        arguments = CONVERTER.to_payloads([argument])
        await asyncio.sleep(self._service.delay("client", 0.01, 0.5))
        if start_signal is not None:
            signal = _signal(start_signal, start_signal_args)
            self.arrived.extend(start_signal_args)
            run = self._service.signal_with_start(id, workflow, arguments, attributes, signal)
        else:
            run = self._service.open_run(id) or self._service.start(id, workflow, arguments, attributes, memo=Memo())
        return SimulatedHandle(self._service, id, run, result_type)

    def get_workflow_handle(self, workflow_id: str, *, result_type: Any = None, **_more: Any) -> SimulatedHandle:
        return SimulatedHandle(self._service, workflow_id, None, result_type)

    async def list_workflows(self, query: str = "", **_more: Any) -> AsyncIterator[Description]:
        """Every latest run; the query is not understood, so that callers must look at what they get."""
        latest = {run.workflow_id: run for run in self._service.runs}
        for run in latest.values():
            if run.is_open or "Running" not in query:
                yield describe(run)


def describe(run: Run) -> Description:
    found = decode_typed_search_attributes(run.search_attributes)
    raw = DescribeWorkflowExecutionResponse(pending_activities=run.pending_activities)
    return Description(run.workflow_id, run.run_id, run.workflow_type, STATUS[run.status], found, raw)


def _signal(name: str, arguments: Sequence[Any]) -> SignalWorkflow:
    return SignalWorkflow(signal_name=name, input=CONVERTER.to_payloads(arguments))


def _cause(run: Run) -> BaseException:
    if run.status == "cancelled":
        return CancelledError("Workflow cancelled")
    if run.status == "terminated":
        return TerminatedError("Workflow terminated")
    assert run.failure is not None
    return FAILURES.from_failure(run.failure, CONVERTER)
