"""One activity as the server knows it: its attempts, its time limits, its cancellation."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol, TypeAlias

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import RetryState, TimeoutType
from temporalio.api.failure.v1 import Failure
from temporalio.bridge.proto.activity_result import ActivityResolution, Cancellation, Success
from temporalio.bridge.proto.activity_result import Failure as Failed
from temporalio.bridge.proto.workflow_commands import ScheduleActivity
from temporalio.common import RetryPolicy

from tests.simulation.temporal.failures import activity_failure, cancelled, timed_out
from tests.simulation.temporal.run import Run

Kind: TypeAlias = TimeoutType.ValueType
HEARTBEAT, START_TO_CLOSE = TimeoutType.TIMEOUT_TYPE_HEARTBEAT, TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE
WHOLE = TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE
WAIT_CANCELLATION_COMPLETED = 1


class Server(Protocol):
    """What an activity needs of the service."""

    def now(self) -> datetime: ...

    def later(self, seconds: float, then: Callable[..., None], *arguments: Any) -> asyncio.TimerHandle: ...

    def delay(self, subject: str, usual: float, long: float = 0.0) -> float: ...

    def give_to_worker(self, activity: "Activity") -> None:
        """Calls `start` as soon as a worker takes the task."""

    def resolved(self, activity: "Activity", resolution: ActivityResolution) -> None:
        """The activity has ended."""


class Activity:
    """From being scheduled to its end. `attempt` counts; what an older attempt reports is ignored."""

    def __init__(self, server: Server, run: Run, command: ScheduleActivity) -> None:
        if command.cancellation_type != WAIT_CANCELLATION_COMPLETED:
            raise NotImplementedError(f"{command.activity_type}: only WAIT_CANCELLATION_COMPLETED is simulated")
        self._server, self.run, self.seq = server, run, command.seq
        self.type, self.id = command.activity_type, command.activity_id
        self.arguments: Sequence[Payload] = tuple(command.arguments)
        self.policy = RetryPolicy.from_proto(command.retry_policy)
        self.whole = _limit(command, "schedule_to_close_timeout")
        self.start_to_close = _limit(command, "start_to_close_timeout")
        self.heartbeat_timeout = _limit(command, "heartbeat_timeout")
        self.attempt, self.scheduled_at, self.attempt_scheduled_at = 1, server.now(), server.now()
        self.details: tuple[Any, ...] = ()
        """What the last heartbeat said."""
        self.cancel_requested = False
        self.state: Literal["waiting", "started", "ended"] = "waiting"
        self.last_failure: Failure | None = None
        self._beat_at = server.now()
        self._timers: list[asyncio.TimerHandle] = []
        self._whole_timer = server.later(self.whole.total_seconds(), self._time_out, WHOLE) if self.whole else None
        self._dispatch()

    def started(self) -> None:
        """A worker has the attempt now."""
        self.state, self._beat_at = "started", self._server.now()
        if self.start_to_close:
            self._watch(self.start_to_close, START_TO_CLOSE)
        if self.heartbeat_timeout:
            self._listen()

    def beat(self, attempt: int, details: tuple[Any, ...]) -> Literal["go on", "cancel", "not found"]:
        """A heartbeat arrives; the answer is what the worker is to do."""
        if not self.awaits(attempt):
            return "not found"
        self.details, self._beat_at = details, self._server.now()
        return "cancel" if self.cancel_requested else "go on"

    def complete(self, attempt: int, result: Payload) -> None:
        if self.awaits(attempt):
            self._end(ActivityResolution(completed=Success(result=result)))

    def report_cancelled(self, attempt: int, failure: Failure) -> None:
        """The worker says that it stopped because of the cancellation."""
        if self.awaits(attempt):
            self._end(self._cancelled(failure))

    def fail(self, attempt: int, failure: Failure) -> None:
        """Tried again unless the policy, the time limit or a cancellation says otherwise."""
        if self.awaits(attempt):
            self._try_again(failure, permanent=self._is_permanent(failure))

    def request_cancel(self) -> None:
        """One that no worker has is cancelled at once, the others learn it with their next heartbeat."""
        self.cancel_requested = True
        if self.state == "waiting":
            self._end(self._cancelled(cancelled()))

    def abandon(self) -> None:
        """The run is closed: nobody waits for it any more."""
        self.state = "ended"
        self._forget_timers()
        if self._whole_timer:
            self._whole_timer.cancel()

    def awaits(self, attempt: int) -> bool:
        """Whether what this attempt reports counts."""
        return self.state == "started" and attempt == self.attempt

    def _dispatch(self) -> None:
        self._server.later(self._server.delay(f"task of {self.type}", 0.02, 2.0), self._offer, self.attempt)

    def _offer(self, attempt: int) -> None:
        if self.state == "waiting" and attempt == self.attempt:
            self._server.give_to_worker(self)

    def _watch(self, limit: timedelta, kind: Kind) -> None:
        self._timers.append(self._server.later(limit.total_seconds(), self._time_out, kind))

    def _listen(self) -> None:
        """One timer at a time, set again when heartbeats have come meanwhile."""
        assert self.heartbeat_timeout
        left = (self._beat_at + self.heartbeat_timeout - self._server.now()).total_seconds()
        if left > 0:
            self._timers = [timer for timer in self._timers if timer.when() > asyncio.get_running_loop().time()]
            self._timers.append(self._server.later(left, self._listen))
        else:
            self._time_out(HEARTBEAT)

    def _time_out(self, kind: Kind) -> None:
        failure = timed_out(kind, self.last_failure)
        if kind == WHOLE:
            self._end(self._failed(failure, RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE))
        else:
            self._try_again(failure, permanent=False)

    def _try_again(self, failure: Failure, *, permanent: bool) -> None:
        interval = self._interval()
        late = self.whole is not None and self._server.now() + interval > self.scheduled_at + self.whole
        if permanent:
            self._end(self._failed(failure, RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE))
        elif self.cancel_requested:
            self._end(self._failed(failure, RetryState.RETRY_STATE_CANCEL_REQUESTED))
        elif self.policy.maximum_attempts and self.attempt >= self.policy.maximum_attempts:
            self._end(self._failed(failure, RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED))
        elif late:
            self._end(self._failed(failure, RetryState.RETRY_STATE_TIMEOUT))
        else:
            self._forget_timers()
            self.state, self.last_failure = "waiting", failure
            self.attempt += 1
            self.attempt_scheduled_at = self._server.now() + interval
            self._server.later(interval.total_seconds(), self._dispatch)

    def _interval(self) -> timedelta:
        interval = self.policy.initial_interval * self.policy.backoff_coefficient ** min(self.attempt - 1, 20)
        return min(interval, self.policy.maximum_interval or self.policy.initial_interval * 100)

    def _is_permanent(self, failure: Failure) -> bool:
        info = failure.application_failure_info
        return info.non_retryable or info.type in (self.policy.non_retryable_error_types or ())

    def _failed(self, cause: Failure, state: RetryState.ValueType) -> ActivityResolution:
        return ActivityResolution(failed=Failed(failure=activity_failure(self.type, self.id, cause, state)))

    def _cancelled(self, cause: Failure) -> ActivityResolution:
        failure = activity_failure(self.type, self.id, cause, RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE)
        return ActivityResolution(cancelled=Cancellation(failure=failure))

    def _end(self, resolution: ActivityResolution) -> None:
        self.abandon()
        self._server.resolved(self, resolution)

    def _forget_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers = []


def _limit(command: ScheduleActivity, name: str) -> timedelta | None:
    return getattr(command, name).ToTimedelta() if command.HasField(name) else None  # type: ignore[arg-type]
