"""CleanupStalePreviews: looks at everything, asks for what is stale to be taken away, and says what it found."""

import asyncio
from collections.abc import Iterable

from temporalio import workflow
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.cleanup import CleanupActivities
    from stack.cleanup import CLEANUP_WORKFLOW, CleanupOptions, Entry, Errand, Line, Plan, Report, request_id
    from stack.errors import cut
    from workflows.explaining import explain
    from workflows.policies import CLEAN, SURVEY

AT_ONCE = 10
"""Entries that are worked on side by side."""


@workflow.defn(name=CLEANUP_WORKFLOW)
class CleanupStalePreviews:
    """Started by a Schedule, or by `starter.py cleanup`. Two at once do no harm: requests mean the generation that was seen."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    @workflow.run
    async def run(self, options: CleanupOptions | None = None) -> Report:
        dry_run = options is not None and options.dry_run
        plan = await self._survey()
        self._show(plan, [Line(entry=entry, fate="planned", note=entry.why) for entry in plan.entries])
        if not dry_run:
            await self._carry_out(plan)
        return Report(
            dry_run=dry_run,
            seen=plan.seen,
            lines=tuple(self._lines.values()),
            postponed=plan.postponed,
            problems=plan.problems,
            unasked=plan.unasked,
        )

    async def _survey(self) -> Plan:
        return await workflow.execute_activity_method(
            CleanupActivities.survey_previews, **SURVEY, summary="records, namespaces, databases, runs, the forge"
        )

    async def _carry_out(self, plan: Plan) -> None:
        for start in range(0, len(plan.entries), AT_ONCE):
            lines = await asyncio.gather(*(self._clean_up(entry) for entry in plan.entries[start : start + AT_ONCE]))
            self._show(plan, lines)

    async def _clean_up(self, entry: Entry) -> Line:
        """One entry that fails does not keep the others from being cleaned up."""
        errand = Errand(entry=entry, request_id=request_id(workflow.info().run_id, entry))
        try:
            return await workflow.execute_activity_method(
                CleanupActivities.clean_up, errand, **CLEAN, summary=f"{entry.namespace}: {entry.action}, {entry.why}"
            )
        except ActivityError as error:
            return Line(entry=entry, fate="failed", note=cut(explain(error).summary))

    def _show(self, plan: Plan, lines: Iterable[Line]) -> None:
        """What operators see in temporal-ui."""
        self._lines.update({line.entry.namespace: line for line in lines})
        workflow.set_current_details(details(plan, self._lines.values()))


def details(plan: Plan, lines: Iterable[Line]) -> str:
    """Markdown: how much was looked at, what is to be done and what became of it, what could not be judged."""
    seen = plan.seen
    head = f"{seen.records} records · {seen.namespaces} namespaces · {seen.databases} databases and roles · {seen.runs} open runs"
    rows = [f"| {line.entry.namespace} | {line.entry.category} | {line.entry.action} | {line.fate} | {line.note} |" for line in lines]
    table = ["| namespace | why | action | result | |", "| --- | --- | --- | --- | --- |", *rows] if rows else ["Nothing is stale."]
    postponed = [f"\n{plan.postponed} more are left for the next run."] if plan.postponed else []
    rest = [f"- {text}" for text in (*plan.problems, *plan.unasked)]
    return "\n".join([head, "", *table, *postponed, *(["", *rest] if rest else [])])
