"""What there is of one pull request on the real platform: read as an administrator, from outside the product."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.conninfo import make_conninfo

from gateways.kubernetes_cluster import KubernetesCluster
from gateways.records import ClusterRecords
from stack.models import Record
from stack.names import (
    ANNOTATION_COMMIT,
    ANNOTATION_EXPIRES_AT,
    ANNOTATION_GENERATION,
    ANNOTATION_PINNED,
    ANNOTATION_SECRETS,
    DATABASE_SECRET,
    Names,
)
from stack.namespace import expiry_annotations
from stack.ordering import has_expired
from stack.settings import Settings
from tests.soak.callers import worker_image
from tests.soak.keys import anonymous

KINDS = (
    "ConfigMap",
    "Deployment",
    "Ingress",
    "LimitRange",
    "NetworkPolicy",
    "ResourceQuota",
    "RoleBinding",
    "Secret",
    "Service",
)
DATABASES = """
    SELECT datname, pg_get_userbyid(datdba), datallowconn, datconnlimit, datistemplate, datacl::text,
        shobj_description(oid, 'pg_database')
    FROM pg_database WHERE datname = ANY(%s) ORDER BY 1
"""
ROLES = """
    SELECT rolname, rolcanlogin, rolsuper, rolcreatedb, rolcreaterole, rolconnlimit, shobj_description(oid, 'pg_authid'),
        (SELECT array_agg(pg_get_userbyid(member) ORDER BY 1) FROM pg_auth_members WHERE roleid = pg_roles.oid)
    FROM pg_roles WHERE rolname = ANY(%s) ORDER BY 1
"""
OWNERS = """
    SELECT relkind, pg_get_userbyid(relowner), count(*) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace GROUP BY 1, 2 ORDER BY 1, 2
"""
VERSION = "SELECT db_name FROM schema_version"
NOT_OURS = {"kube-root-ca.crt"}
"""What controllers put into every namespace."""
EXPIRY = {ANNOTATION_EXPIRES_AT, ANNOTATION_PINNED}
RANDOM = {ANNOTATION_SECRETS, "previews.temporal.io/fingerprint-salt"}
VOLATILE = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "selfLink")


class World:
    """Looks only, apart from what a test has to arrange: an expiry in the past, a record that is not needed any more."""

    def __init__(self, cluster: KubernetesCluster, admin_url: str, images: Mapping[str, str]) -> None:
        self._cluster, self._url, self._images = cluster, admin_url, images
        self._home = Settings.from_env(os.environ).home_namespace
        self._records = ClusterRecords(cluster, self._home)

    @classmethod
    @asynccontextmanager
    async def connected(cls, images: Mapping[str, str]) -> AsyncIterator[Self]:
        cluster = await KubernetesCluster.connect(Path(os.environ["KUBECONFIG"]))
        try:
            yield cls(cluster, os.environ["PLATFORM_POSTGRES_ADMIN_URL"], images)
        finally:
            await cluster.close()

    async def record(self, names: Names) -> Record | None:
        stored = await self._records.read(names)
        return stored.record if stored else None

    async def expire(self, names: Names) -> Record | None:
        """Moves the expiry in the record into the past, by compare-and-swap. None when there is no preview that could expire."""
        stored = await self._records.read(names)
        if stored is None or stored.record.kind != "deploy":
            return None
        record = stored.record.model_copy(update={"expires_at": datetime.now(UTC) - timedelta(minutes=1)})
        await self._records.advance(names, record, after=stored)
        return record

    async def forget(self, names: Names) -> None:
        """A record of a pull request that is over."""
        await self._cluster.delete("ConfigMap", names.record, self._home)

    async def state(self, names: Names) -> dict[str, Any]:
        """Everything there is. What differs between two stacks of the same file has the same words: the number of the pull request, the
        commit that runs, the generation of the record."""
        namespace = await self._cluster.read("Namespace", names.namespace)
        lists = await asyncio.gather(*(self._cluster.list_objects(kind, names.namespace) for kind in KINDS))
        found = {} if namespace is None else {"Namespace": normal(namespace)}
        for kind, items in zip(KINDS, lists, strict=True):
            found |= {f"{kind} {item['metadata']['name']}": normal(item) for item in items if item["metadata"]["name"] not in NOT_OURS}
        record = await self.record(names)
        state = {
            "objects": found,
            "pods": await self.pods(names),
            "postgres": await self._postgres(names),
            "record": told(record),
            "expiry": _expiry_problem(namespace, record),
        }
        return self._same_words(state, names, record)

    def _same_words(self, state: dict[str, Any], names: Names, record: Record | None) -> dict[str, Any]:
        number = names.namespace.rpartition("-")[2]
        nothing: Any = {"metadata": {"annotations": {}}}
        commit = state["objects"].get("Namespace", nothing)["metadata"]["annotations"].get(ANNOTATION_COMMIT, "none")
        text = anonymous(json.dumps(state, default=str)).replace(worker_image(self._images, commit), "IMAGE OF THE COMMIT")
        text = text.replace(number, "N").replace(commit, "COMMIT")
        if record is not None:
            text = text.replace(f'"{ANNOTATION_GENERATION}": "{record.generation}"', f'"{ANNOTATION_GENERATION}": "that of the record"')
        words: dict[str, Any] = json.loads(text)
        return words

    async def pods(self, names: Names) -> dict[str, int]:
        """Component and images → how many pods of it stay."""
        pods = await self._cluster.list_objects("Pod", names.namespace)
        staying = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return dict(Counter(pod["metadata"]["labels"].get("app.kubernetes.io/component", pod["metadata"]["name"]) for pod in staying))

    async def running(self, names: Names) -> tuple[int, str] | None:
        """Generation and commit of the preview by its namespace; None if there is none."""
        namespace = await self._cluster.read("Namespace", names.namespace)
        if namespace is None:
            return None
        annotations = namespace["metadata"].get("annotations", {})
        return int(annotations.get(ANNOTATION_GENERATION, 0)), annotations.get(ANNOTATION_COMMIT, "")

    async def residue(self, names: Names) -> list[str]:
        """Whatever is there that costs something or belongs to somebody: nothing, when all is well."""
        namespace = await self._cluster.read("Namespace", names.namespace)
        async with await self._connect() as connection:
            rows = await (
                await connection.execute(
                    "SELECT 'Database ' || datname FROM pg_database WHERE datname = ANY(%s)"
                    " UNION ALL SELECT 'Role ' || rolname FROM pg_roles WHERE rolname = ANY(%s)"
                    " UNION ALL SELECT 'Session of ' || usename FROM pg_stat_activity WHERE usename = ANY(%s)",
                    (list(names.databases), list(names.roles), list(names.roles)),
                )
            ).fetchall()
        return ([f"Namespace {names.namespace}"] if namespace else []) + [name for (name,) in rows]

    async def _postgres(self, names: Names) -> dict[str, Any]:
        async with await self._connect() as connection:
            databases = await (await connection.execute(DATABASES, (list(names.databases),))).fetchall()
            roles = await (await connection.execute(ROLES, (list(names.roles),))).fetchall()
        inside = {row[0]: await self._inside(row[0]) for row in databases if row[2]}
        return {"databases": databases, "roles": roles, "inside": inside}

    async def _inside(self, database: str) -> list[Any]:
        async with await self._connect(database) as connection:
            owners = await (await connection.execute(OWNERS)).fetchall()
            versions = [] if database.endswith("_app") else await (await connection.execute(VERSION)).fetchall()
        return [[str(word) for word in row] for row in (*owners, *versions)]

    async def _connect(self, database: str | None = None) -> psycopg.AsyncConnection[Any]:
        """A superuser's; with it a database can be looked into that is nobody's business."""
        conninfo = make_conninfo(self._url, dbname=database) if database else self._url
        return await psycopg.AsyncConnection.connect(conninfo, autocommit=True, application_name="soak")


def told(record: Record | None) -> dict[str, Any]:
    """What a record says, without times and identifiers."""
    if record is None:
        return {}
    outcome, good = record.outcome, record.good
    return {
        **record.model_dump(mode="json", include={"kind", "state", "commit", "repository"}),
        "good": good and good.request.commit,
        "outcome": outcome and [outcome.state, outcome.generation == record.generation, outcome.sha],
    }


def normal(item: Any) -> Any:
    """An object without what the API server and the clock add, and without secrets."""
    metadata = {key: value for key, value in item["metadata"].items() if key not in VOLATILE}
    metadata["annotations"] = {key: value for key, value in _annotations(metadata).items() if not _made_once(item, key)}
    rest = {key: value for key, value in item.items() if key not in {"metadata", "status", "data", "spec"}}
    spec = {key: value for key, value in item.get("spec", {}).items() if key not in {"clusterIP", "clusterIPs"}}
    if pod := spec.get("template"):
        spec["template"] = {**pod, "metadata": {**pod["metadata"], "annotations": _annotations(pod["metadata"])}}
    data = item.get("data", {})
    return {**rest, "spec": spec, "metadata": metadata, "data": sorted(data) if item.get("kind") == "Secret" else data}


def _made_once(item: Any, key: str) -> bool:
    """The passwords stay those of the first attempt, and its number with them."""
    return key == ANNOTATION_GENERATION and (item.get("kind"), item["metadata"]["name"]) == ("Secret", DATABASE_SECRET)


def _annotations(metadata: Any) -> dict[str, str]:
    """A random value counts as there or not."""
    return {
        key: ("any" if key in RANDOM else value)
        for key, value in (metadata.get("annotations") or {}).items()
        if not key.startswith("deployment.kubernetes.io/") and key not in EXPIRY
    }


def _expiry_problem(namespace: Any, record: Record | None) -> str:
    """What people read on the namespace must be what the record says, unless a test has moved that into the past."""
    if namespace is None or record is None or has_expired(record, datetime.now(UTC)):
        return ""
    due = expiry_annotations(record.expires_at, pinned=record.pinned)
    shown = namespace["metadata"].get("annotations", {})
    return "; ".join(f"{key} is {shown.get(key)}, not {value}" for key, value in due.items() if shown.get(key) != value)


def differences(expected: Any, found: Any, path: str = "") -> list[str]:
    """Where two states differ, one line each."""
    if isinstance(expected, dict) and isinstance(found, dict):
        keys = sorted(expected.keys() | found.keys())
        return [line for key in keys for line in differences(expected.get(key), found.get(key), f"{path}/{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        return [line for i, pair in enumerate(zip(expected, found, strict=True)) for line in differences(*pair, f"{path}[{i}]")]
    return [] if expected == found else [f"{path}: {expected!r} expected, {found!r} found"]
