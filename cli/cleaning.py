"""`starter.py cleanup`: a clean-up now, and what it found."""

import asyncio
from datetime import timedelta

from temporalio.client import WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import FailureError

from cli.report import rows
from cli.temporal import connect, translated
from stack.cleanup import CLEANUP_ID, CLEANUP_WORKFLOW, DRY_RUN_ID, CleanupOptions, Report
from stack.errors import RejectedError
from stack.settings import Settings

NOTE = "Looks at records, namespaces, databases, open runs and the forge, and asks for what is stale to be taken away."


async def clean_up(settings: Settings, patience: timedelta, *, dry_run: bool) -> Report | None:
    """Starts a clean-up, or joins the one that somebody else has asked for. None when it is still running after `patience`.

    Raises RejectedError when it failed as a whole, and UnavailableError.
    """
    client = await connect(settings)
    with translated("starting the clean-up"):
        handle = await client.start_workflow(
            CLEANUP_WORKFLOW,
            CleanupOptions(dry_run=dry_run),
            id=DRY_RUN_ID if dry_run else CLEANUP_ID,
            task_queue=settings.task_queue,
            result_type=Report,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary="Clean-up, asked for by starter.py" + (" (dry run)" if dry_run else ""),
            static_details=NOTE,
        )
    with translated("waiting for the clean-up"):
        try:
            async with asyncio.timeout(patience.total_seconds()):
                report: Report = await handle.result()
                return report
        except TimeoutError:
            return None
        except WorkflowFailureError as error:
            raise _failed(error) from None


def _failed(error: WorkflowFailureError) -> RejectedError:
    """The innermost cause has the words of whoever refused."""
    cause: BaseException = error
    while isinstance(cause, WorkflowFailureError | FailureError) and cause.cause is not None:
        cause = cause.cause
    return RejectedError("cleaning up", answer=str(cause), remedy="look at the run in temporal-ui")


def as_text(report: Report) -> str:
    """For people: what was looked at, a table of what is stale, what could not be judged."""
    seen = report.seen
    lines = [
        f"Looked at {seen.records} records, {seen.namespaces} namespaces, {seen.databases} databases and roles, {seen.runs} open runs"
        + (f"; the forge told of {seen.asked} pull requests" if seen.asked else "")
    ]
    if report.lines:
        header = ("NAMESPACE", "WHY", "ACTION", "RESULT", "")
        cells = [
            (line.entry.namespace, line.entry.category.value, line.entry.action.value, line.fate, line.note or line.entry.why)
            for line in report.lines
        ]
        lines.append(rows(header, cells))
    else:
        lines.append("Nothing is stale.")
    if report.postponed:
        lines.append(f"{report.postponed} more are left for the next run.")
    lines += [f"  ! {text}" for text in (*report.problems, *report.unasked)]
    if report.dry_run:
        lines.append("Dry run: nothing was changed.")
    return "\n".join(lines)
