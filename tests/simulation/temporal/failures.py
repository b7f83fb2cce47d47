"""The failures that the server and the SDK's core write themselves."""

from temporalio.api.common.v1 import ActivityType
from temporalio.api.enums.v1 import RetryState, TimeoutType
from temporalio.api.failure.v1 import ActivityFailureInfo, CanceledFailureInfo, Failure, TimeoutFailureInfo

TIMEOUTS = {
    TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE: "StartToClose",
    TimeoutType.TIMEOUT_TYPE_SCHEDULE_TO_CLOSE: "ScheduleToClose",
    TimeoutType.TIMEOUT_TYPE_HEARTBEAT: "Heartbeat",
}


def timed_out(kind: TimeoutType.ValueType, last: Failure | None) -> Failure:
    """An attempt, or the activity as a whole, took too long; `last` is how an earlier attempt failed."""
    return Failure(message=f"activity {TIMEOUTS[kind]} timeout", cause=last, timeout_failure_info=TimeoutFailureInfo(timeout_type=kind))


def cancelled() -> Failure:
    """An activity that was cancelled before a worker had it."""
    return Failure(message="Activity cancelled", canceled_failure_info=CanceledFailureInfo())


def activity_failure(activity_type: str, activity_id: str, cause: Failure, state: RetryState.ValueType) -> Failure:
    """What workflow code gets to see: the cause in the envelope of an ActivityError."""
    message = "Activity cancelled" if cause.HasField("canceled_failure_info") else "Activity task failed"
    info = ActivityFailureInfo(activity_type=ActivityType(name=activity_type), activity_id=activity_id, retry_state=state)
    return Failure(message=message, cause=cause, activity_failure_info=info)
