"""Plays a random history on the real platform and judges how it ended."""

import uuid
from datetime import timedelta

from stack.cleanup import CLEANUP_WORKFLOW
from stack.cleanup import Report as CleanupReport
from tests.soak.callers import Asked, PullRequest
from tests.soak.cases import COMMITS, Bench, Report, told
from tests.soak.folder import Phase
from tests.soak.histories import ANSWERED, AT_ONCE, History, Op
from tests.soak.judging import Played, judge
from tests.soak.lanes import until

STEP_SECONDS = 15.0
"""How long to wait for a step that may never come, because the run goes another way."""


class Player:
    """One history."""

    def __init__(self, bench: Bench, pr: PullRequest, history: History) -> None:
        self._bench, self._pr, self._lane = bench, pr, bench.lane
        self.played = Played(history)

    async def play(self) -> Played:
        history = self.played.history
        self._lane.begin(Phase(f"{self._pr.number} {history.name}", chance=history.chance, seed=history.seed))
        for op in history.ops:
            seen = len(self._lane.steps())
            asked = await self._do(op)
            if asked is not None:
                self.played.asked.append((op, asked))
            await self._until(op.then, asked, seen)
        self.played.outcomes = await self._pr.settled()
        self._lane.begin(Phase(f"{self._pr.number} {history.name}: the clean-up"))
        self.played.cleaned = await self._clean_up()
        await self._pr.settled()
        return self.played

    async def _do(self, op: Op) -> Asked | None:
        """What was asked of the product, if anything was."""
        pr = self._pr
        match op.word:
            case "push" | "push the same":
                return await pr.push(op.commit or COMMITS[0])
            case "push broken":
                return await pr.push(op.commit, broken=True)
            case "push late":
                return await pr.push(COMMITS[-1], at=pr.long_ago())
            case "close":
                return await pr.close()
            case "extend" | "pin" | "unpin":
                return await self._extend(op.word)
            case "expire":
                if await self._bench.world.expire(pr.names):
                    await self._clean_up()
            case "cancel":
                await pr.cancel()
            case "terminate":
                await pr.terminate()
            case "kill":
                self._lane.kill()
        return None

    async def _extend(self, word: str) -> Asked | None:
        record = await self._bench.world.record(self._pr.names)
        if record is None:
            return None
        if word == "extend":
            return await self._pr.extend(record.generation, ttl=timedelta(hours=90))
        return await self._pr.extend(record.generation, pinned=word == "pin")

    async def _until(self, then: str, asked: Asked | None, seen: int) -> None:
        if then == AT_ONCE:
            return
        if then == ANSWERED:
            await (asked.outcome() if asked is not None else self._pr.settled())
            return
        await until(lambda: then in self._lane.steps()[seen:] or self._pr.is_answered, STEP_SECONDS)

    async def _clean_up(self) -> list[str]:
        """The real one. Each lane is an installation of its own, so it finds nothing but this pull request."""
        report: CleanupReport = await self._bench.client.execute_workflow(
            CLEANUP_WORKFLOW, id=f"cleanup-{uuid.uuid4().hex}", task_queue=self._lane.task_queue, result_type=CleanupReport
        )
        return [f"{line.entry.action} of {line.entry.namespace}: {line.fate}, {line.note}" for line in report.lines]


async def play(bench: Bench, number: int, history: History) -> Report:
    report = Report("sequence", history.name, story=history.story())
    async with bench.life_of(number, report) as pr:
        player = Player(bench, pr, history)
        try:
            report.problems += await judge(bench, pr, await player.play())
        finally:
            report.story += [f"outcome of {op}: {told(asked.answer.result())}" for op, asked in player.played.asked if asked.is_told]
    return report
