"""From what a namespace holds to a judgement about it, with the log lines that the judgement needs."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

from activities.clock import Clock
from gateways.cluster import Cluster, View
from gateways.database import Databases
from gateways.masking import mask_of
from stack.deadlines import readiness_deadlines, rollout_limit
from stack.diagnosis import Judgement, Presence, Ready, Snapshot, Waiting, judge, needs_logs, out_of_time
from stack.diagnosis.snapshot import CLOCKS_MAY_DIFFER
from stack.diagnosis.verdict import DATABASE_AWAY, OF_AN_ABSENT_DATABASE
from stack.errors import UnavailableError
from stack.models import Absence, Attempt, Diagnosis

LOGS_EVERY: Final = timedelta(seconds=1)
"""Logs are read at most this often, so that a stack that is starting as it should is not held up by them."""
LOG_LINES: Final = 60


class Rollout:
    """One attempt on its way to readiness."""

    def __init__(
        self, cluster: Cluster, databases: Databases, attempt: Attempt, since: datetime, *, clock: Clock, away: Absence | None = None
    ) -> None:
        """`since`: when the attempt's objects were applied. `away`: what an earlier try has seen."""
        self._cluster, self._databases = cluster, databases
        self._namespace, self._since, self._clock = attempt.namespace, since, clock
        self._database_was_away = False
        self._deadlines = readiness_deadlines(attempt.request.stack)
        self._limit = rollout_limit(attempt.request.stack)
        self._logs: dict[tuple[str, str], str] = {}
        self._logs_read_at = clock()
        self._presence = Presence(away)

    @property
    def away(self) -> Absence | None:
        """When there was no ready temporal pod, in what has been judged so far."""
        return self._presence.absence

    @property
    def is_over(self) -> bool:
        return self._clock() - self._since > self._limit

    async def judge(self, view: View) -> Judgement:
        """Whether the stack is ready, cannot become so, or is waited for. A diagnosis is confirmed by a fresh look at everything.

        While PostgreSQL is away, what may come of that is not held against the stack; when it is back, neither is what was before.
        """
        judgement = await self._look(view)
        if isinstance(judgement, Diagnosis) and judgement.category not in OF_AN_ABSENT_DATABASE:
            return judgement
        was_away = self._database_was_away
        if isinstance(judgement, Ready) or not (isinstance(judgement, Diagnosis) or self.is_over or was_away):
            return judgement
        if await self._database_is_away():
            return DATABASE_AWAY
        return judge(self._snapshot(view), self._clock()) if was_away else judgement

    async def _database_is_away(self) -> bool:
        """Asks it. All time until it was seen to be back is taken from what the stack may need."""
        is_away = not await self._databases.answers()
        if is_away or self._database_was_away:
            self._since = self._clock() + CLOCKS_MAY_DIFFER
        self._database_was_away = is_away
        return is_away

    async def _look(self, view: View) -> Judgement:
        judgement = judge(self._note(view), self._clock())
        if isinstance(judgement, Waiting) and self._clock() - self._logs_read_at >= LOGS_EVERY:
            judgement = await self._judge_with_logs(view)
        if isinstance(judgement, Diagnosis):
            judgement = await self._judge_with_logs(await self._cluster.view(self._namespace))
        return judgement

    async def last_word(self) -> Diagnosis | None:
        """When the time is over: one last look, then the diagnosis that it is over. None if that look finds the stack ready."""
        view = await self._cluster.view(self._namespace)
        judgement = await self._judge_with_logs(view)
        if isinstance(judgement, Waiting):
            return out_of_time(self._snapshot(view), self._clock(), self._limit)
        return None if isinstance(judgement, Ready) else judgement

    async def _judge_with_logs(self, view: View) -> Judgement:
        wanted = needs_logs(self._note(view))
        tails = await asyncio.gather(*(self._tail(*each) for each in wanted))
        if any(tails):
            mask = await mask_of(self._cluster, self._namespace)
            self._logs |= {(pod, container): mask(log) for (pod, container, _), log in zip(wanted, tails, strict=True) if log}
        self._logs_read_at = self._clock()
        return judge(self._snapshot(view), self._clock())

    async def _tail(self, pod: str, container: str, previous: bool) -> str:
        """A log that cannot be had now changes nothing: it is asked for again."""
        try:
            return await self._cluster.log_tail(self._namespace, pod, container, previous=previous, lines=LOG_LINES)
        except UnavailableError:
            return ""

    def _note(self, view: View) -> Snapshot:
        """The view as it is judged; whether the temporal pod is in it is kept."""
        snapshot = self._snapshot(view)
        self._presence = self._presence.then(snapshot, self._clock())
        return snapshot

    def _snapshot(self, view: View) -> Snapshot:
        return Snapshot(
            since=self._since,
            deployments=view.deployments,
            pods=view.pods,
            events=view.events,
            replica_sets=view.replica_sets,
            logs=self._logs,
            deadlines=self._deadlines,
        )
