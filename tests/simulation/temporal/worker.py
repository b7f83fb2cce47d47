"""The worker's processes: they run attempts of activities in the SDK's activity context, hold workflow instances, and get lost."""

import asyncio
import contextvars
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, Final

from temporalio import activity
from temporalio.activity import ActivityCancellationDetails, Info
from temporalio.api.failure.v1 import Failure
from temporalio.common import Priority
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.testing import ActivityEnvironment

from tests.simulation.lives import LIFE, WRITER, Life, Writer
from tests.simulation.temporal.activity import Activity, Server
from tests.simulation.temporal.instances import NAMESPACE, TASK_QUEUE

THROTTLE: Final = timedelta(seconds=1)
"""As worker.py has it: heartbeats are sent at most this often, and a cancellation is learnt by their answers."""
CONVERTER: Final = pydantic_data_converter.payload_converter
FAILURES: Final = pydantic_data_converter.failure_converter


class Attempt:
    """One attempt of an activity in one process."""

    def __init__(self, server: Server, life: Life, task: Activity, function: Callable[..., Any]) -> None:
        self._server, self.life, self._activity, self._number = server, life, task, task.attempt
        self._function = function
        self._environment = ActivityEnvironment()
        self._environment.info = self._info()
        self._environment.payload_converter = CONVERTER
        self._environment.on_heartbeat = self._heartbeat
        self._unsent: tuple[Any, ...] | None = None
        self._sent_at = -THROTTLE.total_seconds()
        self._sending = False
        self._cancelled_by_server = False
        context = contextvars.copy_context()
        context.run(LIFE.set, life)
        loop = asyncio.get_running_loop()
        self.task = loop.create_task(self._run(), name=f"{task.type} attempt {self._number} in process {life.number}", context=context)

    async def _run(self) -> None:
        """Reports how it ended; to a report of a process that is gone or cut off nobody listens."""
        report: Callable[[], None]
        try:
            arguments = self._arguments()
            WRITER.set(Writer(self._activity.type, tuple(arguments), self.life, self._is_awaited))
            result = CONVERTER.to_payload(await self._environment.run(self._function, *arguments))
            report = lambda: self._activity.complete(self._number, result)  # noqa: E731
        except asyncio.CancelledError:
            if not self.life.alive:
                raise
            failure = self._failure(CancelledError("Cancelled"))
            report = self._cancelled(failure) if self._cancelled_by_server else self._failed(failure)
        except Exception as error:
            report = self._failed(self._failure(error))
        self._server.later(self._server.delay(f"report of {self._activity.type}", 0.01, 1.0), self._tell, report)

    def _cancelled(self, failure: Failure) -> Callable[[], None]:
        return lambda: self._activity.report_cancelled(self._number, failure)

    def _failed(self, failure: Failure) -> Callable[[], None]:
        return lambda: self._activity.fail(self._number, failure)

    def _tell(self, report: Callable[[], None]) -> None:
        if self.life.counts:
            self._flush()
            report()

    def _is_awaited(self) -> bool:
        return self.life.counts and self._activity.awaits(self._number)

    def _failure(self, error: BaseException) -> Failure:
        failure = Failure()
        FAILURES.to_failure(error.with_traceback(None), CONVERTER, failure)
        return failure

    def _arguments(self) -> list[Any]:
        definition = activity._Definition.must_from_callable(self._function)
        return CONVERTER.from_payloads(self._activity.arguments, definition.arg_types)

    def _heartbeat(self, *details: Any) -> None:
        self._unsent = details
        if self._sending or not self.life.alive:
            return
        self._sending = True
        wait = max(0.0, self._sent_at + THROTTLE.total_seconds() - asyncio.get_running_loop().time())
        self._server.later(wait + self._server.delay(f"heartbeat of {self._activity.type}", 0.02, 0.5), self._send)

    def _send(self) -> None:
        self._sending, self._sent_at = False, asyncio.get_running_loop().time()
        if self.life.counts and not self.task.done():
            self._flush()

    def _flush(self) -> None:
        """Sends what has not been sent. The answer may be that the activity is to be cancelled, or that nobody knows it any more."""
        if self._unsent is None:
            return
        details = CONVERTER.from_payloads(CONVERTER.to_payloads(self._unsent))
        self._unsent = None
        answer = self._activity.beat(self._number, tuple(details))
        if answer != "go on" and not self.task.done():
            self._cancelled_by_server = True
            reason = ActivityCancellationDetails(cancel_requested=answer == "cancel", not_found=answer == "not found")
            self._environment.cancel(reason)

    def lose(self) -> None:
        """The process is gone: whatever its code does from now on reaches nobody (see lives.py)."""
        self.task.cancel()

    def _info(self) -> Info:
        task, now = self._activity, self._server.now()
        return Info(
            activity_id=task.id,
            activity_type=task.type,
            attempt=task.attempt,
            current_attempt_scheduled_time=task.attempt_scheduled_at,
            heartbeat_details=list(task.details),
            heartbeat_timeout=task.heartbeat_timeout,
            is_local=False,
            namespace=NAMESPACE,
            schedule_to_close_timeout=task.whole,
            scheduled_time=task.scheduled_at,
            start_to_close_timeout=task.start_to_close,
            started_time=now,
            task_queue=TASK_QUEUE,
            task_token=f"{task.run.run_id}/{task.id}/{task.attempt}".encode(),
            workflow_id=task.run.workflow_id,
            workflow_namespace=NAMESPACE,
            workflow_run_id=task.run.run_id,
            workflow_type=task.run.workflow_type,
            priority=Priority.default,
            retry_policy=task.policy,
        )


class Worker:
    """One process at a time takes tasks; those before it are dead, or cut off and still at work."""

    def __init__(self, server: Server, activities: Iterable[Callable[..., Any]]) -> None:
        self._server = server
        self._functions = {activity._Definition.must_from_callable(each).name: each for each in activities}
        self.life = Life(1)
        self._attempts: list[Attempt] = []
        self._waiting: list[Callable[[], None]] = []
        self._away = False
        self.when_lost: Callable[[Life], None] = lambda life: None
        """Told of every process that is killed or cut off."""
        self.on_step: Callable[[str], None] = lambda what: None
        """Told of every attempt that begins, and that has ended."""

    def when_there(self, then: Callable[[], None]) -> None:
        """At once, or as soon as there is a process that takes tasks."""
        if self._away:
            self._waiting.append(then)
        else:
            then()

    def run(self, task: Activity) -> None:
        """Begins an attempt."""
        self._attempts = [attempt for attempt in self._attempts if not attempt.task.done()]
        if (function := self._functions.get(task.type)) is None:
            raise ApplicationError(f"Activity function {task.type} is not registered on this worker")
        task.started()
        self.on_step(f"{task.type} begins")
        self._attempts.append(Attempt(self._server, self.life, task, function))
        self._attempts[-1].task.add_done_callback(lambda _: self.on_step(f"{task.type} has ended"))

    def kill(self, away: float) -> None:
        """kill -9; a new process takes over after `away` seconds."""
        lost = self.life
        lost.alive = False
        for attempt in self._attempts:
            if attempt.life is lost:
                attempt.lose()
        self._replace(lost, away)

    def cut_off(self, away: float) -> None:
        """Temporal does not hear from the process any more, which goes on with what it has begun."""
        lost = self.life
        lost.reachable = False
        self._replace(lost, away)

    def kill_all(self) -> None:
        """Also those that were cut off: none writes anything from now on."""
        for attempt in self._attempts:
            attempt.life.alive = False
            attempt.lose()

    def _replace(self, lost: Life, away: float) -> None:
        self._away, self.life = True, Life(lost.number + 1)
        self.when_lost(lost)
        self._server.later(away, self._come_back, self.life)

    def _come_back(self, life: Life) -> None:
        if life is self.life:
            self._away = False
            waiting, self._waiting = self._waiting, []
            for then in waiting:
                then()

    @property
    def is_there(self) -> bool:
        return not self._away
