"""What the project asks of a preview's own Temporal."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any, Final, Protocol

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, RegisterNamespaceRequest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue, WorkflowIDConflictPolicy
from temporalio.service import RPCError, RPCStatusCode

from stack.errors import RejectedError, UnavailableError
from stack.names import TEMPORAL_NAMESPACE

SERVICE: Final = "temporal.api.workflowservice.v1.WorkflowService"
RPC_TIMEOUT: Final = timedelta(seconds=3)
RECENT_SECONDS: Final = 75
"""An idle worker polls at least once a minute; the server remembers pollers that are gone for five."""
KINDS: Final = (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
PASSING: Final = (
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.CANCELLED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.UNKNOWN,
    RPCStatusCode.NOT_FOUND,
)
"""What a server that is starting may answer: its caches learn of a namespace a moment after its database."""


class Frontends(Protocol):
    """Temporal servers by address (host:port). Every method may raise UnavailableError or RejectedError."""

    async def serving(self, address: str) -> bool:
        """Whether the gRPC health of the workflow service says SERVING."""

    async def polled(self, address: str, task_queues: Sequence[str]) -> frozenset[str]:
        """Those of the task queues that a worker has polled recently, for workflows or for activities."""

    async def register_namespace(self, address: str, name: str, retention: timedelta) -> None:
        """Registers a Temporal namespace; one that exists already is fine."""

    async def run(self, address: str, workflow: str, task_queue: str, workflow_id: str, deadline: timedelta) -> str:
        """Runs a workflow without arguments to its end. Returns why it failed, empty when it completed; never its result."""


class TemporalFrontends:
    """`Frontends` by the SDK. A client per call: it has no `close`, its connection ends with the last reference to it."""

    async def serving(self, address: str) -> bool:
        async with _client(address) as client:
            return await client.service_client.check_health(service=SERVICE, timeout=RPC_TIMEOUT)

    async def polled(self, address: str, task_queues: Sequence[str]) -> frozenset[str]:
        async with _client(address) as client:
            pairs = [(queue, kind) for queue in task_queues for kind in KINDS]
            found = await asyncio.gather(*(_has_poller(client, queue, kind) for queue, kind in pairs))
            return frozenset(queue for (queue, _), recent in zip(pairs, found, strict=True) if recent)

    async def register_namespace(self, address: str, name: str, retention: timedelta) -> None:
        period = Duration()
        period.FromTimedelta(retention)
        request = RegisterNamespaceRequest(namespace=name, workflow_execution_retention_period=period)
        async with _client(address) as client:
            try:
                await client.workflow_service.register_namespace(request, timeout=RPC_TIMEOUT)
            except RPCError as error:
                if error.status != RPCStatusCode.ALREADY_EXISTS:
                    raise

    async def run(self, address: str, workflow: str, task_queue: str, workflow_id: str, deadline: timedelta) -> str:
        async with _client(address) as client, asyncio.timeout((deadline + RPC_TIMEOUT).total_seconds()):
            handle = await _start(client, workflow, task_queue, workflow_id, deadline)
            try:
                await handle.result()
            except WorkflowFailureError as failure:
                return _reason(failure)
            return ""


async def _start(client: Client, workflow: str, task_queue: str, workflow_id: str, deadline: timedelta) -> WorkflowHandle[Any, RawValue]:
    """Joins a run of that ID, if a lost worker has started it. Its result stays raw: the application may have a codec of its own."""
    return await client.start_workflow(
        workflow,
        id=workflow_id,
        task_queue=task_queue,
        execution_timeout=deadline,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        result_type=RawValue,
        rpc_timeout=RPC_TIMEOUT,
    )


async def _has_poller(client: Client, task_queue: str, kind: TaskQueueType.ValueType) -> bool:
    request = DescribeTaskQueueRequest(namespace=TEMPORAL_NAMESPACE, task_queue=TaskQueue(name=task_queue), task_queue_type=kind)
    answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIMEOUT)
    return any(time.time() - poller.last_access_time.ToSeconds() < RECENT_SECONDS for poller in answer.pollers)


def _reason(failure: WorkflowFailureError) -> str:
    """The innermost cause, which is what the application's author recognises. In full: what is cut can no longer be masked."""
    cause: BaseException = failure.cause
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{type(cause).__name__}: {cause}"


@asynccontextmanager
async def _client(address: str) -> AsyncIterator[Client]:
    """Connected within the time limit, and let go with the block. Translates whatever the SDK raises inside."""
    with _translated(address):
        async with asyncio.timeout(RPC_TIMEOUT.total_seconds()):
            client = await Client.connect(address, namespace=TEMPORAL_NAMESPACE)
        yield client


@contextmanager
def _translated(address: str) -> Iterator[None]:
    try:
        yield
    except RPCError as error:
        kind = UnavailableError if error.status in PASSING else RejectedError
        raise kind("ask Temporal", obj=address, answer=f"{error.status.name} {error.message}") from None
    except (RuntimeError, TimeoutError) as error:  # RuntimeError: the SDK's word for a connection that failed
        raise UnavailableError("connect to Temporal", obj=address, answer=str(error) or f"no answer within {RPC_TIMEOUT}") from None
