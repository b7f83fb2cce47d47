"""Requests to the production Temporal, and how they ended."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowQueryFailedError
from temporalio.exceptions import CancelledError
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter
from temporalio.service import RPCError, RPCStatusCode

from cli.waits import waits
from gateways import encryption, production, runs
from stack.baton import OUTCOME_QUERY, Closing
from stack.errors import UnavailableError
from stack.models import Outcome, Request, State
from stack.settings import Settings

POLL = timedelta(milliseconds=500)
"""How often the progress is asked for; the verdict itself arrives at once."""

SILENCE = "Temporal or its worker does not answer just now; the run is not touched by that, asking again"

Handle = WorkflowHandle[object, Closing]


async def connect(settings: Settings) -> Client:
    """The client for the TEMPORAL_* variables. Raises UnavailableError, InvalidInputError."""
    converter = encryption.data_converter(encryption.payload_keys(settings.payload_keys_file))
    options = production.connection_options()
    quiet = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter=TelemetryFilter(core_level="OFF", other_level="OFF"))))
    try:
        return await production.connect(options, converter, quiet)
    except (RuntimeError, RPCError) as error:
        raise unreachable(options["target_host"], error) from None


def unreachable(address: str, error: Exception) -> UnavailableError:
    return UnavailableError(
        "connecting to Temporal", obj=address, answer=str(error), remedy="check TEMPORAL_ADDRESS and that the server runs"
    )


@contextmanager
def translated(did: str) -> Iterator[None]:
    """Temporal answered with an error: there is no such Temporal namespace, no right, or it went away meanwhile."""
    try:
        yield
    except RPCError as error:
        raise UnavailableError(did, answer=str(error), remedy="check TEMPORAL_ADDRESS and TEMPORAL_NAMESPACE") from None


async def send(client: Client, namespace: str, request: Request, task_queue: str) -> Handle:
    """Hands the request to the open run of this pull request, or starts the right one."""
    with translated("handing the request to Temporal"):
        return await runs.send(client, namespace, request, task_queue)


async def follow(handle: Handle, request: Request, patience: timedelta, tell: Callable[[Outcome], None]) -> Outcome:
    """Waits for the outcome of this very request, telling how far it is. After `patience` the state is "running"; the run goes on."""
    last = Outcome(request_id=request.id, state="running", pr=request.pr, note="queued")

    def progress(outcome: Outcome | None) -> None:
        nonlocal last
        last = outcome or last.model_copy(update={"waits_for": SILENCE})
        tell(last)

    asking = asyncio.create_task(_ask(handle, request.id, progress))
    result = asyncio.create_task(_result(handle, request))
    try:
        async with asyncio.timeout(patience.total_seconds()):
            done, _ = await asyncio.wait([asking, result], return_when=asyncio.FIRST_COMPLETED)
            with translated("following the request, which Temporal has accepted"):
                return done.pop().result()
    except TimeoutError:
        return last
    finally:
        asking.cancel()
        result.cancel()


async def _ask(handle: Handle, request_id: str, progress: Callable[[Outcome | None], None]) -> Outcome:
    """Asks the open run until it knows the outcome; callers whose request was replaced learn it while the run goes on."""
    while True:
        await asyncio.sleep(POLL.total_seconds())
        try:
            outcome: Outcome | None = await handle.query(OUTCOME_QUERY, request_id, result_type=Outcome, rpc_timeout=timedelta(seconds=5))
        except (RPCError, WorkflowQueryFailedError):
            progress(None)
            continue
        if outcome is not None and outcome.state != "running":
            return outcome
        if outcome is not None:
            progress(await _with_waits(handle, outcome))


async def _with_waits(handle: Handle, outcome: Outcome) -> Outcome:
    """With what its steps wait for, in their own words."""
    with suppress(RPCError):
        return outcome.model_copy(update={"waits_for": await waits(handle)})
    return outcome


async def _result(handle: Handle, request: Request) -> Outcome:
    """The outcome from the result of the whole chain of runs, which arrives the moment it closes."""
    while True:
        try:
            closing = await handle.result()
        except WorkflowFailureError as error:
            return await _ended_otherwise(handle, request, error)
        except RPCError as error:
            if error.status == RPCStatusCode.NOT_FOUND:
                raise
            await asyncio.sleep(1)
            continue
        if (outcome := closing.of(request.id)) is not None:
            return outcome
        return Outcome(request_id=request.id, state="superseded", pr=request.pr, note="many newer requests have been served since")


async def _ended_otherwise(handle: Handle, request: Request, error: WorkflowFailureError) -> Outcome:
    """The run was cancelled, terminated or failed as a whole. A cancelled one is asked what it did: it has no result to tell it by."""
    with suppress(RPCError, WorkflowQueryFailedError):
        outcome: Outcome | None = await handle.query(OUTCOME_QUERY, request.id, result_type=Outcome, rpc_timeout=timedelta(seconds=5))
        if outcome is not None and outcome.state != "running":
            return outcome
    state: State = "cancelled" if isinstance(error.cause, CancelledError) else "failed"
    return Outcome(request_id=request.id, state=state, pr=request.pr, note=f"the run ended: {error.cause}")
