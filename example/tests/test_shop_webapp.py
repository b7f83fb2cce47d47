"""The backend with a Temporal and a table in memory: what a browser and a probe get."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from shop.health import Health
from shop.models import Cup, Greeting, UnavailableError
from shop.settings import Settings, SettingsError
from shop.web import create_app

SECRET = "a secret of the tests"
ENV = {
    "DATABASE_URL": "postgresql://shop:hidden-password@db/shop",
    "TEMPORAL_SERVER_ADDRESS": "temporal.pr-1.svc.cluster.local:7233",
    "GREETING_SECRET": SECRET,
    "APP_ENV": "preview",
    "PREVIEW_PR": "1",
    "PREVIEW_COMMIT": "3f2a9c1",
}


class TeaBarInMemory:
    """Answers like the worker of PR 1, with a secret of its own."""

    def __init__(self, secret: str = SECRET) -> None:
        self.secret = secret
        self.closed = False

    def greet(self, name: str, workflow_id: str, timeout: float) -> Greeting:
        if self.closed:
            raise UnavailableError("no answer from Temporal at temporal:7233 within 10 s")
        text = f"Welcome, {name}!"
        signature = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        return Greeting(text, "Assam", signature, pr="1", commit="3f2a9c1")


class CupsInMemory:
    def __init__(self) -> None:
        self.cups: list[Cup] = []

    def add(self, workflow_id: str, name: str, greeting: Greeting, signed: bool) -> Cup:
        cup = Cup(workflow_id, name, greeting, signed, datetime(2026, 1, 1, tzinfo=UTC))
        self.cups.insert(0, cup)
        return cup

    def latest(self, limit: int) -> list[Cup]:
        return self.cups[:limit]


@pytest.fixture
def tea_bar() -> TeaBarInMemory:
    return TeaBarInMemory()


@pytest.fixture
def browser(tea_bar: TeaBarInMemory, tmp_path: Path) -> FlaskClient:
    return browser_of(tea_bar, tmp_path)


def browser_of(tea_bar: TeaBarInMemory, static: Path, health: Health | None = None) -> FlaskClient:
    (static / "assets").mkdir()
    (static / "index.html").write_text("<div id=root></div>")
    (static / "assets" / "index-1a2b.js").write_text("1")
    app = create_app(Settings.from_env(ENV), tea_bar, CupsInMemory(), health or Health({"database": answers}), static)
    return app.test_client()


def answers(_timeout: float) -> None:
    return


def refuses(_timeout: float) -> None:
    raise UnavailableError("connection refused")


def pour(browser: FlaskClient, name: str) -> Any:
    return browser.post("/api/greetings", json={"name": name}).get_json()


def test_a_cup_shows_the_workflows_result_and_which_worker_poured_it(browser: FlaskClient) -> None:
    cup = pour(browser, "  Ada ")
    assert cup["greeting"] == "Welcome, Ada!"
    assert cup["pouredBy"] == {"pr": "1", "commit": "3f2a9c1"}
    assert cup["signed"] is True


def test_poured_cups_are_listed_newest_first(browser: FlaskClient) -> None:
    pour(browser, "Ada")
    pour(browser, "Grace")
    assert [cup["name"] for cup in browser.get("/api/greetings").get_json()] == ["Grace", "Ada"]


def test_a_worker_with_another_secret_is_not_taken_for_ours(tmp_path: Path) -> None:
    assert pour(browser_of(TeaBarInMemory("another secret"), tmp_path), "Ada")["signed"] is False


def test_neither_secret_nor_signature_leaves_the_backend(browser: FlaskClient) -> None:
    page = browser.post("/api/greetings", json={"name": "Ada"}).text + browser.get("/api/about").text
    assert SECRET not in page
    assert "signature" not in page
    assert "hidden-password" not in repr(Settings.from_env(ENV))


@pytest.mark.parametrize(
    "body", [None, [], "Ada", {}, {"name": ""}, {"name": "  "}, {"name": 7}, {"name": "x" * 41}], ids=repr
)
def test_bad_input_is_refused_with_a_reason(browser: FlaskClient, body: object) -> None:
    response = browser.post("/api/greetings", json=body)
    assert response.status_code == 400
    assert response.get_json()["error"]


def test_a_temporal_that_does_not_answer_is_named(browser: FlaskClient, tea_bar: TeaBarInMemory) -> None:
    tea_bar.closed = True
    response = browser.post("/api/greetings", json={"name": "Ada"})
    assert response.status_code == 503
    assert "Temporal" in response.get_json()["error"]


def test_health_names_the_part_that_does_not_answer(tea_bar: TeaBarInMemory, tmp_path: Path) -> None:
    health = Health({"database": answers, "temporal": refuses})
    response = browser_of(tea_bar, tmp_path, health).get("/api/health")
    assert response.status_code == 503
    assert response.get_json() == {"database": "ok", "temporal": "connection refused"}


def test_the_page_and_its_files_are_served_with_a_strict_policy(browser: FlaskClient) -> None:
    page, script = browser.get("/", buffered=True), browser.get("/assets/index-1a2b.js", buffered=True)
    assert "id=root" in page.text
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert "max-age=31536000" in script.headers["Cache-Control"]
    assert browser.get("/../app.py").status_code == 404


def test_settings_name_everything_that_is_missing() -> None:
    with pytest.raises(SettingsError, match="DATABASE_URL, TEMPORAL_SERVER_ADDRESS, GREETING_SECRET"):
        Settings.from_env({})
