"""The main job: a pull request gets its own running copy, keeps it through updates, and loses it again without a trace."""

from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from stack.names import Names
from tests.e2e.conftest import COMMIT
from tests.e2e.platform import ARTIFACTS, INGRESS, Footprint, Preview, kubectl, pod_uids, query, starter

CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def test_a_preview_answers_in_a_browser_with_the_result_of_its_own_worker(ready: Preview) -> None:
    urls = status(ready)["urls"]
    seen = _see(urls["webapp"], ARTIFACTS / "preview.png")
    assert seen["greeting"].startswith("Welcome"), seen
    assert f"PR {ready.pr}" in seen["poured-by"], "the worker that answered is this pull request's"
    assert "0123456" in seen["preview"], "the page is of this commit"
    assert "signed ✓" in seen["signed"], seen
    ui = httpx.get(f"http://{INGRESS[0]}:{INGRESS[1]}/", headers={"Host": f"temporal-{ready.host}"})
    assert ui.status_code == 200


def status(preview: Preview) -> dict[str, Any]:
    result = starter("status", "--pr", str(preview.pr), "--json")
    assert result.code == 0, result
    return result.outcome


def test_status_and_list_tell_of_a_preview(ready: Preview) -> None:
    outcome = status(ready)
    assert (outcome["state"], outcome["sha"]) == ("ready", COMMIT)
    assert f"{ready.pr} " in starter("list").out


def test_the_expiry_and_the_owner_are_on_the_namespace(ready: Preview) -> None:
    annotations = kubectl("get", "namespace", ready.namespace, "-o", "jsonpath={.metadata.annotations}")
    assert f'"previews.temporal.io/commit":"{COMMIT}"' in annotations
    assert "previews.temporal.io/expires-at" in annotations


def test_a_temporal_server_takes_at_most_eight_connections(ready: Preview) -> None:
    [(sessions,)] = query("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", f"pr_{ready.pr}")
    assert 0 < sessions <= 8


def test_the_same_deploy_twice_keeps_the_pods(ready: Preview) -> None:
    before, generation = pod_uids(ready.namespace), status(ready)["generation"]
    again = ready.deploy(COMMIT)
    assert again.code == 0, again
    assert again.outcome["generation"] == generation + 1
    assert pod_uids(ready.namespace) == before


def test_an_update_replaces_only_what_changed(ready: Preview) -> None:
    before = pod_uids(ready.namespace)
    ready.stack["webapp"]["containers"][0].setdefault("env", {})["COLOUR"] = "green"
    result = ready.deploy(COMMIT)
    assert result.code == 0, result
    after = pod_uids(ready.namespace)
    assert after["temporal"] == before["temporal"]
    assert after["webapp"] != before["webapp"]


def test_a_teardown_leaves_nothing_and_says_what_it_saw_gone(preview: Preview) -> None:
    assert preview.deploy().code == 0
    names = Names(preview.namespace)
    assert Footprint.now().of(preview.namespace) == {preview.namespace, *names.databases, *names.roles}
    result = preview.teardown()
    assert (result.code, result.outcome["state"]) == (0, "gone"), result
    items = {item["object"]: item for item in result.outcome["receipt"]["items"]}
    assert all(item["seen_gone"] for item in items.values()), items
    assert {f"Namespace {preview.namespace}", f"Database pr_{preview.pr}_temporal", f"Role pr_{preview.pr}"} <= items.keys()
    assert Footprint.now().of(preview.namespace) == set()
    assert preview.teardown().outcome["state"] == "gone", "a second teardown is harmless"


def _see(url: str, screenshot: Path) -> dict[str, str]:
    """What a real browser shows once the page's workflow has answered; a screenshot is kept."""
    screenshot.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page: Page = browser.new_page()
        page.goto(url)
        page.locator("#greeting[data-state=ready]").wait_for(timeout=15_000)
        page.screenshot(path=screenshot, full_page=True)
        seen = {name: page.inner_text(f"#{name}") for name in ("greeting", "poured-by", "preview", "signed")}
        browser.close()
    return seen
