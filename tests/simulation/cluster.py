"""The cluster as the worker meets it in the simulation: objects live as in Kubernetes, rights are needed, calls take a while."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from gateways.cluster import Object, View
from gateways.kinds import identity, label
from gateways.kubernetes_cluster import VIEWED
from gateways.records import PREFIX
from stack.errors import RejectedError
from stack.names import STACK_ROLE
from tests.fakes.cluster import FakeCluster
from tests.simulation.lives import only_alive
from tests.simulation.traffic import Traffic
from tests.simulation.witness import Witness

TICK_SECONDS: Final = 1.0
RIGHTS_SECONDS: Final = 5.0
"""So long the real gateway tries again when a right is missing."""
KEPT_BY_SERVER: Final = ("uid", "resourceVersion", "creationTimestamp", "generation", "deletionTimestamp")
BOUNDLESS: Final = ("Namespace", "RoleBinding")
"""Kinds that the deployer may handle everywhere."""


class LivingCluster(FakeCluster):
    """FakeCluster with what controllers go by: generations, creation times, and deletions that stay begun. What it hands out is not
    copied: `Object` is a Mapping, so type checks tell who changes it."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self.watchers: list[asyncio.Event] = []
        """In the order in which they came: a set would wake them in another order in each run."""
        self.namespace_takes_seconds = 5.2
        self.on_put: Callable[[Object], None] = lambda item: None
        self.on_take: Callable[[str, str, str], None] = lambda kind, name, namespace: None

    def put(self, manifest: Object) -> None:
        kind, name, namespace = identity(manifest)
        before = self._objects.get((kind, namespace or "", name))
        metadata = {"creationTimestamp": self._now().isoformat(), **manifest["metadata"]}
        if before is None:
            metadata.setdefault("generation", 1)
        elif before.get("spec") != manifest.get("spec"):
            metadata["generation"] = before["metadata"]["generation"] + 1
        metadata = {"uid": str(uuid.uuid4()), **metadata, "resourceVersion": self._next_version()}
        self._objects[(kind, namespace or "", name)] = {**manifest, "metadata": metadata}
        self._tell()
        self.on_put(self._objects[(kind, namespace or "", name)])

    def take(self, kind: str, name: str, namespace: str = "") -> None:
        super().take(kind, name, namespace)
        self.on_take(kind, name, namespace)

    def get(self, kind: str, name: str, namespace: str = "") -> Any:
        """The object itself, for controllers; None if there is none."""
        return self._objects.get((kind, namespace, name))

    def all_of(self, kind: str, namespace: str) -> list[Any]:
        return [item for (k, ns, _), item in self._objects.items() if (k, ns) == (kind, namespace)]

    def everywhere(self, kind: str) -> list[Any]:
        return [item for (k, _, _), item in self._objects.items() if k == kind]

    def everything_in(self, namespace: str) -> list[Any]:
        return [item for (_, ns, _), item in self._objects.items() if ns == namespace]

    def names_in(self, namespace: str) -> list[str]:
        """Everything in a namespace, as `Kind/name`."""
        return sorted(f"{kind}/{name}" for kind, ns, name in self._objects if ns == namespace)

    def _held(self, kind: str, namespace: str) -> list[Object]:
        return list(self.all_of(kind, namespace))

    def _merged(self, before: Object | None, manifest: Object) -> dict[str, Any]:
        if before is None:
            return dict(manifest)
        kept = {key: before["metadata"][key] for key in KEPT_BY_SERVER if key in before["metadata"]}
        merged = {**manifest, "metadata": {**manifest["metadata"], **kept}}
        return merged | ({"status": before["status"]} if "status" in before else {})

    def _terminate(self, item: dict[str, Any]) -> None:
        if "deletionTimestamp" in item["metadata"]:
            return
        metadata = {**item["metadata"], "deletionTimestamp": self._now().isoformat()}
        self.put({**item, "metadata": metadata, "status": {"phase": "Terminating"}})
        if not metadata.get("finalizers"):
            asyncio.get_running_loop().call_later(self.namespace_takes_seconds, self._finish, metadata["name"], metadata["uid"])

    def _finish(self, name: str, uid: str) -> None:
        found = self.get("Namespace", name)
        if found is not None and found["metadata"]["uid"] == uid and not found["metadata"].get("finalizers"):
            self.take("Namespace", name)

    def _tell(self) -> None:
        for event in self.watchers:
            event.set()


class CalledCluster:
    """Implements `Cluster` for the worker, over the network. Inside a namespace the deployer has no rights until it has bound its role."""

    def __init__(self, cluster: LivingCluster, traffic: Traffic, witness: Witness, home: str) -> None:
        self._cluster, self._traffic, self._witness, self._home = cluster, traffic, witness, home

    async def apply(self, manifest: Object) -> None:
        await self._write("apply", manifest, lambda: self._cluster.apply(manifest))

    async def create(self, manifest: Object) -> bool:
        made: bool = await self._write("create", manifest, lambda: self._cluster.create(manifest))
        return made

    async def replace(self, manifest: Object) -> Object:
        written: Object = await self._write("replace", manifest, lambda: self._cluster.replace(manifest))
        return written

    async def annotate(self, kind: str, name: str, annotations: Mapping[str, str | None], namespace: str | None = None) -> bool:
        there: bool = await self._call(
            "annotate", kind, name, namespace, lambda: self._cluster.annotate(kind, name, annotations, namespace)
        )
        return there

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
        there: bool = await self._call(
            "delete",
            kind,
            name,
            namespace,
            lambda: self._cluster.delete(kind, name, namespace, uid=uid, version=version, grace=grace),
        )
        return there

    async def read(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        await self._need_rights(kind, namespace)
        found: Object | None = await self._traffic.read(f"read {label(kind, name, namespace)}", lambda: self._look(kind, name, namespace))
        return found

    def _look(self, kind: str, name: str, namespace: str | None) -> Object | None:
        if kind == "ConfigMap" and namespace == self._home:
            self._witness.look(name.removeprefix(PREFIX))
        found: Object | None = self._cluster.get(kind, name, namespace or "")
        self._witness.read(kind, name, namespace, found)
        return found

    async def list_objects(self, kind: str, namespace: str | None = None, *, selector: str = "") -> Sequence[Object]:
        await self._need_rights(kind, namespace)
        found: Sequence[Object] = await self._traffic.read(
            f"list {kind}s of {namespace}", lambda: at_once(self._cluster.list_objects(kind, namespace, selector=selector))
        )
        return found

    async def view(self, namespace: str) -> View:
        return View(*[await self.list_objects(kind, namespace) for kind in VIEWED])

    async def follow(self, namespace: str) -> AsyncGenerator[View, None]:
        await self._need_rights("Pod", namespace)
        async for _ in self._beats(f"follow {namespace}"):
            yield View(*[self._cluster.all_of(kind, namespace) for kind in VIEWED])

    async def watch(self, kind: str, name: str, namespace: str | None = None) -> AsyncGenerator[Object | None, None]:
        await self._need_rights(kind, namespace)
        async for _ in self._beats(f"watch {label(kind, name, namespace)}"):
            yield self._cluster.get(kind, name, namespace or "")

    async def log_tail(self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 20) -> str:
        await self._need_rights("Pod", namespace)
        log: str = await self._traffic.read(f"log of {pod}", lambda: self._cluster.logs.get((namespace, pod, container, previous), ""))
        return "".join(log.splitlines(keepends=True)[-lines:])

    async def _beats(self, what: str) -> AsyncGenerator[None, None]:
        """At once, when something has changed, and every second. News takes a while; broken connections heal inside the gateway."""
        changed = asyncio.Event()
        self._cluster.watchers.append(changed)
        try:
            while True:
                await self._traffic.hear(what)
                changed.clear()
                yield
                with suppress(TimeoutError):
                    await asyncio.wait_for(changed.wait(), TICK_SECONDS)
        finally:
            self._cluster.watchers.remove(changed)

    async def _write(self, verb: str, manifest: Object, perform: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        kind, name, namespace = identity(manifest)
        return await self._call(verb, kind, name, namespace, perform)

    async def _call(self, verb: str, kind: str, name: str, namespace: str | None, perform: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        await self._need_rights(kind, namespace)

        def change() -> Any:
            return self._witness.change(verb, kind, name, namespace, lambda: at_once(perform()))

        return await self._traffic.write(f"{verb} {label(kind, name, namespace)}", change)

    async def _need_rights(self, kind: str, namespace: str | None) -> None:
        """The real gateway waits for rights that have just been granted. In a namespace that is gone, so are they."""
        if namespace in (None, self._home) or kind in BOUNDLESS:
            return
        deadline = asyncio.get_running_loop().time() + RIGHTS_SECONDS
        while self._cluster.get("RoleBinding", STACK_ROLE, namespace or "") is None:
            if asyncio.get_running_loop().time() > deadline:
                raise RejectedError("using", obj=f"{kind}s of {namespace}", answer="403 forbidden", remedy="grant the deployer the right")
            await asyncio.sleep(0.25)
            await only_alive()


def at_once(call: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that waits for nothing."""
    try:
        call.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("a fake waits where it must not")
