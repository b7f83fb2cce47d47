"""A cluster in memory. Keeps objects, versions and the life of namespaces; runs nothing, so tests write status and pods themselves."""

import asyncio
import copy
import uuid
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from gateways.cluster import Object, View
from gateways.kinds import KINDS, identity, label
from gateways.kubernetes_cluster import VIEWED
from stack.errors import ConflictError, PreviewError, RejectedError

Key = tuple[str, str, str]
"""Kind, namespace (empty for none), name."""
TICK_SECONDS = 0.05


class FakeCluster:
    """Implements `Cluster`."""

    def __init__(self) -> None:
        self._objects: dict[Key, dict[str, Any]] = {}
        self._version = 0
        self._waiting: set[asyncio.Event] = set()
        self._failures: list[tuple[str, str, PreviewError]] = []
        self.namespace_takes_seconds = 0.05
        """From a namespace's deletion to its end."""
        self.silent = False
        """`watch` yields nothing, as while the API is away."""
        self.logs: dict[tuple[str, str, str, bool], str] = {}
        """(namespace, pod, container, previous) → log."""
        self.calls: list[str] = []
        """What changed the cluster, in order: `apply Deployment pr-1/webapp`."""

    def fail(self, verb: str, kind: str, error: PreviewError) -> None:
        """The next call of this verb for this kind raises the error."""
        self._failures.append((verb, kind, error))

    def put(self, manifest: Object) -> None:
        """The object is there as it is, status and deletion mark included."""
        kind, name, namespace = identity(manifest)
        stored = copy.deepcopy(dict(manifest))
        stored["metadata"] = {"uid": str(uuid.uuid4()), **stored["metadata"], "resourceVersion": self._next_version()}
        self._objects[(kind, namespace or "", name)] = stored
        self._tell()

    def take(self, kind: str, name: str, namespace: str = "") -> None:
        """The object is gone, and a namespace with all it held."""
        self._objects.pop((kind, namespace, name), None)
        if kind == "Namespace":
            self._objects = {key: item for key, item in self._objects.items() if key[1] != name}
        self._tell()

    def set_status(self, kind: str, name: str, status: Mapping[str, Any], namespace: str = "") -> None:
        item = self._objects[(kind, namespace, name)]
        self.put({**item, "status": copy.deepcopy(dict(status))})

    async def apply(self, manifest: Object) -> None:
        kind, name, namespace = identity(manifest)
        self._enter("apply", kind, name, namespace)
        before = self._objects.get((kind, namespace or "", name))
        self._check_preconditions(manifest, before)
        after = self._merged(before, manifest)
        if after != before:
            self.put(after)

    async def create(self, manifest: Object) -> bool:
        kind, name, namespace = identity(manifest)
        self._enter("create", kind, name, namespace)
        if (kind, namespace or "", name) in self._objects:
            return False
        self.put(manifest)
        return True

    async def read(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        self._fail_if_told("read", kind)
        return copy.deepcopy(self._objects.get((kind, namespace or "", name)))

    async def list_objects(self, kind: str, namespace: str | None = None, *, selector: str = "") -> Sequence[Object]:
        self._fail_if_told("list", kind)
        found = [item for (k, ns, _), item in self._objects.items() if k == kind and namespace in (None, ns)]
        wanted = dict(part.split("=") for part in selector.split(",") if part)
        return [copy.deepcopy(item) for item in found if wanted.items() <= item["metadata"].get("labels", {}).items()]

    async def replace(self, manifest: Object) -> Object:
        kind, name, namespace = identity(manifest)
        self._enter("replace", kind, name, namespace)
        before = self._objects.get((kind, namespace or "", name))
        if before is None:
            raise ConflictError("replacing", obj=label(kind, name, namespace), answer="it is gone")
        self._check_preconditions(manifest, before)
        self.put({**manifest, "metadata": {**manifest["metadata"], "uid": before["metadata"]["uid"]}})
        return copy.deepcopy(self._objects[(kind, namespace or "", name)])

    async def annotate(self, kind: str, name: str, annotations: Mapping[str, str | None], namespace: str | None = None) -> bool:
        self._fail_if_told("annotate", kind)
        item = self._objects.get((kind, namespace or "", name))
        if item is None:
            return False
        self.calls.append(f"annotate {label(kind, name, namespace)}")
        merged = {**item["metadata"].get("annotations", {}), **annotations}
        kept = {key: value for key, value in merged.items() if value is not None}
        self.put({**item, "metadata": {**item["metadata"], "annotations": kept}})
        return True

    async def delete(
        self,
        kind: str,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        version: str | None = None,
        grace: timedelta | None = None,
    ) -> bool:
        """`grace` changes nothing: nothing runs here that could take its time."""
        del grace
        self._fail_if_told("delete", kind)
        item = self._objects.get((kind, namespace or "", name))
        if item is None:
            return False
        self._check_preconditions({"kind": kind, "metadata": {"name": name, "uid": uid, "resourceVersion": version}}, item)
        self.calls.append(f"delete {label(kind, name, namespace)}")
        if kind == "Namespace":
            self._terminate(item)
        else:
            self.take(kind, name, namespace or "")
        return True

    async def view(self, namespace: str) -> View:
        return View(*[self._held(kind, namespace) for kind in VIEWED])

    @property
    def listeners(self) -> int:
        """How many `follow` and `watch` have not been closed."""
        return len(self._waiting)

    async def follow(self, namespace: str) -> AsyncGenerator[View, None]:
        with self._listening() as changed:
            while True:
                changed.clear()
                yield View(*[self._held(kind, namespace) for kind in VIEWED])
                await _either(changed)

    async def watch(self, kind: str, name: str, namespace: str | None = None) -> AsyncGenerator[Object | None, None]:
        with self._listening() as changed:
            while True:
                changed.clear()
                if not self.silent:
                    yield await self.read(kind, name, namespace)
                await _either(changed)

    async def log_tail(self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 20) -> str:
        self._fail_if_told("log_tail", "Pod")
        log = self.logs.get((namespace, pod, container, previous), "")
        return "".join(log.splitlines(keepends=True)[-lines:])

    def _held(self, kind: str, namespace: str) -> list[Object]:
        return [copy.deepcopy(item) for (k, ns, _), item in self._objects.items() if (k, ns) == (kind, namespace)]

    def _enter(self, verb: str, kind: str, name: str, namespace: str | None) -> None:
        """What the API checks before it writes."""
        self._fail_if_told(verb, kind)
        if KINDS[kind].namespaced:
            holder = self._objects.get(("Namespace", "", namespace or ""))
            if holder is None:
                raise RejectedError(verb, obj=label(kind, name, namespace), answer=f'404 namespaces "{namespace}" not found')
            if "deletionTimestamp" in holder["metadata"]:
                raise ConflictError(verb, obj=label(kind, name, namespace), answer="403 the namespace is being terminated")
        self.calls.append(f"{verb} {label(kind, name, namespace)}")

    def _fail_if_told(self, verb: str, kind: str) -> None:
        for failure in self._failures:
            if failure[:2] == (verb, kind):
                self._failures.remove(failure)
                raise failure[2]

    def _check_preconditions(self, manifest: Object, before: Object | None) -> None:
        current = before["metadata"] if before else {}
        for precondition in ("uid", "resourceVersion"):
            wanted = manifest["metadata"].get(precondition)
            if wanted is not None and wanted != current.get(precondition):
                raise ConflictError(
                    "writing", obj=label(manifest["kind"], manifest["metadata"]["name"]), answer=f"409 other {precondition}"
                )

    def _merged(self, before: Object | None, manifest: Object) -> dict[str, Any]:
        """One field manager only: what it no longer names goes, what the server keeps stays."""
        if before is None:
            return dict(manifest)
        kept = {key: before["metadata"][key] for key in ("uid", "resourceVersion") if key in before["metadata"]}
        merged = {**manifest, "metadata": {**manifest["metadata"], **kept}}
        return merged | ({"status": before["status"]} if "status" in before else {})

    def _terminate(self, item: dict[str, Any]) -> None:
        if "deletionTimestamp" in item["metadata"]:
            return
        metadata = {**item["metadata"], "deletionTimestamp": datetime.now(UTC).isoformat()}
        self.put({**item, "metadata": metadata, "status": {"phase": "Terminating"}})
        if not metadata.get("finalizers"):
            asyncio.get_running_loop().call_later(self.namespace_takes_seconds, self.take, "Namespace", metadata["name"])

    def _next_version(self) -> str:
        self._version += 1
        return str(self._version)

    def _tell(self) -> None:
        for event in self._waiting:
            event.set()

    @contextmanager
    def _listening(self) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)


async def _either(changed: asyncio.Event) -> None:
    """A change or the tick, whichever is first."""
    with suppress(TimeoutError):
        async with asyncio.timeout(TICK_SECONDS):
            await changed.wait()
