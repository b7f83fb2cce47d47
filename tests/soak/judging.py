"""Whether a history ended as it must: by what was asked, by what the record says, and by what there is."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from stack.extension import is_expiry_note
from stack.models import DeployRequest, Outcome, Record, TeardownRequest
from stack.ordering import competes, precedence
from tests.soak.callers import Asked, PullRequest
from tests.soak.cases import AGREEMENT_SECONDS, Bench, told
from tests.soak.histories import History, Op

Asking = Sequence[tuple[Op, Asked]]


@dataclass
class Played:
    """What happened in a history."""

    history: History
    asked: list[tuple[Op, Asked]] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    cleaned: list[str] = field(default_factory=list)
    """What the clean-up found at the end, when everything had settled."""


async def judge(bench: Bench, pr: PullRequest, played: Played) -> list[str]:
    """What is wrong, one line each."""
    record, history = await bench.world.record(pr.names), played.history
    problems = [f"a caller was told nothing but {told(outcome)}" for outcome in played.outcomes if _says_nothing(outcome)]
    if not history.has("cancel", "terminate"):
        problems += _late(played.asked) + _newest(history, played.asked, record)
        if not history.has("expire"):
            problems += [f"the clean-up found work: {line}" for line in played.cleaned]
    return problems + await _agreement(bench, pr, record)


def _says_nothing(outcome: Outcome) -> bool:
    """An extension that counted says until when, whatever the preview does: to the record one whose run was terminated still runs."""
    return outcome.state == "running" and not is_expiry_note(outcome.note)


def _late(asked: Asking) -> list[str]:
    """A job of an old commit never counts once a newer request is known."""
    return [
        f"a late job ended {told(each.answer.result())}"
        for i, (op, each) in enumerate(asked)
        if op.word == "push late" and i > 0 and each.answer.result().state != "superseded"
    ]


def _newest(history: History, asked: Asking, record: Record | None) -> list[str]:
    """The newest request by the forge's time has what it asked for, unless the time of the preview was over."""
    competing = [(op, each) for op, each in asked if competes(each.request)]
    op, newest = max(competing, key=lambda pair: precedence(pair[1].request))
    outcome, request = newest.answer.result(), newest.request
    due = "gone" if isinstance(request, TeardownRequest) else "failed" if op.word == "push broken" else "ready"
    problems = [] if outcome.state == due else [f"the newest request ({op}) ended {told(outcome)}, not {due}"]
    if record is None:
        return [*problems, "there is no record"]
    commit = request.commit if isinstance(request, DeployRequest) else None
    if (record.kind, record.commit) == (request.kind, commit):
        return problems
    if history.has("expire") and record.kind == "teardown":
        return problems
    return [*problems, f"the record tells of {record.kind} {record.commit}, not of the newest request ({op})"]


async def _agreement(bench: Bench, pr: PullRequest, record: Record | None) -> list[str]:
    """Exactly one of everything, or nothing, as the record says."""
    if record is None or (record.state in {"gone", "cancelled"} and record.good is None):
        return [f"still there, although the record says {record and record.state}: {name}" for name in await bench.world.residue(pr.names)]
    if record.kind == "deploy" and record.state == "ready":
        return await _runs(bench, pr, record, record.commit) + await bench.disagreement(pr.names, "deploy")
    if record.kind == "deploy" and record.good is not None and record.state in {"failed", "cancelled"}:
        commit = record.good.request.commit
        return await _runs(bench, pr, record, commit) + await bench.disagreement(pr.names, "deploy", record=False)
    if record.kind == "deploy" and record.state == "failed":
        return await _at_most_one(bench, pr)
    return [f"the record says {record.kind} {record.state}: a request without a verdict, and no run is open"]


async def _runs(bench: Bench, pr: PullRequest, record: Record, commit: str | None) -> list[str]:
    running = await bench.world.running(pr.names)
    due = (record.generation, commit)
    return [] if running == due else [f"generation and commit {due} should run, there is {running}"]


async def _at_most_one(bench: Bench, pr: PullRequest) -> list[str]:
    """The evidence of a failed first attempt. Within a bound: what it replaced may still be leaving."""
    deadline = time.monotonic() + AGREEMENT_SECONDS
    while True:
        pods = await bench.world.pods(pr.names)
        found = [f"{number} pods of {component}" for component, number in pods.items() if number > 1]
        if not found or time.monotonic() > deadline:
            return found
        await asyncio.sleep(0.5)
