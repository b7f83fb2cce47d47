"""The HTTP side: the API and the built frontend."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any, NoReturn, Protocol

from flask import Flask, Response, abort, jsonify, request, send_from_directory
from flask.typing import ResponseReturnValue

from shop.health import Health, healthy
from shop.models import Cup, Greeting, UnavailableError
from shop.settings import Settings
from shop.signing import is_signed

MAX_NAME_LENGTH = 40
SHOWN_CUPS = 8
# Long enough for a worker that has just started, short enough for somebody who looks at a spinner.
GREET_TIMEOUT = 10.0

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Greeter(Protocol):
    def greet(self, name: str, workflow_id: str, timeout: float) -> Greeting: ...


class Cups(Protocol):
    def add(self, workflow_id: str, name: str, greeting: Greeting, signed: bool) -> Cup: ...

    def latest(self, limit: int) -> list[Cup]: ...


def create_app(settings: Settings, greeter: Greeter, cups: Cups, health: Health, static: Path) -> Flask:
    app = Flask(__name__, static_folder=None)
    add_api(app, settings, greeter, cups, health)
    add_frontend(app, static)
    app.register_error_handler(UnavailableError, lambda error: (jsonify(error=str(error)), 503))
    app.after_request(add_security_headers)
    return app


def add_api(app: Flask, settings: Settings, greeter: Greeter, cups: Cups, health: Health) -> None:
    @app.get("/api/health")
    def get_health() -> ResponseReturnValue:
        report = health.report()
        return jsonify(report), 200 if healthy(report) else 503

    @app.get("/api/about")
    def about() -> ResponseReturnValue:
        return jsonify(env=settings.app_env, pr=settings.pr, commit=settings.commit)

    @app.post("/api/greetings")
    def pour() -> ResponseReturnValue:
        name = name_from(request.get_json(silent=True))
        workflow_id = f"greet-{uuid.uuid4()}"
        greeting = greeter.greet(name, workflow_id, GREET_TIMEOUT)
        signed = is_signed(greeting.text, greeting.signature, settings.greeting_secret)
        return jsonify(as_json(cups.add(workflow_id, name, greeting, signed))), 201

    @app.get("/api/greetings")
    def latest() -> ResponseReturnValue:
        return jsonify([as_json(cup) for cup in cups.latest(SHOWN_CUPS)])


def add_frontend(app: Flask, static: Path) -> None:
    @app.get("/")
    def index() -> Response:
        return send_from_directory(static, "index.html")

    @app.get("/<path:path>")
    def asset(path: str) -> Response:
        # Vite puts a hash of the content into the names under assets/: they never change.
        hashed = path.startswith("assets/")
        return send_from_directory(static, path, max_age=31_536_000 if hashed else None)


def name_from(body: object) -> str:
    name = body.get("name") if isinstance(body, dict) else None
    if not isinstance(name, str) or not name.strip():
        bad_request('send JSON like {"name": "Ada"}')
    if len(name.strip()) > MAX_NAME_LENGTH:
        bad_request(f"a name has at most {MAX_NAME_LENGTH} characters")
    return name.strip()


def bad_request(message: str) -> NoReturn:
    response = jsonify(error=message)
    response.status_code = 400
    abort(response)


def as_json(cup: Cup) -> dict[str, Any]:
    """What the page needs to know of a cup; the signature itself is nobody's business."""
    return {
        "workflowId": cup.workflow_id,
        "name": cup.name,
        "greeting": cup.greeting.text,
        "tea": cup.greeting.tea,
        "signed": cup.signed,
        "pouredBy": {"pr": cup.greeting.pr, "commit": cup.greeting.commit},
        "pouredAt": cup.poured_at.isoformat(),
    }


def add_security_headers(response: Response) -> Response:
    response.headers.update(SECURITY_HEADERS)
    return response
