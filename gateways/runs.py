"""The runs of previews on the production Temporal: whether one is open, and how a request gets to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, Protocol

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.common import (
    SearchAttributeKey,
    SearchAttributePair,
    TypedSearchAttributes,
    WorkflowIDConflictPolicy,
    WorkflowIDReusePolicy,
)
from temporalio.service import RPCError, RPCStatusCode

from stack import attributes
from stack.baton import DEPLOY_WORKFLOW, REQUEST_SIGNAL, TEARDOWN_WORKFLOW, Baton, Closing
from stack.errors import RejectedError, UnavailableError
from stack.models import DeployRequest, Request
from stack.names import Names

RPC_TIMEOUT: Final = timedelta(seconds=5)
PREFIX: Final = Names("").workflow_id
OPEN: Final = f"WorkflowType IN ('{DEPLOY_WORKFLOW}', '{TEARDOWN_WORKFLOW}') AND ExecutionStatus = 'Running'"
REFUSALS: Final = {
    RPCStatusCode.INVALID_ARGUMENT,
    RPCStatusCode.NOT_FOUND,
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNAUTHENTICATED,
}

PR: Final = SearchAttributeKey.for_int(attributes.PR)
REPOSITORY: Final = SearchAttributeKey.for_keyword(attributes.REPOSITORY)
PHASE: Final = SearchAttributeKey.for_keyword(attributes.PHASE)


async def send(client: Client, namespace: str, request: Request, task_queue: str) -> WorkflowHandle[object, Closing]:
    """Hands the request to the open run of this pull request, or starts the right one: one call, no gap in between. Raises RPCError."""
    return await client.start_workflow(
        DEPLOY_WORKFLOW if isinstance(request, DeployRequest) else TEARDOWN_WORKFLOW,
        Baton(namespace=namespace),
        id=Names(namespace).workflow_id,
        task_queue=task_queue,
        result_type=Closing,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.ALLOW_DUPLICATE,
        start_signal=REQUEST_SIGNAL,
        start_signal_args=[request],
        search_attributes=TypedSearchAttributes(_of_request(request)),
        static_summary=f"Pull request {request.pr} of {request.repository}",
        static_details="One pull request's preview. Requests arrive as signals; what happens now is under Current Details.",
    )


def _of_request(request: Request) -> list[SearchAttributePair[int] | SearchAttributePair[str]]:
    """What a run has from its first moment, before any worker has seen it."""
    return [SearchAttributePair(PR, request.pr), SearchAttributePair(REPOSITORY, request.repository), SearchAttributePair(PHASE, "queued")]


class Runs(Protocol):
    """Every method may raise UnavailableError (try again) and RejectedError (a person must act)."""

    async def is_open(self, namespace: str) -> bool:
        """Whether a run works on this namespace at this moment."""

    async def open_namespaces(self) -> set[str]:
        """All namespaces that a run works on, as of some moments ago: what has just begun or ended may be told otherwise."""

    async def request(self, namespace: str, request: Request) -> None:
        """As starter.py does it. A request that is sent twice counts once."""


class TemporalRuns:
    """`Runs` over a client of the production Temporal."""

    def __init__(self, client: Callable[[], Client], task_queue: str) -> None:
        """`client` gives the client to use, such as the one of the activity that is running."""
        self._client, self._task_queue = client, task_queue

    async def is_open(self, namespace: str) -> bool:
        handle = self._client().get_workflow_handle(Names(namespace).workflow_id)
        with _translated("looking for the run of", namespace):
            try:
                return (await handle.describe(rpc_timeout=RPC_TIMEOUT)).status is WorkflowExecutionStatus.RUNNING
            except RPCError as error:
                if error.status is RPCStatusCode.NOT_FOUND and not _lacks_namespace(error):
                    return False
                raise

    async def open_namespaces(self) -> set[str]:
        with _translated("listing", "open runs"):
            runs = [run.id async for run in self._client().list_workflows(OPEN, rpc_timeout=RPC_TIMEOUT)]
        return {run.removeprefix(PREFIX) for run in runs if run.startswith(PREFIX)}

    async def request(self, namespace: str, request: Request) -> None:
        with _translated("handing a request over for", namespace):
            await send(self._client(), namespace, request, self._task_queue)


def _lacks_namespace(error: RPCError) -> bool:
    """A Temporal namespace that is not there must not pass for a run that is not."""
    return any("NamespaceNotFound" in detail.type_url for detail in error.grpc_status.details)


@contextmanager
def _translated(did: str, obj: str) -> Iterator[None]:
    try:
        yield
    except RPCError as error:
        kind = RejectedError if error.status in REFUSALS else UnavailableError
        raise kind(did, obj=obj, answer=f"Temporal: {error}", remedy="is the production Temporal up?") from None
