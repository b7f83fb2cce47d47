"""`starter.py schedule`: what the production Temporal starts by itself is what stack/schedules.py says."""

from collections.abc import Sequence

from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from cli.temporal import connect, translated
from stack.schedules import Scheduled
from stack.settings import Settings


async def apply(wanted: Sequence[Scheduled], settings: Settings) -> list[str]:
    """Makes or updates each, so that it is exactly what the data say. Paused ones stay paused: an operator meant that. What was done."""
    client = await connect(settings)
    with translated("applying the schedules"):
        return [await _apply(client, each, settings.task_queue) for each in wanted]


async def delete(unwanted: Sequence[Scheduled], settings: Settings) -> list[str]:
    """Takes each away, whether or not it is there. What was done."""
    client = await connect(settings)
    with translated("deleting the schedules"):
        return [await _delete(client, each) for each in unwanted]


async def _apply(client: Client, wanted: Scheduled, task_queue: str) -> str:
    every = f"every {wanted.every}"
    try:
        await client.create_schedule(wanted.id, _schedule(wanted, task_queue, ScheduleState(note=wanted.note)))
    except ScheduleAlreadyRunningError:
        return await _update(client, wanted, task_queue) + every
    return f"{wanted.id}: created, {every}"


async def _update(client: Client, wanted: Scheduled, task_queue: str) -> str:
    paused = False

    def update(current: ScheduleUpdateInput) -> ScheduleUpdate:
        nonlocal paused
        state = current.description.schedule.state
        paused = state.paused
        return ScheduleUpdate(_schedule(wanted, task_queue, state if paused else ScheduleState(note=wanted.note)))

    await client.get_schedule_handle(wanted.id).update(update)
    return f"{wanted.id}: updated, {'still paused, ' if paused else ''}"


def _schedule(wanted: Scheduled, task_queue: str, state: ScheduleState) -> Schedule:
    action = ScheduleActionStartWorkflow(
        wanted.workflow, id=wanted.workflow_id, task_queue=task_queue, static_summary=f"Scheduled: {wanted.id}", static_details=wanted.note
    )
    return Schedule(
        action=action,
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=wanted.every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=wanted.catch_up),
        state=state,
    )


async def _delete(client: Client, unwanted: Scheduled) -> str:
    try:
        await client.get_schedule_handle(unwanted.id).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND or "namespace" in str(error).lower():
            raise
        return f"{unwanted.id}: was not there"
    return f"{unwanted.id}: deleted"
