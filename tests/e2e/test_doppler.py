"""Secrets from Doppler, here a stand-in over real HTTP: they arrive byte for byte, a changed one replaces the pods, and the application
works at the address that is among them."""

import json
import os
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.e2e.own_worker import own_worker, served
from tests.e2e.platform import Preview, kubectl, objects, pod_uids
from tests.e2e.reach import from_pod
from tests.fakes import doppler

TOKEN = f"dp.st.preview.{secrets.token_hex(8)}"
SHOP = ("shop", "preview")
KEY = "TEMPORAL_SERVER_ADDRESS"
HOST = os.environ.get("PREVIEWS_DATABASE_POD_ADDRESS", ":0").partition(":")[0]
"""An address of this machine that pods have a route to."""
ODD = {
    "DOLLAR": "$HOME $(GREETING_SECRET) ${X} $$ `id`",
    "QUOTES": 'it\'s "quoted" \\ twice',
    "LINES": "-----BEGIN KEY-----\nabc=\r\n\tdef\n",
    "SIGNS": "naïve ☃ 🦉 \u00a0",
    "BLANK": "",
    "SPACES": "  both ends  ",
}
ENVIRONMENT = "import json, os; print(json.dumps(dict(os.environ)))"
FILES = """
import json, pathlib, sys
print(json.dumps({file.name: file.read_bytes().hex() for file in pathlib.Path(sys.argv[1]).iterdir() if file.is_file()}))
"""
QUIET_PAGE = ["python", "-m", "http.server", "8080", "--bind", "0.0.0.0", "--directory", "/tmp"]
QUIET_WORKER = ["python", "-c", "import pathlib, time; pathlib.Path('/tmp/ready').touch(); time.sleep(100_000)"]
"""Neither asks for a Temporal."""
OURS = ("webapp", "backend"), ("temporal", "python-worker")
"""Deployment and container of the application's two processes."""


@dataclass(frozen=True)
class Shop:
    """A preview whose secrets are in Doppler, the stand-in, and the values of its config."""

    preview: Preview
    doppler: doppler.Doppler
    values: dict[str, object]


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[doppler.Doppler, dict[str, str]]]:
    """The stand-in, and the environment of a starter.py whose worker knows it."""
    tokens = tmp_path_factory.mktemp("tokens")
    (tokens / "shop.preview").write_text(TOKEN)
    with (
        served(doppler.running) as stand_in,
        own_worker(PREVIEWS_DOPPLER_URL=stand_in.url, PREVIEWS_DOPPLER_TOKENS_DIR=str(tokens)) as environment,
    ):
        yield stand_in, environment


@pytest.fixture
def shop(installation: tuple[doppler.Doppler, dict[str, str]], new_preview: Callable[[], Preview]) -> Shop:
    stand_in, environment = installation
    values: dict[str, object] = {"GREETING_SECRET": secrets.token_urlsafe(24), **ODD}
    stand_in.configs, stand_in.tokens = {SHOP: values}, {TOKEN: {SHOP}}
    preview = new_preview()
    preview.environment = environment
    preview.stack["secrets"] = {"doppler": dict(zip(("project", "config"), SHOP, strict=True)), "required": ["GREETING_SECRET"]}
    return Shop(preview, stand_in, values)


def inside(preview: Preview, deployment: str, container: str, code: str, *words: str) -> dict[str, str]:
    """What a program in a container of the application prints."""
    command = ["exec", "-n", preview.namespace, f"deployment/{deployment}", "-c", container, "--", "python", "-c", code, *words]
    printed: dict[str, str] = json.loads(kubectl(*command))
    return printed


def quiet(stack: dict[str, Any]) -> None:
    """The application does nothing with Temporal, and so is ready without one."""
    (backend,), worker = stack["webapp"]["containers"], stack["temporal"]["worker"]
    backend |= {"command": QUIET_PAGE, "readiness": {"path": "/"}}
    worker["command"] = QUIET_WORKER


def policies(preview: Preview) -> set[str]:
    return {item["metadata"]["name"] for item in objects("networkpolicies", preview.namespace)}


def test_values_arrive_byte_for_byte_and_a_changed_one_replaces_the_pods(shop: Shop) -> None:
    assert shop.preview.deploy("1111111").code == 0
    for deployment, container in OURS:
        seen = inside(shop.preview, deployment, container, ENVIRONMENT)
        assert {name: seen[name] for name in shop.values} == shop.values, container
        assert not [name for name in seen if name.startswith("DOPPLER_")]
    pods = pod_uids(shop.preview.namespace)
    again = shop.preview.deploy("1111111")
    assert (again.code, pod_uids(shop.preview.namespace)) == (0, pods), "unchanged values keep the pods"
    shop.values["GREETING_SECRET"] = secrets.token_urlsafe(24)
    assert shop.preview.deploy("1111111").code == 0
    after = pod_uids(shop.preview.namespace)
    assert not set(pods.values()) & set(after.values()), "a changed value replaces both"
    assert inside(shop.preview, *OURS[1], ENVIRONMENT)["GREETING_SECRET"] == shop.values["GREETING_SECRET"]


def test_the_application_works_where_doppler_says_and_with_its_own_temporal_otherwise(shop: Shop) -> None:
    example = json.loads(json.dumps(shop.preview.stack))
    with socket.create_server((HOST, 0)) as elsewhere, socket.create_server((HOST, 0)) as closed:
        shop.values[KEY] = f"{HOST}:{elsewhere.getsockname()[1]}"
        quiet(shop.preview.stack)
        away = shop.preview.deploy("1111111")
        assert (away.code, away.outcome["state"]) == (0, "ready"), away
        assert not {"worker", "smoke"} & away.outcome["seconds"].keys(), "nothing is asked of the stack's own Temporal"
        targets = {"elsewhere": elsewhere.getsockname(), "closed": closed.getsockname()}
        for deployment, container in OURS:
            assert inside(shop.preview, deployment, container, ENVIRONMENT)[KEY] == shop.values[KEY]
            assert from_pod(shop.preview.namespace, f"deployment/{deployment}", targets, container) == {"elsewhere": "open", "closed": "."}
    shop.values[KEY] = ""
    shop.preview.stack = example
    back = shop.preview.deploy("1111111")
    assert (back.code, back.outcome["state"]) == (0, "ready"), back
    assert {"worker", "smoke"} <= back.outcome["seconds"].keys()
    own = [inside(shop.preview, *process, ENVIRONMENT)[KEY] for process in OURS]
    assert own == [f"temporal.{shop.preview.namespace}.svc.cluster.local:7233", "localhost:7233"]
    assert "allow-temporal-elsewhere" not in policies(shop.preview)


def test_values_arrive_as_files_byte_for_byte(shop: Shop) -> None:
    shop.values[KEY] = f"{HOST}:7233"
    quiet(shop.preview.stack)
    shop.preview.stack["secrets"] |= {"as": "files", "path": "/etc/shop"}
    result = shop.preview.deploy("1111111")
    assert result.code == 0, result
    expected = {name: str(value).encode().hex() for name, value in shop.values.items()}
    for deployment, container in OURS:
        assert inside(shop.preview, deployment, container, FILES, "/etc/shop") == expected, container
        assert not set(ODD) & inside(shop.preview, deployment, container, ENVIRONMENT).keys()
        assert KEY not in inside(shop.preview, deployment, container, ENVIRONMENT), "it would win over the file"


@dataclass(frozen=True)
class Refusal:
    """What is wrong in Doppler, and what people are told of it."""

    category: str
    told: str


REFUSALS = {
    "a revoked token": Refusal("secrets-not-available", "the token in the file shop.preview was revoked"),
    "a token of another config": Refusal("secrets-not-available", "a service token reads exactly one"),
    "a missing key": Refusal("secret-key-missing", "missing or empty: GREETING_SECRET"),
    "the address of production": Refusal("secrets-not-available", "it leads to the production Temporal"),
    "an address with a scheme": Refusal("secrets-not-available", "it has a scheme"),
    "no text": Refusal("secrets-not-available", "not text: NUMBER"),
}


def spoil(name: str, shop: Shop) -> None:
    match name:
        case "a revoked token":
            shop.doppler.tokens = {}
        case "a token of another config":
            shop.doppler.tokens = {TOKEN: {("shop", "production")}}
        case "a missing key":
            del shop.values["GREETING_SECRET"]
        case "the address of production":
            shop.values[KEY] = os.environ["TEMPORAL_ADDRESS"]
        case "an address with a scheme":
            shop.values[KEY] = f"http://{HOST}:7233"
        case "no text":
            shop.values["NUMBER"] = 7


def test_what_is_wrong_in_doppler_is_told_within_seconds(shop: Shop) -> None:
    """One preview for all of them: none gets further than the step that reads the secrets."""
    good, tokens = dict(shop.values), shop.doppler.tokens
    for number, (name, refusal) in enumerate(REFUSALS.items()):
        shop.values.clear()
        shop.values.update(good)
        shop.doppler.tokens = tokens
        spoil(name, shop)
        result = shop.preview.deploy(f"111111{number}")
        assert (result.code, result.outcome["state"]) == (1, "failed"), f"{name}: {result}"
        diagnosis = result.outcome["diagnosis"]
        assert (diagnosis["category"], refusal.told in diagnosis["summary"]) == (refusal.category, True), f"{name}: {diagnosis}"
        assert result.seconds < 20, name
        assert not [hidden for hidden in (TOKEN, good["GREETING_SECRET"]) if str(hidden) in result.out + result.err]
    assert objects("pods", shop.preview.namespace) == []
