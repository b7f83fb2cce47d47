"""Workflow instances in the SDK's own runtime: made, told what happened, replayed, taken down."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final

from temporalio import workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.bridge.proto.workflow_activation import (
    InitializeWorkflow,
    NotifyHasPatch,
    QueryWorkflow,
    RemoveFromCache,
    WorkflowActivation,
    WorkflowActivationJob,
)
from temporalio.bridge.proto.workflow_commands import QueryResult, WorkflowCommand
from temporalio.bridge.proto.workflow_completion import Success
from temporalio.common import Priority
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import decode_search_attributes, decode_typed_search_attributes
from temporalio.worker._workflow_instance import UnsandboxedWorkflowRunner, WorkflowInstance, WorkflowInstanceDetails

from tests.simulation.temporal.run import Run, Task

NAMESPACE: Final = "default"
TASK_QUEUE: Final = "deployments"


class NondeterminismError(Exception):
    """A replay commanded something else than the history has."""


class WorkflowTaskError(Exception):
    """Workflow code raised what it must not: the real server would try the task again for ever."""


class Instances:
    """Makes and drives the instances of the registered workflows."""

    def __init__(self, workflows: Iterable[type]) -> None:
        definitions = [workflow._Definition.must_from_class(each) for each in workflows]
        self._definitions = {definition.name: definition for definition in definitions}
        # The sandbox loads the workflow's modules anew for each instance: thousands of instances would take hours. That our workflows obey
        # it is proved where the worker's own sandbox runs them: tests/workflows and tests/replay.
        self._runner = UnsandboxedWorkflowRunner()

    def build(self, run: Run) -> WorkflowInstance:
        """A new instance that has been through the run's history. Raises NondeterminismError."""
        instance = self._runner.create_instance(self._details(run))
        flags: frozenset[int] = frozenset()
        for number, task in enumerate(run.history):
            flags |= task.flags
            jobs = [*_patches(task.commands), *task.jobs]
            commands = tuple(self._activate(run, instance, jobs, task.at, flags, replaying=True).commands)
            _compare(run, number, commands, task.commands)
        return instance

    def perform(self, run: Run, instance: WorkflowInstance, jobs: Sequence[WorkflowActivationJob], at: datetime) -> Task:
        """Tells the instance what happened; returns what it wants done. Raises WorkflowTaskError."""
        success = self._activate(run, instance, jobs, at, run.flags)
        return Task(at, tuple(jobs), tuple(success.commands), frozenset(success.used_internal_flags))

    def _activate(
        self,
        run: Run,
        instance: WorkflowInstance,
        jobs: Sequence[WorkflowActivationJob],
        at: datetime,
        flags: frozenset[int],
        *,
        replaying: bool = False,
    ) -> Success:
        activation = WorkflowActivation(
            run_id=run.run_id,
            is_replaying=replaying,
            jobs=jobs,
            history_length=len(run.history) * 4 + 3,
            available_internal_flags=sorted(flags),
        )
        activation.timestamp.FromDatetime(at)
        loop = asyncio.get_running_loop()
        try:
            completion = instance.activate(activation)
        finally:
            asyncio._set_running_loop(loop)  # the instance is a loop itself and leaves none behind
        if completion.HasField("failed"):
            failure = completion.failed.failure
            raise WorkflowTaskError(f"{run.workflow_type} {run.run_id}: {failure.message}\n{failure.stack_trace}")
        return completion.successful

    def ask(self, run: Run, instance: WorkflowInstance, query: str, arguments: Sequence[Payload], at: datetime) -> QueryResult:
        """The answer to a query."""
        job = WorkflowActivationJob(query_workflow=QueryWorkflow(query_id="query", query_type=query, arguments=arguments))
        (command,) = self._activate(run, instance, [job], at, run.flags).commands
        return command.respond_to_query

    def drop(self, run: Run, instance: WorkflowInstance, at: datetime) -> None:
        """Takes the instance out of the cache; its tasks must come to an end by that, as the SDK requires."""
        self._activate(run, instance, [WorkflowActivationJob(remove_from_cache=RemoveFromCache())], at, run.flags, replaying=True)

    def _details(self, run: Run) -> WorkflowInstanceDetails:
        return WorkflowInstanceDetails(
            payload_converter_factory=pydantic_data_converter._new_payload_converter,
            failure_converter_class=pydantic_data_converter.failure_converter_class,
            interceptor_classes=[],
            defn=self._definitions[run.workflow_type],
            info=_info(run),
            randomness_seed=seed_of(run),
            extern_functions={},
            disable_eager_activity_execution=True,
            worker_level_failure_exception_types=[],
            patch_activation_callback=None,
            last_completion_result=Payloads(),
            last_failure=None,
        )


def initialize(run: Run) -> WorkflowActivationJob:
    """The first thing that a run is told."""
    job = InitializeWorkflow(
        workflow_type=run.workflow_type,
        workflow_id=run.workflow_id,
        arguments=run.arguments,
        randomness_seed=seed_of(run),
        first_execution_run_id=run.first_run_id,
        continued_from_execution_run_id=run.continued_from,
        memo=run.memo,
        search_attributes=run.started_attributes,
        attempt=1,
    )
    job.start_time.FromDatetime(run.started_at)
    return WorkflowActivationJob(initialize_workflow=job)


def seed_of(run: Run) -> int:
    return int.from_bytes(blake2b(run.run_id.encode(), digest_size=7).digest(), "big")


def _info(run: Run) -> workflow.Info:
    more: dict[str, Any] = {"headers": {}, "parent": None, "root": None, "retry_policy": None, "cron_schedule": None}
    return workflow.Info(
        attempt=1,
        continued_run_id=run.continued_from or None,
        execution_timeout=None,
        first_execution_run_id=run.first_run_id,
        namespace=NAMESPACE,
        original_execution_run_id=run.run_id,
        raw_memo=dict(run.memo.fields),
        run_id=run.run_id,
        run_timeout=None,
        search_attributes=decode_search_attributes(run.started_attributes),
        start_time=run.started_at,
        workflow_start_time=run.started_at,
        task_queue=TASK_QUEUE,
        task_timeout=timedelta(seconds=10),
        typed_search_attributes=decode_typed_search_attributes(run.started_attributes),
        workflow_id=run.workflow_id,
        workflow_type=run.workflow_type,
        priority=Priority.default,
        **more,
    )


def _patches(commands: Iterable[WorkflowCommand]) -> list[WorkflowActivationJob]:
    """The SDK's core looks ahead for markers, so that `patched` answers on replay as it did the first time."""
    ids = [command.set_patch_marker.patch_id for command in commands if command.HasField("set_patch_marker")]
    return [WorkflowActivationJob(notify_has_patch=NotifyHasPatch(patch_id=each)) for each in ids]


def _compare(run: Run, number: int, now: tuple[WorkflowCommand, ...], then: tuple[WorkflowCommand, ...]) -> None:
    """Stricter than the SDK's core, which looks at types and names only: inputs must be the same too."""
    if now == then:
        return
    told = "\n".join(f"{word}: {' | '.join(map(_words, commands)) or 'nothing'}" for word, commands in (("history", then), ("replay", now)))
    raise NondeterminismError(f"{run.workflow_type} {run.run_id}, workflow task {number}:\n{told}")


def _words(command: WorkflowCommand) -> str:
    return " ".join(str(command).split())[:400]
