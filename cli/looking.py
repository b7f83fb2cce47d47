"""Questions to the production Temporal that change nothing."""

import json
from dataclasses import asdict, dataclass
from datetime import timedelta

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from cli.report import rows
from cli.temporal import connect, translated
from stack.baton import DEPLOY_WORKFLOW, STATUS_QUERY, TEARDOWN_WORKFLOW, Closing
from stack.models import Outcome, State
from stack.names import Names
from stack.settings import Settings
from workflows.attributes import COMMIT, PHASE, PR, REPOSITORY, URL


@dataclass(frozen=True)
class Known:
    """One preview as the search attributes of its newest run tell it."""

    pr: int
    repository: str
    phase: str
    commit: str
    url: str
    since: str


async def status_of(pr: int, namespace: str, settings: Settings) -> Outcome:
    """How the preview is: the outcome of its newest request, or how far that is."""
    client = await connect(settings)
    handle = client.get_workflow_handle(Names(namespace).workflow_id, result_type=Closing)
    with translated("asking for the preview's state"):
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND or "namespace" in str(error).lower():
                raise
            return Outcome(request_id="-", state="gone", pr=pr, note="no request for it is known")
        return await _newest_outcome(handle, description.status, pr)


async def _newest_outcome(handle: WorkflowHandle[object, Closing], status: WorkflowExecutionStatus | None, pr: int) -> Outcome:
    if status is WorkflowExecutionStatus.COMPLETED:
        return (await handle.result()).latest
    if status is WorkflowExecutionStatus.RUNNING:
        outcome: Outcome | None = await handle.query(STATUS_QUERY, result_type=Outcome, rpc_timeout=timedelta(seconds=5))
        return outcome or Outcome(request_id="-", state="running", pr=pr, note="queued")
    state: State = "cancelled" if status is WorkflowExecutionStatus.CANCELED else "failed"
    return Outcome(request_id="-", state=state, pr=pr, note=f"the run was {status.name.lower() if status else 'lost'}")


async def known_previews(settings: Settings) -> list[Known]:
    """The newest run of every pull request, by number."""
    client: Client = await connect(settings)
    newest: dict[str, WorkflowExecution] = {}
    with translated("listing previews"):
        async for run in client.list_workflows(f"WorkflowType IN ('{DEPLOY_WORKFLOW}', '{TEARDOWN_WORKFLOW}')"):
            if run.id not in newest or run.start_time > newest[run.id].start_time:
                newest[run.id] = run
    return sorted((_known(run) for run in newest.values()), key=lambda known: known.pr)


def _known(run: WorkflowExecution) -> Known:
    found = run.typed_search_attributes
    return Known(
        pr=found.get(PR) or 0,
        repository=found.get(REPOSITORY) or "",
        phase=found.get(PHASE) or "",
        commit=(found.get(COMMIT) or "")[:12],
        url=found.get(URL) or "",
        since=f"{run.start_time:%Y-%m-%d %H:%M:%S}",
    )


def listing(previews: list[Known], *, as_object: bool) -> str:
    """A table, or one JSON object on one line."""
    if as_object:
        return json.dumps({"previews": [asdict(known) for known in previews]})
    return rows(("PR", "REPOSITORY", "PHASE", "COMMIT", "URL", "SINCE (UTC)"), [tuple(asdict(known).values()) for known in previews])
