"""Proves what is told of a stack that is not ready, and what is only waited for.

tests/fixtures/diagnosis/ready.json is a namespace with two workloads that are ready, in the JSON of the API. Every other file there is one
case with an English sentence as its name: changes to those objects (a JSON merge patch by kind and name), and what is expected.
"""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from stack.diagnosis import Ready, Snapshot, Waiting, judge, needs_logs, out_of_time
from stack.diagnosis.verdict import Judgement
from stack.diagnosis.words import tail, without_secrets
from stack.models import Category, Diagnosis

FIXTURES = Path(__file__).parents[1] / "fixtures" / "diagnosis"
CASES = {path.stem.replace("-", " "): path for path in sorted(FIXTURES.glob("*.json")) if path.stem != "ready"}
SINCE = datetime(2026, 5, 4, 12, 0, 0, 400_000, tzinfo=UTC)
POD, TEMPORAL_POD = "webapp-6d9f7c5b8-x2x9k", "temporal-7c4b9d8f6-q8w4z"
EVENTUALLY_TOLD = {Category.IMAGE, Category.SECRET_KEY, Category.QUOTA, Category.DATABASE}

Json = dict[str, Any]


def read(path: Path) -> Json:
    value: Json = json.loads(path.read_text(encoding="utf-8"))
    return value


def snapshot_of(case: Json) -> Snapshot:
    ready = read(FIXTURES / "ready.json")
    kinds = {kind: [_changed(obj, case) for obj in ready[kind]] for kind in ("deployments", "replicaSets", "pods")}
    kinds = {kind: [obj for obj in objects if _key(obj) not in case.get("remove", [])] for kind, objects in kinds.items()}
    for kind, objects in case.get("add", {}).items():
        kinds[kind] += objects
    return Snapshot(
        since=SINCE,
        deployments=kinds["deployments"],
        pods=kinds["pods"],
        replica_sets=kinds["replicaSets"],
        events=case.get("events", []),
        logs={tuple(name.split("/")): text for name, text in case.get("logs", {}).items()},
        deadlines={name: timedelta(seconds=seconds) for name, seconds in case.get("deadlines", {}).items()},
    )


def _key(obj: Json) -> str:
    return f"{obj['kind']}/{obj['metadata']['name']}"


def _changed(obj: Json, case: Json) -> Json:
    return _merged(obj, case.get("changes", {}).get(_key(obj), {}))


def _merged(value: Json, patch: Json) -> Json:
    """RFC 7386: null removes, mappings are merged, everything else is replaced."""
    result = deepcopy(value)
    for key, new in patch.items():
        result[key] = _merged(result.get(key) or {}, new) if isinstance(new, dict) else new
        if new is None:
            del result[key]
    return result


def judged(case: Json) -> Judgement:
    return judge(snapshot_of(case), SINCE + timedelta(seconds=case["secondsAfterApply"]))


def check(judgement: Judgement, expected: Json) -> None:
    if "ready" in expected:
        assert judgement == Ready()
    elif "waiting" in expected:
        assert isinstance(judgement, Waiting), judgement
        assert expected["waiting"] in judgement.reason
    else:
        assert isinstance(judgement, Diagnosis), judgement
        assert (judgement.category, judgement.object) == (expected["category"], expected["object"])
        assert expected["summary"] in judgement.summary
        assert expected.get("detail", "") in judgement.detail
        assert judgement.resolution


@pytest.mark.parametrize("name", CASES)
def test_each_state_of_a_namespace_gives_its_judgement(name: str) -> None:
    case = read(CASES[name])
    check(judged(case), case["expect"])


def test_two_workloads_that_have_rolled_out_are_ready() -> None:
    assert judged({"secondsAfterApply": 4}) == Ready()


def test_objects_that_were_made_only_now_and_have_no_status_yet_are_waited_for() -> None:
    case: Json = {"secondsAfterApply": 1, "changes": {f"Pod/{POD}": {"status": None}, "Deployment/webapp": {"status": None}}}
    assert judged(case) == Waiting("Deployment webapp has not been looked at by the cluster yet")
    case["changes"]["Deployment/webapp"] = {"status": {"readyReplicas": None, "availableReplicas": None}}
    assert judged(case) == Waiting(f"Pod {POD} is not ready yet")


def test_a_namespace_without_anything_is_waited_for() -> None:
    assert judge(Snapshot(since=SINCE, deployments=[], replica_sets=[], pods=[]), SINCE) == Waiting("Deployment temporal is not there yet")


@pytest.mark.parametrize("name", [name for name, path in CASES.items() if "category" in read(path)["expect"]])
def test_what_was_told_would_not_have_been_told_had_it_become_ready(name: str) -> None:
    case = read(CASES[name])
    case["changes"], case["remove"], case["add"] = {}, [], {}
    assert judged(case) == Ready()


@pytest.mark.parametrize("name", [name for name, path in CASES.items() if read(path)["expect"].get("category") in EVENTUALLY_TOLD])
def test_what_must_be_told_within_fifteen_seconds_is(name: str) -> None:
    assert read(CASES[name])["secondsAfterApply"] <= 15 or "slow twice" in name


@pytest.mark.parametrize("name", [name for name, path in CASES.items() if "logs" in read(path)])
def test_the_logs_that_a_judgement_uses_were_asked_for(name: str) -> None:
    case = read(CASES[name])
    asked = {f"{pod}/{container}" for pod, container, _ in needs_logs(snapshot_of(case))}
    assert set(case["logs"]) <= asked


def test_a_container_that_runs_again_is_asked_for_the_log_of_the_one_before() -> None:
    case = read(CASES["a container that used too much memory is told at once"])
    assert needs_logs(snapshot_of(case)) == [(POD, "backend", True)]


def test_a_container_that_is_ready_is_asked_for_no_log() -> None:
    assert needs_logs(snapshot_of({})) == []


def test_a_container_that_ended_and_waits_for_its_first_restart_is_asked_for_its_own_log() -> None:
    case = read(CASES["a database that does not answer a new pod at once is waited for"])
    assert needs_logs(snapshot_of(case)) == [(TEMPORAL_POD, "temporal-server", False)]


def test_when_the_time_is_up_what_was_waited_for_is_told_with_the_log() -> None:
    case = read(CASES["a probe that has not passed yet is waited for"]) | {"logs": {f"{POD}/backend": "still warming up\n"}}
    diagnosis = out_of_time(snapshot_of(case), SINCE + timedelta(seconds=25), timedelta(minutes=5))
    assert (diagnosis.category, diagnosis.object) == (Category.DEADLINE, f"Pod {POD} container backend")
    assert "not ready within 300 s" in diagnosis.summary
    assert "statuscode: 503" in diagnosis.detail
    assert "still warming up" in diagnosis.detail


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:hunter2@db/x", "postgresql://me:***@db/x"),
        ("redis://:hunter2@cache", "redis://:***@cache"),
        ('{"password": "hunter2", "user": "me"}', '{"password": "***", "user": "me"}'),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"),
        ("api-key: hunter2", "api-key: ***"),
        ("password authentication failed", "password authentication failed"),
    ],
    ids=["a URL", "a URL without a user", "JSON", "a variable", "a header", "a message about passwords"],
)
def test_what_looks_like_a_secret_is_left_out_of_a_diagnosis(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_of_a_long_log_the_end_is_shown() -> None:
    shown = tail("\n".join(f"line {number} " + "x" * 500 for number in range(100)))
    assert len(shown) <= 2000
    assert "line 99" in shown
