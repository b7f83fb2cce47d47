"""Where secrets must not be: a canary goes in as a secret of the application and comes out nowhere that anybody keeps."""

import base64
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from temporalio.client import Client

from stack.masking import SHORTEST
from tests.e2e.platform import ROOT, Preview, Result, kubectl, objects, starter

WORKER_LOG = ROOT / ".local" / "logs" / "worker.log"
TELLS_ALL = """
import os, sys
print("canary", os.environ["CANARY"], flush=True)
print("connecting to", os.environ["DATABASE_URL"], flush=True)
raise SystemExit(f"cannot: {os.environ['GREETING_SECRET']} at {os.environ['DATABASE_URL']}")
"""


@dataclass(frozen=True)
class Canary:
    """An env file of the worker with two secrets that are nowhere else."""

    file: Path
    greeting: str
    bird: str


@pytest.fixture
def canary(preview: Preview) -> Iterator[Canary]:
    file = Path(os.environ["PREVIEWS_SECRETS_DIR"]) / f"canary-{preview.pr}.env"
    canary = Canary(file, secrets.token_urlsafe(24), secrets.token_urlsafe(24))
    file.touch(mode=0o600)
    file.write_text(f"GREETING_SECRET={canary.greeting}\nCANARY={canary.bird}\n")
    preview.stack["secrets"] = {"file": file.name, "as": "env", "required": ["GREETING_SECRET", "CANARY"]}
    yield canary
    file.unlink()


async def test_a_secret_that_an_application_uses_or_shouts_is_kept_nowhere(preview: Preview, canary: Canary) -> None:
    log_before = WORKER_LOG.stat().st_size
    ready = preview.deploy("1111111")
    assert (ready.code, ready.outcome["state"]) == (0, "ready"), ready
    preview.stack["temporal"]["worker"]["command"] = ["python", "-c", TELLS_ALL]
    failed = preview.deploy("2222222")
    assert (failed.code, failed.outcome["diagnosis"]["category"]) == (1, "container-crashes"), failed
    assert "canary ***" in failed.outcome["diagnosis"]["detail"], "the log was read, and masked"
    hidden = values(preview.namespace)
    assert {canary.greeting, canary.bird} <= hidden
    kept = {
        "histories": await histories(f"preview/{preview.namespace}"),
        "starter.py": output(ready) + output(failed),
        "status": output(starter("status", "--pr", str(preview.pr), "--json")),
        "worker log": said_since(log_before),
        "objects": everything_but_secrets(preview.namespace),
    }
    assert "2222222" in kept["histories"]
    assert preview.namespace in kept["objects"]
    assert {where: found for where, text in kept.items() if (found := [value for value in hidden if value in text])} == {}


def values(namespace: str) -> set[str]:
    """Of all Secrets of the stack; those that are too short to be secret are none."""
    held = {item["metadata"]["name"]: item.get("data", {}) for item in objects("secrets", namespace)}
    assert {"database", "app-secrets"} <= held.keys()
    found = {base64.b64decode(value).decode() for data in held.values() for value in data.values()}
    return {value for value in found if len(value) >= SHORTEST}


async def histories(workflow_id: str) -> str:
    """Every event of every run as JSON, and what is in its payloads in plain text."""
    client = await Client.connect(os.environ["TEMPORAL_ADDRESS"], namespace=os.environ["TEMPORAL_NAMESPACE"])
    texts: list[str] = []
    for run_id in await runs(client, workflow_id):
        async for event in client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history_events():
            shown = MessageToDict(event)
            texts += [json.dumps(shown, ensure_ascii=False), *payloads(shown)]
    return "\n".join(texts)


async def runs(client: Client, workflow_id: str) -> set[str]:
    """Those that are listed, and the newest one: a list is a moment behind."""
    newest = (await client.get_workflow_handle(workflow_id).describe()).run_id
    return {newest} | {run.run_id async for run in client.list_workflows(f"WorkflowId = '{workflow_id}'")}


def payloads(shown: Any) -> Iterator[str]:
    """The decoded data of every payload, however deep."""
    if isinstance(shown, dict):
        if isinstance(shown.get("data"), str) and "metadata" in shown:
            yield base64.b64decode(shown["data"]).decode(errors="replace")
        for value in shown.values():
            yield from payloads(value)
    elif isinstance(shown, list):
        for value in shown:
            yield from payloads(value)


def output(result: Result) -> str:
    return result.out + result.err


def said_since(size: int) -> str:
    """What the worker logged; all of it if the file has been begun anew."""
    with WORKER_LOG.open(errors="replace") as file:
        file.seek(size if WORKER_LOG.stat().st_size >= size else 0)
        return file.read()


def everything_but_secrets(namespace: str) -> str:
    """Every object of every other kind in the namespace, and the namespace itself."""
    kinds = kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    kinds = [kind for kind in kinds if kind != "secrets" and not kind.endswith((".metrics.k8s.io",))]
    return kubectl("get", ",".join(kinds), "-n", namespace, "-o", "json") + kubectl("get", "namespace", namespace, "-o", "json")
