"""CleanupStalePreviews on a real Temporal server with a real worker: what is asked for, and what the report says."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from stack.cleanup import Action, Category, CleanupOptions, Entry, Errand, Line, Plan, Report, Seen
from worker import PASSED_THROUGH
from workflows.cleanup_stale_previews import AT_ONCE, CleanupStalePreviews


def entry(number: int) -> Entry:
    return Entry(
        namespace=f"pr-{number}",
        category=Category.EXPIRED,
        action=Action.TEARDOWN,
        generation=2,
        why="expired at noon",
        pr=number,
        repository="octo/shop",
    )


@dataclass
class Doubles:
    """Real activities under the real names, that do as a test says."""

    plan: Plan
    answers: dict[str, Callable[[Errand], Line]] = field(default_factory=dict)
    """Namespace → what comes of it; by default it is requested."""
    errands: list[Errand] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    @activity.defn(name="survey_previews")
    async def survey_previews(self) -> Plan:
        return self.plan

    @activity.defn(name="clean_up")
    async def clean_up(self, errand: Errand) -> Line:
        self.errands.append(errand)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        answer = self.answers.get(errand.entry.namespace)
        return answer(errand) if answer else Line(entry=errand.entry, fate="requested")


def a_plan(entries: int, **more: Any) -> Plan:
    return Plan(seen=Seen(records=entries), entries=tuple(entry(number) for number in range(1, entries + 1)), **more)


@asynccontextmanager
async def cleaning(
    client: Client, doubles: Doubles, *options: CleanupOptions
) -> AsyncIterator[WorkflowHandle[CleanupStalePreviews, Report]]:
    queue = f"cleanup-{uuid.uuid4().hex[:12]}"
    async with Worker(
        client,
        task_queue=queue,
        workflows=[CleanupStalePreviews],
        activities=[doubles.survey_previews, doubles.clean_up],
        workflow_runner=SandboxedWorkflowRunner(SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH)),
    ):
        yield await client.start_workflow(
            "CleanupStalePreviews",
            args=list(options),
            id=queue,
            task_queue=queue,
            result_type=Report,
            execution_timeout=timedelta(minutes=1),
        )


async def cleaned(client: Client, doubles: Doubles, *options: CleanupOptions) -> Report:
    async with cleaning(client, doubles, *options) as handle:
        return await handle.result()


async def test_every_entry_of_the_plan_is_worked_on_and_reported(client: Client) -> None:
    doubles = Doubles(a_plan(3, problems=("pr-8 is odd",), unasked=("pr-9: 503",), postponed=4))
    report = await cleaned(client, doubles)
    assert [(line.entry.namespace, line.fate) for line in report.lines] == [(f"pr-{n}", "requested") for n in (1, 2, 3)]
    assert (report.dry_run, report.postponed, report.problems, report.unasked) == (False, 4, ("pr-8 is odd",), ("pr-9: 503",))
    assert report.found == {"expired": 3}
    assert report.seen.records == 3


async def test_a_dry_run_asks_for_nothing(client: Client) -> None:
    doubles = Doubles(a_plan(2))
    report = await cleaned(client, doubles, CleanupOptions(dry_run=True))
    assert (doubles.errands, report.dry_run, [line.fate for line in report.lines]) == ([], True, ["planned", "planned"])
    assert report.lines[0].note == "expired at noon"


async def test_nothing_stale_is_a_short_report(client: Client) -> None:
    assert await cleaned(client, Doubles(a_plan(0))) == Report(dry_run=False, seen=Seen())


async def test_an_entry_that_fails_does_not_keep_the_others(client: Client) -> None:
    def fails(errand: Errand) -> Line:
        raise ApplicationError("reading the record; the answer was: nonsense", type="RejectedError", non_retryable=True)

    doubles = Doubles(a_plan(3), {"pr-2": fails})
    report = await cleaned(client, doubles)
    assert [line.fate for line in report.lines] == ["requested", "failed", "requested"]
    assert report.lines[1].note == "reading the record; the answer was: nonsense"
    assert report.count("failed") == 1


async def test_a_step_that_is_tried_again_means_the_same_request(client: Client) -> None:
    def fails_once(errand: Errand) -> Line:
        if activity.info().attempt == 1:
            raise ApplicationError("just a moment")
        return Line(entry=errand.entry, fate="requested")

    doubles = Doubles(a_plan(1), {"pr-1": fails_once})
    await cleaned(client, doubles)
    first, second = doubles.errands
    assert first == second
    await cleaned(client, other := Doubles(a_plan(1)))
    assert other.errands[0].request_id != first.request_id, "another run means another request"


async def test_only_some_are_worked_on_at_once(client: Client) -> None:
    doubles = Doubles(a_plan(AT_ONCE * 2 + 3))
    report = await cleaned(client, doubles)
    assert len(report.lines) == AT_ONCE * 2 + 3
    assert doubles.most_at_once <= AT_ONCE


async def test_operators_see_a_table_while_it_runs(client: Client) -> None:
    def shows(errand: Errand) -> Line:
        return Line(entry=errand.entry, fate="skipped", note="a run works on it")

    doubles = Doubles(a_plan(2, problems=("pr-8 is odd",)), {"pr-2": shows})
    async with cleaning(client, doubles) as handle:
        await handle.result()
        metadata = await handle.query("__temporal_workflow_metadata")
    text = str(metadata)
    for told in ("| pr-1 | expired | teardown | requested |", "| pr-2 | expired | teardown | skipped | a run works on it |", "pr-8 is odd"):
        assert told in text


async def test_a_look_that_fails_for_good_fails_the_run(client: Client) -> None:
    class Blind(Doubles):
        @activity.defn(name="survey_previews")
        async def survey_previews(self) -> Plan:
            raise ApplicationError("no right to list", type="RejectedError", non_retryable=True)

    with pytest.raises(WorkflowFailureError):
        await cleaned(client, Blind(a_plan(1)))
