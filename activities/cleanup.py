"""Steps of the clean-up: finding what is stale, and acting on one entry after another look at it."""

from dataclasses import replace
from typing import Final

from temporalio import activity

from activities.clock import Clock, utc_now
from activities.heartbeat import heartbeats
from activities.survey import Sources, Survey
from gateways.forge import Forge
from gateways.records import Stored
from stack.cleanup import MOST_ENTRIES, MOST_PROBLEMS, Action, Category, Entry, Errand, Fate, Line, Plan
from stack.errors import OutdatedError, RejectedError, UnavailableError, cut
from stack.names import Names
from stack.receipts import held
from stack.settings import Settings
from stack.staleness import Facts, in_order, judge, problem, request_for, worth_asking

PATIENCE_WITH_FORGE: Final = 3
"""Questions without an answer before the forge is not asked any more in this run: it is away, or we have asked too often."""


class CleanupActivities:
    """Decides by stack/staleness.py. Removes nothing itself but databases that nothing else knows of, and old records."""

    def __init__(self, sources: Sources, forge: Forge | None, settings: Settings, clock: Clock = utc_now) -> None:
        """Without a forge, nothing is known of closed pull requests."""
        self._cluster, self._records = sources.cluster, sources.records
        self._databases, self._runs = sources.databases, sources.runs
        self._forge, self._clock = forge, clock
        self._survey = Survey(sources, settings.namespace_template)

    @activity.defn(name="survey_previews")
    async def survey_previews(self) -> Plan:
        """Looks at everything and changes nothing."""
        async with heartbeats("looking at records, namespaces, databases and runs") as pulse:
            found = await self._survey.everything()
            pulse.say("asking the forge")
            facts, unasked = await self._ask_forge(found.facts)
        entries = in_order(entry for each in facts if (entry := judge(each, self._clock())))
        problems = [*found.unreadable, *filter(None, map(problem, facts))]
        asked = sum(each.forge != "unknown" for each in facts)
        return Plan(
            seen=found.seen.model_copy(update={"asked": asked}),
            entries=tuple(entries[:MOST_ENTRIES]),
            postponed=len(entries[MOST_ENTRIES:]),
            problems=_few(problems),
            unasked=_few(unasked),
        )

    @activity.defn(name="clean_up")
    async def clean_up(self, errand: Errand) -> Line:
        """Looks again, and acts if it is still so. Does not wait for the end of what it asks for."""
        entry = errand.entry
        async with heartbeats(f"looking at {entry.namespace} again"):
            facts, stored = await self._survey.one(entry.namespace)
            if stored is not None and stored.record.request_id == errand.request_id:
                return Line(entry=entry, fate="requested", note="an earlier try of this step has asked for it")
            if entry.category is Category.CLOSED:
                facts = await self._with_forge(facts)
            now = judge(facts, self._clock())
            if not entry.same_as(now):
                return Line(entry=entry, fate="skipped", note=_reason(facts, now))
            fate, note = await self._carry_out(errand, stored)
        return Line(entry=entry, fate=fate, note=note)

    async def _carry_out(self, errand: Errand, stored: Stored | None) -> tuple[Fate, str]:
        entry, names = errand.entry, Names(errand.entry.namespace)
        if entry.action is Action.DROP:
            return await self._drop(names)
        if entry.action is Action.FORGET:
            assert stored is not None
            await self._records.forget(names, stored)
            return "removed", ""
        record = stored.record if stored else None
        await self._runs.request(entry.namespace, request_for(entry, record, request_id=errand.request_id, now=self._clock()))
        return "requested", ""

    async def _drop(self, names: Names) -> tuple[Fate, str]:
        """Under the lock that whoever makes databases takes, too: what is accepted later finds nothing and makes them anew."""

        async def still_orphans() -> None:
            await self._records.confirm(names, 0)
            if await self._cluster.read("Namespace", names.namespace) is not None:
                raise OutdatedError("dropping the databases of", obj=names.namespace, answer="there is a namespace again")

        try:
            items = await self._databases.drop(names, still_orphans)
        except OutdatedError as error:
            return "skipped", cut(str(error))
        left = cut(held(items))
        return ("failed", f"still there: {left}") if left else ("dropped", "")

    async def _ask_forge(self, facts: tuple[Facts, ...]) -> tuple[list[Facts], list[str]]:
        """The facts with what the forge says, and for whom it said nothing."""
        told: list[Facts] = []
        unasked: list[str] = []
        for each in facts:
            if self._forge is None or not worth_asking(each, self._clock()):
                told.append(each)
            elif len(unasked) >= PATIENCE_WITH_FORGE:
                told.append(each)
                unasked.append(f"{each.namespace}: not asked, after {PATIENCE_WITH_FORGE} questions without an answer")
            else:
                try:
                    told.append(await self._with_forge(each))
                except (UnavailableError, RejectedError) as error:
                    told.append(each)
                    unasked.append(cut(f"{each.namespace}: {error}"))
        return told, unasked

    async def _with_forge(self, facts: Facts) -> Facts:
        if self._forge is None or facts.subject is None:
            return facts
        return replace(facts, forge=await self._forge.state_of(*facts.subject))


def _reason(facts: Facts, now: Entry | None) -> str:
    """Why nothing was done although the plan said so."""
    if facts.is_open and now is None:
        return "a run works on it"
    return "nothing is to be done any more" if now is None else f"it is otherwise now: {now.why}"


def _few(texts: list[str]) -> tuple[str, ...]:
    kept = texts[:MOST_PROBLEMS]
    return (*kept, f"and {len(texts) - len(kept)} more") if len(texts) > len(kept) else tuple(kept)
