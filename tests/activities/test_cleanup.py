"""Proves that the clean-up finds what is stale, looks again before it acts, and acts on what it saw only."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.cleanup import CleanupActivities
from activities.survey import Sources
from gateways.records import ClusterRecords
from stack.cleanup import MOST_ENTRIES, Action, Category, Entry, Errand, Line, Plan, request_id
from stack.errors import ConflictError, RejectedError, UnavailableError
from stack.models import Condition, DeployRequest, Good, Outcome, Record, TeardownRequest, Urls
from stack.names import ANNOTATION_GENERATION, LABEL_PR, MANAGED_BY, MANAGER, STACK_ROLE, Names
from stack.settings import Settings
from stack.staleness import KEPT_RECORDS
from tests.activities.conftest import HOME, namespace
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import NOON, REPOSITORY, deploy
from tests.fakes.surroundings import MarkedDatabases, OpenRuns, ToldForge

EARLIER, LATER = NOON - timedelta(hours=1), NOON + timedelta(hours=1)


class World:
    """A cluster, databases, runs and a forge, and the clean-up that looks at them at noon."""

    def __init__(self, cluster: FakeCluster, records: ClusterRecords) -> None:
        self.cluster, self.records = cluster, records
        self.databases, self.runs, self.forge = MarkedDatabases(), OpenRuns(), ToldForge()
        sources = Sources(cluster, records, self.databases, self.runs)
        self.activities = CleanupActivities(sources, self.forge, Settings.from_env({}), clock=lambda: NOON)

    async def record(self, pr: int = 1, **changes: Any) -> Record:
        """The record of a preview that is ready and lives until an hour after noon, but for the changes."""
        names = Names(f"pr-{pr}")
        values = {"generation": 3, "kind": "deploy", "state": "ready", "expires_at": LATER, "changed_at": EARLIER, **changes}
        record = Record.model_validate({"pr": pr, "repository": REPOSITORY, "requested_at": NOON, **values})
        await self.records.advance(names, record, after=await self.records.read(names))
        return record

    def namespace(self, name: str = "pr-1", pr: str = "1", **metadata: Any) -> None:
        labels = {MANAGED_BY: MANAGER, LABEL_PR: pr}
        self.cluster.put(namespace(labels=labels, name=name, **metadata))

    def database(self, namespace: str = "pr-1") -> None:
        names = Names(namespace)
        self.databases.stored[namespace] = (f"Database {names.temporal_database}", f"Role {names.role}")

    async def survey(self) -> Plan:
        plan: Plan = await ActivityEnvironment().run(self.activities.survey_previews)
        return plan

    async def clean(self, entry: Entry, run: str = "run") -> Line:
        line: Line = await ActivityEnvironment().run(self.activities.clean_up, Errand(entry=entry, request_id=request_id(run, entry)))
        return line

    async def only_entry(self) -> Entry:
        (entry,) = (await self.survey()).entries
        return entry


@pytest.fixture
def world(cluster: FakeCluster, records: ClusterRecords) -> World:
    return World(cluster, records)


async def living(world: World) -> None:
    await world.record()
    world.namespace()
    world.database()


async def expired(world: World) -> None:
    await world.record(expires_at=EARLIER)
    world.namespace()
    world.database()


async def test_a_living_preview_is_not_in_the_plan(world: World) -> None:
    await living(world)
    plan = await world.survey()
    assert plan.entries == ()
    assert (plan.seen.records, plan.seen.namespaces, plan.seen.databases, plan.seen.runs) == (1, 1, 2, 0)


async def test_an_expired_preview_is_asked_to_be_taken_away(world: World) -> None:
    await expired(world)
    line = await world.clean(await world.only_entry())
    assert line.fate == "requested"
    ((name, request),) = world.runs.requests
    assert isinstance(request, TeardownRequest)
    assert (name, request.reason, request.condition) == ("pr-1", "expired", Condition(generation=3, expired=True))


async def test_an_update_without_a_verdict_goes_back_to_what_was_good(world: World) -> None:
    await world.record(state="running", good=Good(request=deploy("good"), generation=2))
    world.namespace()
    assert (await world.clean(await world.only_entry())).fate == "requested"
    ((_, request),) = world.runs.requests
    assert isinstance(request, DeployRequest)
    assert (request.commit, request.condition) == ("abcdef1", Condition(generation=3))
    assert request.id != "good"


async def test_a_late_write_is_noticed_and_what_was_good_is_deployed_again(world: World) -> None:
    urls = Urls(webapp="https://pr-1.test", temporal_ui="https://temporal-pr-1.test")
    ready = Outcome(request_id="d1", state="ready", pr=1, generation=3, urls=urls)
    await world.record(good=Good(request=deploy(), generation=3), outcome=ready)
    world.namespace()
    world.cluster.put({"kind": "RoleBinding", "metadata": {"name": STACK_ROLE, "namespace": "pr-1"}})
    for name, generation in (("webapp", "3"), ("temporal", "2")):
        metadata = {"name": name, "namespace": "pr-1", "labels": {MANAGED_BY: MANAGER}, "annotations": {ANNOTATION_GENERATION: generation}}
        world.cluster.put({"kind": "Deployment", "metadata": metadata})
    entry = await world.only_entry()
    assert (entry.category, entry.why) == (Category.OVERWRITTEN, "generation 2 was written over generation 3")
    assert (await world.clean(entry)).fate == "requested"
    ((_, request),) = world.runs.requests
    assert isinstance(request, DeployRequest)
    assert (request.commit, request.condition) == (deploy().commit, Condition(generation=3))


async def test_an_orphan_is_taken_by_what_its_namespace_says(world: World) -> None:
    world.namespace("pr-9", "9")
    assert (await world.clean(await world.only_entry())).fate == "requested"
    ((name, request),) = world.runs.requests
    assert (name, request.pr, request.repository) == ("pr-9", 9, REPOSITORY)
    assert isinstance(request, TeardownRequest)
    assert request.condition == Condition(generation=0)


async def test_databases_that_nothing_else_knows_of_are_dropped(world: World) -> None:
    world.database()
    line = await world.clean(await world.only_entry())
    assert (line.entry.action, line.fate) == (Action.DROP, "dropped")
    assert world.databases.stored == {}
    assert world.runs.requests == []


async def test_what_cannot_be_dropped_is_told(world: World) -> None:
    world.database()
    world.databases.held["Role pr_1"] = "owner of database x"
    line = await world.clean(await world.only_entry())
    assert (line.fate, line.note) == ("failed", "still there: Role pr_1: owner of database x")


@pytest.mark.parametrize("what", ["record", "namespace"])
async def test_what_appears_before_the_lock_is_had_keeps_its_databases(world: World, what: str) -> None:
    world.database()
    entry = await world.only_entry()
    drop = world.databases.drop

    async def after_something_appeared(names: Names, guard: Callable[[], Coroutine[Any, Any, None]]) -> Any:
        if what == "record":
            await world.record()
        else:
            world.namespace()
        return await drop(names, guard)

    world.databases.drop = after_something_appeared  # type: ignore[method-assign,assignment]
    assert (await world.clean(entry)).fate == "skipped"
    assert world.databases.stored


async def test_an_old_record_of_nothing_is_removed(world: World) -> None:
    await world.record(kind="teardown", state="gone", expires_at=None, changed_at=NOON - KEPT_RECORDS)
    line = await world.clean(await world.only_entry())
    assert (line.entry.category, line.fate) == (Category.FORGOTTEN, "removed")
    assert await world.records.read(Names("pr-1")) is None


async def test_a_claim_in_between_wins_over_removing_the_record(world: World) -> None:
    await world.record(kind="teardown", state="gone", expires_at=None, changed_at=NOON - KEPT_RECORDS)
    entry = await world.only_entry()
    forget = world.records.forget

    async def after_a_claim(*arguments: Any) -> bool:
        await world.record(generation=4, state="running")
        return await forget(*arguments)

    world.records.forget = after_a_claim  # type: ignore[method-assign,assignment]
    with pytest.raises(ConflictError):
        await world.clean(entry)
    assert await world.records.read(Names("pr-1")) is not None
    assert (await world.clean(entry)).fate == "skipped", "the next try of the step sees it"


async def test_what_has_changed_since_the_plan_is_skipped(world: World) -> None:
    await expired(world)
    entry = await world.only_entry()
    changes: list[dict[str, Any]] = [
        {},
        {"expires_at": EARLIER, "pinned": True},
        {"expires_at": EARLIER, "generation": 4},
        {"expires_at": EARLIER, "state": "running"},
    ]
    for change in changes[:3]:
        await world.record(**change)
        assert (await world.clean(entry)).fate == "skipped", change
    await world.record(expires_at=EARLIER)
    world.runs.opened.add("pr-1")
    assert (await world.clean(entry)).note == "a run works on it"
    assert world.runs.requests == []


async def test_a_run_that_the_list_does_not_show_yet_is_seen_before_acting(world: World) -> None:
    await world.record(state="running")
    world.namespace()
    world.runs.opened, world.runs.seen = {"pr-1"}, set()
    assert (await world.clean(await world.only_entry())).fate == "skipped"


async def test_a_run_that_ends_during_the_look_does_not_make_its_preview_stale(world: World) -> None:
    """The record is read, then the run settles and closes, then the run is looked for: together that looked like a run that was lost."""
    await world.record(state="running")
    world.namespace()
    world.runs.opened = {"pr-1"}
    world.runs.seen = set()
    entry = await world.only_entry()

    async def it_has_just_settled_and_closed(namespace: str) -> bool:
        await world.record(state="ready")
        return False

    is_open, world.runs.is_open = world.runs.is_open, it_has_just_settled_and_closed  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="just changed"):
        await world.clean(entry)
    world.runs.is_open, world.runs.opened = is_open, set()  # type: ignore[method-assign]
    assert (await world.clean(entry)).fate == "skipped"
    assert world.runs.requests == []


async def test_a_step_that_is_tried_again_asks_once(world: World) -> None:
    await expired(world)
    entry = await world.only_entry()
    await world.clean(entry)
    ((_, request),) = world.runs.requests
    await world.record(kind="teardown", state="running", generation=4, request_id=request.id)
    assert (await world.clean(entry)).fate == "requested"
    assert len(world.runs.requests) == 1


async def test_request_ids_differ_by_run_namespace_and_generation(world: World) -> None:
    await expired(world)
    entry = await world.only_entry()
    ids = {request_id(run, entry.model_copy(update=change)) for run in "ab" for change in ({}, {"generation": 9}, {"namespace": "pr-2"})}
    assert len(ids) == 6
    assert all(len(each) <= 64 for each in ids)


async def test_a_closed_pull_request_is_taken_even_while_its_deploy_runs(world: World) -> None:
    await living(world)
    world.runs.opened.add("pr-1")
    world.forge.states[REPOSITORY, 1] = "closed"
    plan = await world.survey()
    assert (plan.seen.asked, plan.entries[0].category) == (1, Category.CLOSED)
    assert (await world.clean(plan.entries[0])).fate == "requested"
    ((_, request),) = world.runs.requests
    assert request.condition == Condition(generation=3)  # type: ignore[union-attr]


async def test_a_pull_request_that_was_reopened_since_is_left_alone(world: World) -> None:
    await living(world)
    world.forge.states[REPOSITORY, 1] = "closed"
    entry = await world.only_entry()
    world.forge.states[REPOSITORY, 1] = "open"
    assert (await world.clean(entry)).fate == "skipped"
    world.forge.failures.append(UnavailableError("ask"))
    with pytest.raises(UnavailableError):
        await world.clean(entry)
    assert world.runs.requests == []


async def test_a_forge_that_gives_no_answer_is_told_and_nothing_follows(world: World) -> None:
    await living(world)
    world.forge.states[REPOSITORY, 1] = "closed"
    world.forge.failures.append(UnavailableError("ask", answer="503"))
    plan = await world.survey()
    assert plan.entries == ()
    assert "pr-1: ask; the answer was: 503" in plan.unasked[0]


async def test_a_forge_that_is_away_is_not_asked_for_all(world: World) -> None:
    for pr in range(1, 7):
        await world.record(pr)
    world.forge.failures = [RejectedError("ask", answer="401")] * 6
    plan = await world.survey()
    assert world.forge.asked == 3
    assert [text.split(":")[0] for text in plan.unasked] == [f"pr-{pr}" for pr in range(1, 7)]
    assert "not asked" in plan.unasked[-1]


async def test_an_expired_preview_needs_no_forge(world: World) -> None:
    await expired(world)
    world.forge.failures = [UnavailableError("ask")]
    plan = await world.survey()
    assert ([entry.category for entry in plan.entries], plan.unasked, world.forge.asked) == ([Category.EXPIRED], (), 0)


async def test_what_belongs_to_others_is_neither_planned_nor_counted(world: World) -> None:
    world.cluster.put(namespace(labels={}, name="pr-5"))
    world.cluster.put(namespace(name="contract-1"))
    world.database("elsewhere-7")
    world.runs.opened.add("elsewhere-7")
    plan = await world.survey()
    assert plan == Plan(seen=plan.seen)
    assert (plan.seen.namespaces, plan.seen.databases, plan.seen.runs) == (0, 0, 0)


async def test_what_cannot_be_judged_is_told_and_left_alone(world: World) -> None:
    world.namespace("pr-2", "2")
    metadata = {"name": Names("pr-2").record, "namespace": HOME, "labels": {MANAGED_BY: MANAGER}}
    world.cluster.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"record": '{"of": "the future"}'}})
    world.cluster.put(namespace(labels={}, name="pr-3"))
    world.database("pr-3")
    world.namespace("pr-4", "no number")
    plan = await world.survey()
    assert plan.entries == ()
    assert [next(name for name in ("pr-2", "pr-3", "pr-4") if name in text) for text in plan.problems] == ["pr-2", "pr-3", "pr-4"]


async def test_a_plan_is_bounded(world: World) -> None:
    for number in range(1, MOST_ENTRIES + 11):
        world.database(f"pr-{number}")
    plan = await world.survey()
    assert (len(plan.entries), plan.postponed) == (MOST_ENTRIES, 10)
    assert len(plan.model_dump_json()) < 100_000
