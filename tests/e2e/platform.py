"""The running local platform as the end-to-end tests see it: as an administrator, from outside."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import yaml

from stack.names import Names

ROOT = Path(__file__).parents[2]
REPOSITORY = "octo/shop"
ARTIFACTS = ROOT / ".local" / "artifacts"
INGRESS = ("127.0.0.1", int(os.environ.get("PREVIEWS_URL_TEMPLATE", ":8080").rsplit(":", 1)[1]))


@dataclass(frozen=True)
class Result:
    """One run of starter.py."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def outcome(self) -> dict[str, Any]:
        """The JSON object of the last line."""
        outcome: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return outcome

    def __str__(self) -> str:
        return f"exit {self.code} after {self.seconds:.2f} s\n{self.out}\n{self.err}"


def starter(*words: str, environment: dict[str, str] | None = None) -> Result:
    """Runs starter.py as CI does."""
    started = monotonic()
    command = [str(ROOT / ".venv/bin/python"), str(ROOT / "starter.py"), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env={**os.environ, **(environment or {})})
    return Result(done.returncode, done.stdout, done.stderr, monotonic() - started)


def kubectl(*words: str, check: bool = True, stdin: str | None = None) -> str:
    """kubectl as administrator."""
    path = f"{os.environ['PLATFORM_BINARIES']}:{os.environ['PATH']}"
    done = subprocess.run(
        ["kubectl", *words], capture_output=True, text=True, check=False, timeout=120, env={**os.environ, "PATH": path}, input=stdin
    )
    assert done.returncode == 0 or not check, f"kubectl {' '.join(words)}: {done.stderr}"
    return done.stdout


def objects(kind: str, namespace: str) -> list[dict[str, Any]]:
    """All objects of a kind in a namespace."""
    items: list[dict[str, Any]] = json.loads(kubectl("get", kind, "-n", namespace, "-o", "json"))["items"]
    return items


def staying_pods(namespace: str) -> list[dict[str, Any]]:
    """Pods of a namespace, apart from those that are leaving."""
    return [pod for pod in objects("pods", namespace) if "deletionTimestamp" not in pod["metadata"]]


def pod_uids(namespace: str) -> dict[str, str]:
    """Deployment → UID of its one pod, apart from pods that are leaving."""
    return {pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["metadata"]["uid"] for pod in staying_pods(namespace)}


def secret(namespace: str, name: str, key: str) -> str:
    """One value of a Secret, as an administrator can read it."""
    return base64.b64decode(kubectl("get", "secret", name, "-n", namespace, "-o", f"jsonpath={{.data.{key}}}")).decode()


def query(sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Asks the shared PostgreSQL as superuser."""
    with psycopg.connect(os.environ["PLATFORM_POSTGRES_ADMIN_URL"]) as connection:
        return connection.execute(sql, values).fetchall()


@dataclass(frozen=True)
class Footprint:
    """Everything that a preview could leave behind."""

    namespaces: frozenset[str]
    databases: frozenset[str]
    roles: frozenset[str]
    sessions: frozenset[str]
    """Roles of previews that are connected."""
    processes: int
    """Workers and browsers."""

    @classmethod
    def now(cls) -> "Footprint":
        listed = kubectl("get", "namespaces", "-o", "jsonpath={.items[*].metadata.name}").split()
        return cls(
            namespaces=frozenset(listed),
            databases=frozenset(name for (name,) in query("SELECT datname FROM pg_database")),
            roles=frozenset(name for (name,) in query("SELECT rolname FROM pg_roles")),
            sessions=frozenset(name for (name,) in query("SELECT usename FROM pg_stat_activity WHERE usename LIKE 'pr\\_%%'")),
            processes=sum(_is_ours(words) for words in _command_lines()),
        )

    def of(self, namespace: str) -> set[str]:
        """The namespace, its databases and roles, as far as they are there."""
        names = Names(namespace)
        return {namespace} & self.namespaces | {*names.databases} & self.databases | {*names.roles} & self.roles

    def beyond(self, before: "Footprint") -> list[str]:
        """What is there now and was not before, a line each."""
        found = {
            "namespaces": self.namespaces - before.namespaces,
            "databases": _not_templates(self.databases - before.databases),
            "roles": _not_templates(self.roles - before.roles),
            "database sessions of": self.sessions - before.sessions,
        }
        lines = [f"{what}: {', '.join(sorted(names))}" for what, names in found.items() if names]
        more = self.processes - before.processes
        return [*lines, f"{more} workers or browsers"] if more > 0 else lines


def _not_templates(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if not name.startswith("template_"))


def _command_lines() -> Iterator[list[bytes]]:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield process.read_bytes().split(b"\0")


def _is_ours(words: list[bytes]) -> bool:
    """A worker of this project, or a browser."""
    return any(word.endswith(b"/worker.py") for word in words[1:2]) or b"/chromium" in words[0]


def example_stack() -> dict[str, Any]:
    """The example's stack file, to be changed at will."""
    stack: dict[str, Any] = yaml.safe_load((ROOT / "example" / "preview.yaml").read_text())
    return stack


@dataclass
class Preview:
    """One pull request's preview under test."""

    pr: int
    images: Sequence[str]
    stack: dict[str, Any] = field(default_factory=example_stack)
    folder: Path = ARTIFACTS
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def namespace(self) -> str:
        return f"pr-{self.pr}"

    @property
    def host(self) -> str:
        return f"pr-{self.pr}.localhost"

    def deploy(self, sha: str = "1111111", *more: str, images: Sequence[str] | None = None) -> Result:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / f"{self.namespace}.yaml"
        file.write_text(yaml.safe_dump(self.stack))
        given = [word for image in images or self.images for word in ("--image", image)]
        words = ["--pr", str(self.pr), "--repo", REPOSITORY, "--sha", sha, "--stack", str(file), "--json", *given, *more]
        return starter("deploy", *words, environment=self.environment)

    def teardown(self, *more: str) -> Result:
        return starter("teardown", "--pr", str(self.pr), "--repo", REPOSITORY, "--json", *more, environment=self.environment)
