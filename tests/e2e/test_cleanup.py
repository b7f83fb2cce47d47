"""One clean-up, and what is stale is gone or back to good; what lives is left alone."""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus

from gateways.postgres import PostgresServer
from gateways.postgres_databases import PostgresDatabases
from stack.databases import Clone, DatabasePlan, Role
from stack.names import ANNOTATION_EXPIRES_AT, ANNOTATION_PINNED, ANNOTATION_REPOSITORY, LABEL_PR, MANAGED_BY, MANAGER, Names
from tests.e2e.conftest import NUMBERS
from tests.e2e.platform import INGRESS, REPOSITORY, Footprint, Preview, Result, kubectl, query, starter

NEVER_READY = ["python", "-c", "import time; time.sleep(3600)"]
SECONDS = 90
"""Until what a clean-up has asked for is done."""


@pytest.fixture(autouse=True)
def _the_schedule_waits() -> Iterator[None]:
    """So that what is stale is there until this test's own clean-up; other schedules of the platform go on."""
    assert starter("schedule", "delete").code == 0
    yield
    assert starter("schedule", "apply").code == 0


@pytest.fixture
def orphan() -> Iterator[str]:
    """A namespace name whose role and database bear our mark, and that nothing else knows of."""
    namespace = f"pr-{next(NUMBERS)}"
    names = Names(namespace)
    plan = DatabasePlan(namespace, (Role(names.app_role, "a password", 2),), (Clone(names.app_database, names.app_role),))
    asyncio.run(databases().create(plan, _allowed))
    yield namespace
    asyncio.run(databases().drop(names, _allowed))


@pytest.fixture
def orphaned_namespace() -> Iterator[str]:
    """A namespace as the product makes it, without a record."""
    number = next(NUMBERS)
    namespace = f"pr-{number}"
    kubectl("create", "namespace", namespace)
    kubectl("label", "namespace", namespace, f"{MANAGED_BY}={MANAGER}", f"{LABEL_PR}={number}")
    kubectl("annotate", "namespace", namespace, f"{ANNOTATION_REPOSITORY}={REPOSITORY}")
    yield namespace
    kubectl("delete", "namespace", namespace, "--ignore-not-found")


def databases() -> PostgresDatabases:
    """As the deployer."""
    return PostgresDatabases(PostgresServer(Path(os.environ["PREVIEWS_DATABASE_URL_FILE"]), Path(os.environ["PREVIEWS_DATABASE_CA_FILE"])))


async def _allowed() -> None:
    pass


def test_after_one_clean_up_everything_stale_is_gone_or_back_to_good(
    orphan: str, orphaned_namespace: str, new_preview: Callable[[], Preview]
) -> None:
    living, expired, lost, updated = (new_preview() for _ in range(4))
    for preview in (living, expired, updated):
        assert preview.deploy("1111111").code == 0
    assert extend(expired, "--ttl", "1s").code == 0
    terminated(lost, "2222222")
    terminated(updated, "2222222")
    dry = cleanup("--dry-run")
    planned = {line["entry"]["namespace"]: (line["entry"]["category"], line["entry"]["action"], line["fate"]) for line in lines(dry)}
    wanted = {
        orphan: ("orphaned", "drop-databases"),
        orphaned_namespace: ("orphaned", "teardown"),
        expired.namespace: ("expired", "teardown"),
        lost.namespace: ("unfinished", "teardown"),
        updated.namespace: ("unfinished", "go-back"),
    }
    assert {name: planned.get(name) for name in wanted} == {name: (*how, "planned") for name, how in wanted.items()}
    assert living.namespace not in planned
    assert left_of(orphan)
    assert left_of(lost.namespace), "a dry run changes nothing"
    fates = {line["entry"]["namespace"]: line["fate"] for line in lines(cleanup())}
    assert {name: fates.get(name) for name in wanted} == dict.fromkeys(wanted, "requested") | {orphan: "dropped"}
    for namespace in (orphan, orphaned_namespace, expired.namespace, lost.namespace):
        wait_until(lambda namespace=namespace: not left_of(namespace), f"{namespace} is gone")  # type: ignore[misc]
    wait_until(lambda: commit_of(updated) == "1111111", "the update that was lost is back to what was good")
    assert answers(updated)
    assert answers(living)
    assert status(living)["generation"] == 1
    again = [line for line in lines(cleanup("--dry-run")) if line["entry"]["namespace"] in {*wanted, living.namespace}]
    assert again == [], "a second look finds nothing"


def test_a_pin_outlives_a_redeploy_and_the_end_of_its_time(preview: Preview) -> None:
    assert preview.deploy("1111111").code == 0
    assert extend(preview, "--pin").code == 0
    assert annotations(preview)[ANNOTATION_PINNED] == "true"
    assert preview.deploy("3333333").code == 0
    assert annotations(preview)[ANNOTATION_PINNED] == "true", "a redeploy keeps the pin"
    result = extend(preview, "--ttl", "1s")
    assert (result.code, result.outcome["note"], result.outcome["expires_at"]) == (0, "pinned: it never expires", None)
    time.sleep(1.5)
    assert preview.namespace not in {line["entry"]["namespace"] for line in lines(cleanup())}
    assert answers(preview)
    result = extend(preview, "--unpin")
    assert (result.code, result.outcome["note"][:11]) == (0, "expires at "), result
    assert ANNOTATION_PINNED not in annotations(preview)
    cleanup()
    wait_until(lambda: not left_of(preview.namespace), "without the pin it is taken away")
    assert status(preview)["state"] == "gone"


def test_an_extension_is_shown_to_people_and_counts_for_what_is_there(preview: Preview) -> None:
    assert preview.deploy("1111111").code == 0
    result = extend(preview, "--ttl", "80d")
    assert (result.code, result.outcome["state"]) == (0, "ready"), result
    until = datetime.fromisoformat(result.outcome["expires_at"])
    assert timedelta(days=79) < until - datetime.now(until.tzinfo) < timedelta(days=81)
    assert datetime.fromisoformat(annotations(preview)[ANNOTATION_EXPIRES_AT]) == until
    assert f"{until:%Y-%m-%d %H:%M} UTC" in starter("status", "--pr", str(preview.pr)).out
    foreign = starter("extend", "--pr", str(preview.pr), "--repo", "other/app", "--pin", "--json")
    assert foreign.code == 1, foreign
    assert f"belongs to {REPOSITORY}" in foreign.out
    assert preview.teardown().code == 0
    late = extend(preview, "--pin")
    assert (late.code, late.outcome["state"]) == (4, "superseded"), late
    assert "gone" in late.outcome["note"]


def test_a_preview_that_is_not_known_cannot_be_extended() -> None:
    result = starter("extend", "--pr", str(next(NUMBERS)), "--repo", REPOSITORY, "--pin")
    assert result.code == 4, result
    assert "nothing is known of it" in result.out


def test_the_schedule_is_made_once_and_taken_away_once() -> None:
    assert "was not there" in starter("schedule", "delete").out
    assert "created" in starter("schedule", "apply").out
    assert "updated" in starter("schedule", "apply").out
    assert asyncio.run(_scheduled()) == ("CleanupStalePreviews", timedelta(minutes=15), timedelta(minutes=10), "SKIP")
    assert "deleted" in starter("schedule", "delete").out


def test_two_people_may_clean_up_at_once(orphan: str, orphaned_namespace: str) -> None:
    one, other = asyncio.run(_both())
    assert (one, other) == (0, 0)
    wait_until(lambda: not left_of(orphan) | left_of(orphaned_namespace), "both are gone")


async def _both() -> tuple[int, int]:
    results = await asyncio.gather(asyncio.to_thread(cleanup), asyncio.to_thread(cleanup))
    return results[0].code, results[1].code


async def _scheduled() -> tuple[str, timedelta, timedelta | None, str]:
    described = await (await _client()).get_schedule_handle("cleanup-stale-previews").describe()
    schedule = described.schedule
    action: Any = schedule.action
    return action.workflow, schedule.spec.intervals[0].every, schedule.policy.catchup_window, schedule.policy.overlap.name


async def _client() -> Client:
    return await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"])


def cleanup(*words: str) -> Result:
    result = starter("cleanup", "--json", *words)
    assert result.code == 0, result
    return result


def lines(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = result.outcome["lines"]
    return found


def extend(preview: Preview, *words: str) -> Result:
    return starter("extend", "--pr", str(preview.pr), "--repo", REPOSITORY, "--json", *words)


def status(preview: Preview) -> dict[str, Any]:
    return starter("status", "--pr", str(preview.pr), "--json").outcome


def terminated(preview: Preview, sha: str) -> None:
    """A deploy of that commit whose run somebody terminates while it waits for the workloads."""
    worker = preview.stack["temporal"]["worker"]
    before, worker["command"] = worker["command"], NEVER_READY
    assert preview.deploy(sha, "--no-wait").code == 0
    wait_until(lambda: "wait" in status(preview)["note"], f"{preview.namespace} waits for its workloads")
    asyncio.run(_terminate(preview))
    worker["command"] = before


async def _terminate(preview: Preview) -> None:
    handle = (await _client()).get_workflow_handle(Names(preview.namespace).workflow_id)
    await handle.terminate("by a test")
    await _until_told(handle.describe)


async def _until_told(describe: Callable[[], Awaitable[Any]]) -> None:
    while (await describe()).status is WorkflowExecutionStatus.RUNNING:
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)  # the list of open runs learns of it a moment later; what it does not know yet, the next clean-up takes


def left_of(namespace: str) -> set[str]:
    """Namespace, databases and roles that are still there."""
    return Footprint.now().of(namespace)


def annotations(preview: Preview) -> dict[str, str]:
    text = kubectl("get", "namespace", preview.namespace, "-o", "jsonpath={.metadata.annotations}")
    found: dict[str, str] = json.loads(text)
    return found


def commit_of(preview: Preview) -> str:
    """Of the newest outcome, once it is ready."""
    outcome = status(preview)
    return outcome["sha"] if outcome["state"] == "ready" else ""


def answers(preview: Preview) -> bool:
    return httpx.get(f"http://{INGRESS[0]}:{INGRESS[1]}/", headers={"Host": preview.host}).status_code == 200


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(0.5)


def test_the_marks_of_an_orphan_are_those_of_the_product(orphan: str) -> None:
    """Otherwise the tests above would prove nothing."""
    role = Names(orphan).app_role
    assert query("SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", role) == [(f"{MANAGER}: stack {orphan}",)]
