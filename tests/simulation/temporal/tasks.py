"""Workflow tasks: from the first event that waits to the commands that are accepted."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from temporalio.api.common.v1 import Payload
from temporalio.bridge.proto.workflow_activation import WorkflowActivationJob
from temporalio.bridge.proto.workflow_commands import QueryResult
from temporalio.worker._workflow_instance import WorkflowInstance

from tests.simulation.lives import Life
from tests.simulation.temporal.run import Run, Task, closing_command

if TYPE_CHECKING:
    from tests.simulation.temporal.service import Service

LOST_SECONDS: Final = 10.0
"""Workflow task timeout, and how long the server keeps a task for the worker that has the run in its cache."""


class Tasks:
    """At most one workflow task per run is scheduled or started."""

    def __init__(self, service: "Service") -> None:
        self._service = service
        self.count: Counter[str] = Counter()
        """How often what happened: completed, unhandled (a closing was refused because of new events), lost, replayed."""
        service.worker.when_lost = self._lose

    def schedule(self, run: Run) -> None:
        """A task for the events that wait, if none is under way."""
        if run.task == "none":
            run.task = "scheduled"
            self._service.later(self._wait(run), self._offer, run)

    def forget(self, run: Run) -> None:
        """The run is closed."""
        run.task = "none"
        self._evict(run)

    def ask(self, run: Run, query: str, arguments: Sequence[Payload]) -> QueryResult:
        instance = self._instance(run)
        try:
            return self._service.instances.ask(run, instance, query, arguments, self._service.now())
        finally:
            if not run.is_open:
                self._evict(run)

    def _wait(self, run: Run) -> float:
        """A run in the cache of a worker that is gone waits until the server notices."""
        delay = self._service.delay("workflow task", 0.02, 1.0)
        if run.held_by is None or run.held_by is self._service.worker.life:
            return delay
        run.held_by = None
        return delay + self._service.delay("workflow task of a lost worker", LOST_SECONDS)

    def _offer(self, run: Run) -> None:
        self._service.worker.when_there(lambda: self._start(run))

    def _start(self, run: Run) -> None:
        if run.task != "scheduled":
            return
        run.task = "started"
        jobs, run.arrived = tuple(run.arrived), []
        task = self._service.instances.perform(run, self._instance(run), jobs, self._service.now())
        life = self._service.worker.life
        self._service.later(self._service.delay("workflow task completion", 0.01, 0.5), self._complete, run, life, task)

    def _complete(self, run: Run, life: Life, task: Task) -> None:
        """A task that would close the run is refused if something arrived since it was started: UnhandledCommand."""
        if not run.is_open or run.task != "started":
            return
        if not life.counts:
            self.count["lost"] += 1
            self._service.later(LOST_SECONDS, self._again, run, task.jobs)
        elif closing_command(task.commands) and run.arrived:
            self.count["unhandled"] += 1
            self._evict(run)
            self._again(run, task.jobs)
        else:
            self._accept(run, task)

    def _accept(self, run: Run, task: Task) -> None:
        self.count["completed"] += 1
        run.history.append(task)
        run.task = "none"
        self._service.carry_out(run, task.commands)
        if run.is_open and run.arrived:
            self.schedule(run)

    def _again(self, run: Run, jobs: Sequence[WorkflowActivationJob]) -> None:
        """The events of a task that came to nothing are told again, together with what is new."""
        if run.is_open:
            run.arrived = [*jobs, *run.arrived]
            run.task = "none"
            self.schedule(run)

    def _instance(self, run: Run) -> WorkflowInstance:
        """From the cache, or rebuilt from the history."""
        if run.instance is None:
            if run.history:
                self.count["replayed"] += 1
            run.instance, run.held_by = self._service.instances.build(run), self._service.worker.life
        return run.instance

    def _lose(self, life: Life) -> None:
        """What a process had in its cache is gone with it; tasks that it had started are noticed when they are due."""
        for run in self._service.runs:
            if run.held_by is life:
                self._evict(run)

    def _evict(self, run: Run) -> None:
        if run.instance is not None:
            instance, run.instance = run.instance, None
            self._service.instances.drop(run, instance, self._service.now())
