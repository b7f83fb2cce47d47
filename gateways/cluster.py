"""What the rest of the project asks of a Kubernetes cluster, in plain dict manifests.

`KubernetesCluster` (gateways/kubernetes_cluster.py) is the real one, `FakeCluster` (tests/fakes/cluster.py) the one for tests; the contract
tests run the same cases on both.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

Object = Mapping[str, Any]
"""A Kubernetes object as the API has it in JSON."""


@dataclass(frozen=True)
class View:
    """What a namespace holds at one moment, of the kinds that tell whether its stack is ready."""

    deployments: Sequence[Object]
    replica_sets: Sequence[Object]
    pods: Sequence[Object]
    events: Sequence[Object]


class Cluster(Protocol):
    """Every method raises only errors of stack/errors.py: RejectedError, ConflictError or UnavailableError."""

    async def apply(self, manifest: Object) -> None:
        """Server-side apply as MANAGER, taking fields over by force, unknown fields refused.

        Waits up to five seconds for a right that has just been granted and for a quota that has just been made. A `metadata.uid` or
        `metadata.resourceVersion` in the manifest is a precondition: ConflictError when it does not hold.
        """

    async def create(self, manifest: Object) -> bool:
        """Makes the object. False if one of that name was there already; that one is left as it is."""

    async def read(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """The object, or None when there is none."""

    async def list_objects(self, kind: str, namespace: str | None = None, *, selector: str = "") -> Sequence[Object]:
        """All objects of the kind, in one namespace or everywhere, that match a label selector such as `a=b,c!=d`."""

    async def replace(self, manifest: Object) -> Object:
        """Writes the whole object as it was read and changed. ConflictError if its resourceVersion is not the current one
        any more, or it is gone."""

    async def annotate(self, kind: str, name: str, annotations: Mapping[str, str | None], namespace: str | None = None) -> bool:
        """Sets annotations, takes those with None away and leaves the rest of the object alone. False if there is no such object."""

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
        """Asks for the deletion. False if there is none. With `uid`, ConflictError when the object of that name is another one; with
        `version`, also when its resourceVersion is another. `grace` is what a pod gets to end, instead of what it asks for."""

    async def view(self, namespace: str) -> View:
        """Reads once what `follow` yields."""

    def follow(self, namespace: str) -> AsyncGenerator[View, None]:
        """What the namespace holds: at once, whenever it changes, and at least every second, without end.

        Broken connections are healed inside; UnavailableError only when the API could not be reached for half a minute.
        """

    def watch(self, kind: str, name: str, namespace: str | None = None) -> AsyncGenerator[Object | None, None]:
        """One object: at once, whenever it changes, and at least every second; None while there is none. Heals as `follow` does."""

    async def log_tail(self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 20) -> str:
        """The last lines of a container's log; empty when there is no log (yet)."""
