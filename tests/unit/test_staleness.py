"""Proves what the clean-up takes and what it leaves alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stack.cleanup import Action, Category, Entry
from stack.models import Condition, DeployRequest, Good, Outcome, Record, State, Urls
from stack.names import LABEL_PR, MANAGED_BY, MANAGER, could_be, namespace_for
from stack.staleness import KEPT_RECORDS, Facts, NamespaceFacts, PrState, in_order, judge, problem, request_for, worth_asking
from tests.activities.conftest import namespace as namespace_object
from tests.fakes.requests import NOON, REPOSITORY, deploy

NOW = NOON
LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)
LONG_AGO = NOW - KEPT_RECORDS
OURS = NamespaceFacts(ours=True, repository=REPOSITORY, pr=1)
GOING = replace(OURS, terminating=True)
FOREIGN = NamespaceFacts(ours=False)
OF_ANOTHER = replace(OURS, repository="other/app")
NAMELESS = NamespaceFacts(ours=True)
GOOD = Good(request=deploy("good"), generation=4)
DATABASES = ("Database pr_1_temporal", "Role pr_1")


def record(state: State = "ready", kind: str = "deploy", **more: Any) -> Record:
    values = {"expires_at": LATER if kind == "deploy" else None, "changed_at": EARLIER, **more}
    return Record.model_validate(
        {"pr": 1, "repository": REPOSITORY, "generation": 5, "kind": kind, "requested_at": NOON, "state": state, **values}
    )


def facts(record: Record | None = None, namespace: NamespaceFacts | None = OURS, **more: Any) -> Facts:
    return Facts(namespace="pr-1", object=namespace, record=record, **{"stored": DATABASES, **more})


def nothing_left(record: Record | None = None, **more: Any) -> Facts:
    return facts(record, None, stored=(), **more)


def living(state: State = "ready", **more: Any) -> Record:
    """Its last verdict said where it answers."""
    urls = Urls(webapp="https://pr-1.test", temporal_ui="https://temporal-pr-1.test")
    return record(state, good=GOOD, outcome=Outcome(request_id="d", state=state, pr=1, urls=urls), **more)


EXPIRED: dict[str, Any] = {"expires_at": NOW}
TEARDOWN, REDEPLOY, DROP, FORGET = Action
STALE = {
    "a preview whose time is over": (facts(record(**EXPIRED)), Category.EXPIRED, TEARDOWN),
    "a failed first attempt whose evidence has been kept for long enough": (facts(record("failed", **EXPIRED)), Category.EXPIRED, TEARDOWN),
    "databases of an expired preview": (facts(record(**EXPIRED), None), Category.EXPIRED, TEARDOWN),
    "an expired preview whose update was terminated": (facts(record("running", good=GOOD, **EXPIRED)), Category.EXPIRED, TEARDOWN),
    "a preview of a closed pull request": (facts(record(), forge="closed"), Category.CLOSED, TEARDOWN),
    "a pinned preview of a closed pull request": (facts(record(pinned=True), forge="closed"), Category.CLOSED, TEARDOWN),
    "a deploy that runs for a closed pull request": (facts(record("running"), is_open=True, forge="closed"), Category.CLOSED, TEARDOWN),
    "a record that still means to deploy for a closed pull request": (nothing_left(record(), forge="closed"), Category.CLOSED, TEARDOWN),
    "a first attempt whose run was terminated": (facts(record("running")), Category.UNFINISHED, TEARDOWN),
    "a first attempt that was terminated before it made anything": (nothing_left(record("running")), Category.UNFINISHED, TEARDOWN),
    "a workload that a lost worker wrote too late": (facts(living(), generations=frozenset({4, 5})), Category.OVERWRITTEN, REDEPLOY),
    "a workload that was written too late after going back": (
        facts(living("failed"), generations=frozenset({5, 6})),
        Category.OVERWRITTEN,
        REDEPLOY,
    ),
    "an update whose run was terminated": (facts(record("running", good=GOOD)), Category.UNFINISHED, REDEPLOY),
    "a pinned update whose run was terminated": (
        facts(record("running", good=GOOD, pinned=True, **EXPIRED)),
        Category.UNFINISHED,
        REDEPLOY,
    ),
    "a cancelled first attempt that could not undo everything": (facts(record("cancelled"), None), Category.UNFINISHED, TEARDOWN),
    "a teardown whose run was terminated": (facts(record("running", "teardown")), Category.UNFINISHED, TEARDOWN),
    "a teardown that failed": (facts(record("failed", "teardown")), Category.UNFINISHED, TEARDOWN),
    "a teardown that was cancelled": (nothing_left(record("cancelled", "teardown")), Category.UNFINISHED, TEARDOWN),
    "databases whose namespace somebody deleted": (facts(record(), None), Category.DELETED, TEARDOWN),
    "a preview whose namespace somebody is deleting": (facts(record("failed"), GOING), Category.DELETED, TEARDOWN),
    "a namespace without a record": (facts(), Category.ORPHANED, TEARDOWN),
    "a namespace whose record says that it is gone": (facts(record("gone", "teardown"), stored=()), Category.ORPHANED, TEARDOWN),
    "databases whose record says that they are gone": (facts(record("gone", "teardown"), None), Category.ORPHANED, TEARDOWN),
    "databases that nothing else knows of": (facts(None, None), Category.ORPHANED, DROP),
    "an old record of a preview that is gone": (nothing_left(record("gone", "teardown", changed_at=LONG_AGO)), Category.FORGOTTEN, FORGET),
    "an old record of a cancelled attempt": (nothing_left(record("cancelled", changed_at=LONG_AGO)), Category.FORGOTTEN, FORGET),
    "an old record of a preview whose namespace is gone": (nothing_left(record(changed_at=LONG_AGO)), Category.FORGOTTEN, FORGET),
}
LEFT_ALONE = {
    "a preview whose workloads are of its generation": facts(living(), generations=frozenset({5})),
    "mixed workloads while a run is open": facts(living(), generations=frozenset({4, 5}), is_open=True),
    "mixed workloads of an attempt that failed": facts(record("failed", good=GOOD), generations=frozenset({4, 5})),
    "a living preview": facts(record()),
    "a living preview of an open pull request": facts(record(), forge="open"),
    "a pinned preview whose time is over": facts(record(pinned=True, **EXPIRED)),
    "a preview that never expires": facts(record(expires_at=None)),
    "a failed first attempt that can still be looked at": facts(record("failed")),
    "a failed update that went back": facts(record("failed", good=GOOD)),
    "a cancelled update that went back": facts(record("cancelled", good=GOOD)),
    "a cancelled first attempt of which nothing is left": nothing_left(record("cancelled")),
    "a deploy that runs": facts(record("running"), is_open=True),
    "a deploy that runs although the preview has expired": facts(record(**EXPIRED), is_open=True),
    "a teardown that runs": facts(record("running", "teardown"), is_open=True),
    "a teardown that runs for a closed pull request": facts(record("running", "teardown"), is_open=True, forge="closed"),
    "a run that has not been accepted yet": facts(is_open=True),
    "databases that a run without a record is responsible for": facts(None, None, is_open=True),
    "a preview that is gone": nothing_left(record("gone", "teardown")),
    "a preview that is gone, of a closed pull request": nothing_left(record("gone", "teardown"), forge="closed"),
    "a record that is not old enough": nothing_left(record("gone", "teardown", changed_at=LONG_AGO + timedelta(seconds=1))),
    "an old record of a preview that lives": facts(record(changed_at=LONG_AGO)),
    "an old record while a run is open": nothing_left(record("gone", "teardown", changed_at=LONG_AGO), is_open=True),
    "a preview whose namespace and databases somebody deleted": nothing_left(record()),
    "a namespace that is not ours": facts(None, FOREIGN),
    "a namespace that is not ours under an expired record": facts(record(**EXPIRED), FOREIGN),
    "a namespace of another repository": facts(record(**EXPIRED), OF_ANOTHER, forge="closed"),
    "a namespace that does not say whose it is": facts(None, NAMELESS),
    "nothing at all": nothing_left(),
}


@pytest.mark.parametrize(("found", "category", "action"), STALE.values(), ids=STALE)
def test_it_takes(found: Facts, category: Category, action: Action) -> None:
    entry = judge(found, NOW)
    assert entry is not None
    assert (entry.category, entry.action, entry.generation) == (category, action, found.generation)
    assert entry.why
    if action is not Action.DROP:
        assert (entry.repository, entry.pr) == (REPOSITORY, 1)


@pytest.mark.parametrize("found", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_it_leaves_alone(found: Facts) -> None:
    assert judge(found, NOW) is None


@given(
    living=st.builds(
        record,
        st.sampled_from(["ready", "failed"]),
        good=st.sampled_from([None, GOOD]),
        changed_at=st.integers(0, 10**7).map(lambda age: NOW - timedelta(seconds=age)),
    ),
    expiry=st.sampled_from([{"pinned": True, "expires_at": EARLIER}, {"expires_at": None}])
    | st.integers(1, 10**6).map(lambda left: {"expires_at": NOW + timedelta(microseconds=left)}),
    is_open=st.booleans(),
    forge=st.sampled_from(["open", "unknown"]),
    stored=st.sampled_from([(), DATABASES]),
)
def test_a_preview_that_lives_and_is_wanted_is_never_touched(
    *, living: Record, expiry: dict[str, Any], is_open: bool, forge: PrState, stored: tuple[str, ...]
) -> None:
    found = facts(living.model_copy(update=expiry), stored=stored, is_open=is_open, forge=forge)
    assert judge(found, NOW) is None


everything = st.builds(
    facts,
    st.none()
    | st.builds(
        record,
        st.sampled_from(["ready", "failed", "superseded", "cancelled", "gone", "running"]),
        st.sampled_from(["deploy", "teardown"]),
        good=st.sampled_from([None, GOOD]),
        pinned=st.booleans(),
        expires_at=st.sampled_from([None, EARLIER, LATER]),
        changed_at=st.sampled_from([LONG_AGO, EARLIER]),
    ),
    st.sampled_from([None, OURS, GOING, FOREIGN, OF_ANOTHER, NAMELESS]),
    stored=st.sampled_from([(), DATABASES]),
    is_open=st.booleans(),
    forge=st.sampled_from(["open", "closed", "unknown"]),
)


@given(everything)
def test_what_is_not_ours_is_never_touched_and_a_run_is_only_stopped_for_a_closed_pull_request(found: Facts) -> None:
    entry = judge(found, NOW)
    if entry is None:
        return
    assert found.object not in {FOREIGN, NAMELESS}
    assert found.record is None or found.object != OF_ANOTHER
    assert not found.is_open or (entry.category, entry.action) == (Category.CLOSED, Action.TEARDOWN)
    assert entry.action is not Action.DROP or (found.record is None and found.object is None)
    assert entry.action is not Action.FORGET or not found.exists


@given(everything)
def test_every_entry_can_be_carried_out_and_means_what_was_seen(found: Facts) -> None:
    entry = judge(found, NOW)
    if entry is None or entry.action in {Action.DROP, Action.FORGET}:
        return
    request = request_for(entry, found.record, request_id="c", now=NOW)
    assert request.condition == Condition(generation=found.generation, expired=entry.category is Category.EXPIRED)
    assert (request.id, request.repository, request.pr) == ("c", *(found.subject or ()))


def test_going_back_asks_for_what_was_good() -> None:
    entry = judge(facts(record("running", good=GOOD)), NOW)
    assert entry is not None
    request = request_for(entry, record("running", good=GOOD), request_id="c", now=NOW)
    assert isinstance(request, DeployRequest)
    assert request.model_copy(update={"id": "good", "condition": None}) == GOOD.request


def test_the_forge_is_asked_only_where_its_answer_matters() -> None:
    assert worth_asking(facts(record()), NOW)
    assert worth_asking(facts(record("running"), is_open=True), NOW)
    for pointless in (
        facts(record(**EXPIRED)),
        facts(record("running", "teardown"), is_open=True),
        nothing_left(record("gone", "teardown")),
        facts(record(), FOREIGN),
        facts(),
    ):
        assert not worth_asking(pointless, NOW)


def test_what_cannot_be_judged_is_told() -> None:
    assert "not ours" in problem(facts(None, FOREIGN))
    assert "not ours" in problem(facts(record(), OF_ANOTHER, stored=()))
    assert "does not say" in problem(facts(None, NAMELESS))
    for clear in (facts(record()), facts(None, FOREIGN, stored=()), nothing_left()):
        assert not problem(clear)


def test_a_namespace_object_is_read() -> None:
    made = namespace_object(labels={"app.kubernetes.io/managed-by": "temporal-previews", "previews.temporal.io/pr": "1"})
    assert NamespaceFacts.of(made) == OURS
    assert NamespaceFacts.of({"metadata": {"name": "x", "labels": {"previews.temporal.io/pr": "²"}}}) == FOREIGN
    assert NamespaceFacts.of(namespace_object(deletionTimestamp="now")).terminating


@pytest.mark.parametrize("pr", ["0", "01", "1234567890", "x", ""])
@pytest.mark.parametrize("repository", ["", "shop", "octo/shop/x", "octo/sh op", "/", "octo/" + "x" * 101])
def test_nonsense_on_a_namespace_is_no_subject(pr: str, repository: str) -> None:
    found = NamespaceFacts.of(namespace_object(repository, {MANAGED_BY: MANAGER, LABEL_PR: pr}))
    assert (found.ours, found.pr, found.repository) == (True, 0, "")
    assert judge(facts(None, found), NOW) is None
    assert "does not say" in problem(facts(None, found))


@pytest.mark.parametrize("template", ["pr-{pr}", "{app}-{pr}", "previews-of-the-whole-company-{app}-{pr}", "x{pr}-{app}"])
@pytest.mark.parametrize("app", ["a", "shop", "a-name-as-long-as-the-stack-file-allows"])
@pytest.mark.parametrize("pr", [1, 42, 999_999_999])
def test_every_name_that_the_template_gives_is_known(template: str, app: str, pr: int) -> None:
    assert could_be(namespace_for(pr, app, template), template)


@pytest.mark.parametrize(
    "name", ["pr-0", "pr-01", "pr-1234567890", "pr-x", "apr-1", "pr-1-app", "contract-ab12", "", "pr-" + "a" * 40 + "-abcdef01"]
)
def test_names_of_others_are_not_taken_for_ours(name: str) -> None:
    assert not could_be(name, "pr-{pr}")


def test_what_is_most_urgent_comes_first() -> None:
    entries = [
        Entry(namespace=name, category=category, action=TEARDOWN, generation=1, why="x")
        for name, category in [("pr-2", Category.FORGOTTEN), ("pr-3", Category.EXPIRED), ("pr-1", Category.EXPIRED)]
    ]
    assert [entry.namespace for entry in in_order(entries)] == ["pr-1", "pr-3", "pr-2"]
