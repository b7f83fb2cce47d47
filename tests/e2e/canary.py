"""Where a marked secret is looked for: all that Temporal keeps, logs, objects, processes and images."""

import asyncio
import base64
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.converter import PayloadCodec
from temporalio.service import RPCError

from gateways.encryption import Encryption, payload_keys
from local.settings import PATHS
from stack.masking import SHORTEST
from tests.e2e.platform import ARTIFACTS, ROOT, kubectl, objects
from tests.fakes.doppler import Doppler
from tests.temporal_text import decode, text_of

LOGS = ROOT / ".local" / "logs"
START_SECONDS = 60
LOOK_SECONDS = 0.3
KINDS = {"DeployPreview", "TeardownPreview", "CleanupStalePreviews"}


def marked() -> str:
    """A secret that is nowhere else."""
    return secrets.token_urlsafe(24)


def leaks(kept: Mapping[str, str], hidden: Iterable[str]) -> dict[str, list[str]]:
    """Where a secret stands, plainly or in base64."""
    forms = [(value, form) for value in hidden for form in (value, base64.b64encode(value.encode()).decode().rstrip("="))]
    found = {where: [value for value, form in forms if form in text] for where, text in kept.items()}
    return {where: values for where, values in found.items() if values}


@dataclass(frozen=True)
class Installation:
    """A worker of its own, which encrypts what Temporal keeps and reads secrets from a stand-in for Doppler."""

    environment: dict[str, str]
    log: Path
    keys: Path
    payload_key: str
    doppler_token: str

    @property
    def task_queue(self) -> str:
        return self.environment["PREVIEWS_TASK_QUEUE"]

    @property
    def codec(self) -> PayloadCodec:
        return Encryption(payload_keys(self.keys))


@contextmanager
def installation(name: str, folder: Path, doppler: Doppler, config: tuple[str, str]) -> Iterator[Installation]:
    """Beside the platform's own worker, which has no keys. Ends with it."""
    key, token = base64.b64encode(os.urandom(32)).decode(), marked()
    (folder / "keys").write_text(f"canary:{key}\n")
    (folder / "token").write_text(token)
    doppler.tokens[token] = {config, (config[0], "another")}
    settings = {"TASK_QUEUE": name, "PAYLOAD_KEYS_FILE": folder / "keys", "DOPPLER_URL": doppler.url, "DOPPLER_TOKENS_DIR": folder}
    environment = {f"PREVIEWS_{setting}": str(value) for setting, value in settings.items()}
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    made = Installation(environment, ARTIFACTS / f"{name}.log", folder / "keys", key, token)
    with (
        made.log.open("w") as log,
        _process([sys.executable, str(ROOT / "worker.py")], {**os.environ, **environment}, log.fileno()) as worker,
    ):
        give_up = time.monotonic() + START_SECONDS
        while "polling task queue" not in made.log.read_text():
            assert worker.poll() is None, made.log.read_text()
            assert time.monotonic() < give_up, made.log.read_text()
            time.sleep(0.1)
        yield made


@contextmanager
def _process(command: list[str], environment: dict[str, str], log: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield process
        process.terminate()
        process.wait(timeout=40)
    finally:
        process.kill()


@dataclass
class Watch:
    """What could only be seen while it lasted."""

    processes: set[str] = field(default_factory=set)
    runs: set[str] = field(default_factory=set)
    """Descriptions of the open run, with the heartbeats of its steps, decrypted."""


@asynccontextmanager
async def watched(client: Client, workflow_id: str, made: Installation) -> AsyncIterator[Watch]:
    watch = Watch()
    watching = asyncio.create_task(_watch(watch, client.get_workflow_handle(workflow_id), made.codec))
    try:
        yield watch
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    assert any("heartbeatDetails" in run for run in watch.runs), "no step was seen at its work"


async def _watch(watch: Watch, handle: WorkflowHandle[Any, Any], codec: PayloadCodec) -> None:
    while True:
        watch.processes.add(await asyncio.to_thread(processes, of_pods=False))
        with suppress(RPCError):  # it has not begun yet
            description = (await handle.describe()).raw_description
            await decode(description, codec)
            watch.runs.add(text_of(description))
        await asyncio.sleep(LOOK_SECONDS)


def processes(*, of_pods: bool) -> str:
    """Command lines and environments: of everything that runs in pods, or of everything else on the machine."""
    texts: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if ("kubepods" in (process / "cgroup").read_text()) == of_pods:
                texts += [(process / name).read_bytes().decode(errors="replace") for name in ("cmdline", "environ")]
    return "\n".join(texts)


async def histories(client: Client, made: Installation) -> tuple[str, str]:
    """Of all runs of an installation, once one of each kind is listed: as Temporal keeps them, without search attributes, and decrypted."""
    kept: list[str] = []
    decrypted: list[str] = []
    for workflow_id, run_id in await _runs(client, made.task_queue):
        handle = client.get_workflow_handle(workflow_id, run_id=run_id)
        for message in [*(await handle.fetch_history()).events, (await handle.describe()).raw_description]:
            kept.append(text_of(message, searchable=False))
            await decode(message, made.codec)
            decrypted.append(text_of(message))
    return "\n".join(kept), "\n".join(decrypted)


async def _runs(client: Client, task_queue: str) -> list[tuple[str, str]]:
    give_up = time.monotonic() + START_SECONDS
    while True:
        runs = [run async for run in client.list_workflows(f"TaskQueue = '{task_queue}'")]
        if {run.workflow_type for run in runs} >= KINDS:
            return [(run.id, run.run_id) for run in runs]
        assert time.monotonic() < give_up, f"Temporal lists only {sorted({run.workflow_type for run in runs})}"
        await asyncio.sleep(0.5)


def secret_values(namespace: str) -> set[str]:
    """Of all Secrets of the stack; those that are too short to be secret are none."""
    held = {item["metadata"]["name"]: item.get("data", {}) for item in objects("secrets", namespace)}
    assert {"database", "app-secrets"} <= held.keys()
    found = {base64.b64decode(value).decode() for data in held.values() for value in data.values()}
    return {value for value in found if len(value) >= SHORTEST}


def everything_but_secrets(namespace: str) -> str:
    """Every object of every other kind in the namespace, and the namespace itself."""
    kinds = kubectl("api-resources", "--namespaced", "--verbs=list", "-o", "name").split()
    kinds = [kind for kind in kinds if kind != "secrets" and not kind.endswith((".metrics.k8s.io",))]
    return kubectl("get", ",".join(kinds), "-n", namespace, "-o", "json") + kubectl("get", "namespace", namespace, "-o", "json")


def log_sizes() -> dict[Path, int]:
    return {path: path.stat().st_size for path in LOGS.iterdir() if path.is_file()}


def said_since(sizes: Mapping[Path, int]) -> dict[str, str]:
    """What each process of the platform logged; all of a file that is new or has been begun anew."""
    return {f"log {path.name}": _tail(path, sizes.get(path, 0)) for path in log_sizes()}


def _tail(path: Path, size: int) -> str:
    with path.open(errors="replace") as file:
        file.seek(size if path.stat().st_size >= size else 0)
        return file.read()


def image_layers(words: Iterable[str]) -> str:
    """Which of these stand in the layers of the example's images, which their archives hold uncompressed."""
    archives = [max(PATHS.images.glob(f"example-{name}-*.tar"), key=lambda path: path.stat().st_mtime) for name in ("webapp", "worker")]
    grep = ["grep", "--text", "--only-matching", "--fixed-strings", "--file=-", *map(str, archives)]
    patterns = "\n".join(word for word in words if "\n" not in word)
    done = subprocess.run(grep, input=patterns, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout
