"""Self-tests of what stands for Temporal: the promises of the real one that the product's reasoning is built on."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from itertools import pairwise
from typing import Any, Final, TypeVar

import pytest
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy, WorkflowIDConflictPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.service import RPCError
from temporalio.workflow import ActivityCancellationType

from tests.simulation.chance import Chance
from tests.simulation.clock import run_virtually
from tests.simulation.temporal.client import SimulatedClient, SimulatedHandle
from tests.simulation.temporal.service import Service

T = TypeVar("T")
TRIES: Final[list[float]] = []
"""When each attempt of the current test began."""
ENDED: Final[list[str]] = []
"""How."""


@activity.defn
async def stumble(how: str) -> int:
    TRIES.append(asyncio.get_running_loop().time())
    if how == "never":
        raise ApplicationError("no", type="PermanentError")
    if len(TRIES) < 3:
        raise ApplicationError("not yet", type="TransientError")
    return len(TRIES)


@activity.defn
async def wait(how: str) -> int:
    """Beating or silently; the first attempt for a minute, the later ones not at all."""
    TRIES.append(asyncio.get_running_loop().time())
    try:
        for _ in range(60 if len(TRIES) == 1 else 0):
            if how == "beating":
                activity.heartbeat()
            await asyncio.sleep(1)
    except asyncio.CancelledError:
        ENDED.append("cancelled")
        raise
    ENDED.append("completed")
    return len(TRIES)


RETRY: Final = RetryPolicy(
    initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=5), non_retryable_error_types=["PermanentError"]
)


@workflow.defn
class Once:
    """One activity."""

    @workflow.run
    async def run(self, argument: list[str]) -> int:
        name, how, beats = argument
        result: int = await workflow.execute_activity(
            name,
            how,
            start_to_close_timeout=timedelta(minutes=5),
            heartbeat_timeout=timedelta(seconds=10) if beats == "watched" else None,
            retry_policy=RETRY,
            cancellation_type=ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        )
        return result


@workflow.defn
class Counting:
    """Counts signals for ten seconds; `again`: and as a new run once more."""

    def __init__(self) -> None:
        self._count = 0

    @workflow.signal
    def hit(self, by: int) -> None:
        self._count += by

    @workflow.run
    async def run(self, argument: list[int]) -> int:
        before, again = argument
        patched = workflow.patched("double")
        await workflow.sleep(10)
        total = before + self._count * (1 if patched else 100)
        if again:
            workflow.continue_as_new([total, again - 1])
        return total


def played(play: Callable[[Service, SimulatedClient], Awaitable[T]], seed: int = 0) -> T:
    async def whole() -> T:
        TRIES.clear()
        ENDED.clear()
        service = Service([Once, Counting], [stumble, wait], Chance(seed))
        try:
            return await play(service, SimulatedClient(service))
        finally:
            service.end()

    return run_virtually(whole())


async def started(client: SimulatedClient, name: str, argument: Any) -> SimulatedHandle:
    policy = WorkflowIDConflictPolicy.USE_EXISTING
    return await client.start_workflow(name, argument, id="one", task_queue="q", id_conflict_policy=policy, result_type=int)


def once(name: str, how: str, *, watched: bool = False) -> int:
    async def play(_: Service, client: SimulatedClient) -> int:
        handle = await started(client, "Once", [name, how, "watched" if watched else ""])
        result: int = await handle.result()
        return result

    return played(play)


def test_an_activity_that_fails_is_tried_again_with_back_off() -> None:
    assert once("stumble", "twice") == 3
    pauses = [round(later - earlier, 0) for earlier, later in pairwise(TRIES)]
    assert pauses == [1, 2]


def test_an_error_that_the_policy_names_is_not_tried_again() -> None:
    with pytest.raises(WorkflowFailureError) as caught:
        once("stumble", "never")
    assert isinstance(caught.value.cause, ActivityError)
    assert len(TRIES) == 1


def test_an_activity_that_does_not_beat_is_taken_for_lost() -> None:
    assert once("wait", "silently", watched=True) == 2
    assert 10 <= TRIES[1] - TRIES[0] <= 12


def test_an_activity_that_beats_is_not() -> None:
    assert once("wait", "beating", watched=True) == 1


@pytest.mark.parametrize(("how", "ended", "least", "most"), [("beating", "cancelled", 5, 8), ("silently", "completed", 60, 63)])
def test_a_cancellation_is_learnt_by_the_answer_to_a_heartbeat_and_is_awaited(how: str, ended: str, least: float, most: float) -> None:
    async def play(_: Service, client: SimulatedClient) -> float:
        handle = await started(client, "Once", ["wait", how, ""])
        await asyncio.sleep(5)
        await handle.cancel()
        with suppress(WorkflowFailureError):
            await handle.result()
        return asyncio.get_running_loop().time()

    assert least <= played(play) <= most
    assert ended == ENDED[0]


def test_what_a_killed_process_did_is_noticed_and_its_runs_are_rebuilt() -> None:
    async def play(service: Service, client: SimulatedClient) -> tuple[int, int]:
        handle = await started(client, "Once", ["wait", "beating", "watched"])
        await asyncio.sleep(5)
        service.worker.kill(1)
        return await handle.result(), service.tasks.count["replayed"]

    assert played(play) == (2, 1)
    assert 10 <= TRIES[1] - TRIES[0] <= 25


@pytest.mark.parametrize("again", [0, 1])
def test_no_signal_is_lost_when_a_run_closes(again: int) -> None:
    """Sent around the very moment of closing: the task that closes the run is refused, and it looks again."""
    unhandled = 0
    for seed in range(12):

        async def play(service: Service, client: SimulatedClient) -> tuple[int, int]:
            handle = await started(client, "Counting", [0, again])
            await asyncio.sleep(9.99)
            sent = 0
            with suppress(RPCError):  # the run is closed: whoever sends it is told so
                while sent < 40:
                    await handle.signal("hit", 1)
                    sent += 1
            return sent - int(await handle.result()), service.tasks.count["unhandled"]

        lost, refused = played(play, seed)
        assert lost == 0
        unhandled += refused
    assert unhandled


def test_a_patch_is_answered_on_replay_as_it_was_the_first_time() -> None:
    async def play(service: Service, client: SimulatedClient) -> tuple[int, int]:
        handle = await started(client, "Counting", [0, 0])
        await handle.signal("hit", 7)
        await asyncio.sleep(5)
        service.worker.kill(1)
        return await handle.result(), service.tasks.count["replayed"]

    assert played(play) == (7, 1)


def test_a_history_from_before_the_patch_goes_the_old_way() -> None:
    async def play(service: Service, client: SimulatedClient) -> int:
        handle = await started(client, "Counting", [0, 0])
        await handle.signal("hit", 7)
        await asyncio.sleep(5)
        (run,) = service.runs
        service.worker.kill(1)
        run.history = [without_markers(task) for task in run.history]
        result: int = await handle.result()
        return result

    assert played(play) == 700


def without_markers(task: Any) -> Any:
    commands = tuple(command for command in task.commands if not command.HasField("set_patch_marker"))
    return type(task)(task.at, task.jobs, commands, task.flags)
