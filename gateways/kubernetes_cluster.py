"""The real cluster, over the connection of kubernetes.aio."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

from gateways.cluster import Object, View
from gateways.connection import Request, Session
from gateways.kinds import KINDS, identity, label
from gateways.translation import Answer, refusal
from gateways.watching import Mirror, follow
from stack.errors import ConflictError, UnavailableError
from stack.names import MANAGER

APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
STRICT: Final = {"fieldManager": MANAGER, "fieldValidation": "Strict"}
LOG_LIMIT_BYTES: Final = 1_000_000
LOG_SECONDS: Final = 3.0
"""A log comes from the kubelet of some node; whoever waits for a stack must not hang on one that is away."""
VIEWED: Final = ("Deployment", "ReplicaSet", "Pod", "Event")


class KubernetesCluster:
    """Implements `Cluster`. Close it when done."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @classmethod
    async def connect(cls, kubeconfig: Path | None) -> Self:
        """From a kubeconfig, or (None) as the service account of the pod that this runs in. Raises InvalidInputError."""
        return cls(await Session.connect(kubeconfig))

    async def close(self) -> None:
        await self._session.close()

    async def apply(self, manifest: Object) -> None:
        kind, name, namespace = identity(manifest)
        path, query = KINDS[kind].path(namespace, name), STRICT | {"force": "true"}
        request = Request("PATCH", path, "applying", label(kind, name, namespace), query, manifest, APPLY)
        content(await self._session.call(request), request)

    async def create(self, manifest: Object) -> bool:
        kind, name, namespace = identity(manifest)
        request = Request("POST", KINDS[kind].path(namespace), "creating", label(kind, name, namespace), STRICT, manifest)
        answer = await self._session.call(request, accept={HTTPStatus.CONFLICT})
        if not answer.ok and answer.reason != "AlreadyExists":
            raise refusal(answer, request.did, request.obj)
        return answer.ok

    async def read(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        request = Request("GET", KINDS[kind].path(namespace, name), "reading", label(kind, name, namespace))
        answer = await self._session.call(request, accept={HTTPStatus.NOT_FOUND})
        return content(answer, request) if answer.ok else None

    async def list_objects(self, kind: str, namespace: str | None = None, *, selector: str = "") -> Sequence[Object]:
        query = {"labelSelector": selector} if selector else {}
        request = Request("GET", KINDS[kind].path(namespace), "listing", f"{kind}s of {namespace or 'the cluster'}", query)
        items: Sequence[Object] = content(await self._session.call(request), request)["items"]
        return [{"apiVersion": KINDS[kind].api_version, "kind": kind, **item} for item in items]

    async def replace(self, manifest: Object) -> Object:
        kind, name, namespace = identity(manifest)
        request = Request("PUT", KINDS[kind].path(namespace, name), "replacing", label(kind, name, namespace), STRICT, manifest)
        answer = await self._session.call(request, accept={HTTPStatus.NOT_FOUND})
        if not answer.ok:
            raise ConflictError(request.did, obj=request.obj, answer=answer.message, remedy="somebody deleted it in between")
        return content(answer, request)

    async def annotate(self, kind: str, name: str, annotations: Mapping[str, str | None], namespace: str | None = None) -> bool:
        path, change = KINDS[kind].path(namespace, name), {"metadata": {"annotations": annotations}}
        request = Request("PATCH", path, "annotating", label(kind, name, namespace), STRICT, change, MERGE)
        return (await self._session.call(request, accept={HTTPStatus.NOT_FOUND})).ok

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
        options = deletion(uid=uid, version=version, grace=grace)
        request = Request("DELETE", KINDS[kind].path(namespace, name), "deleting", label(kind, name, namespace), body=options)
        return (await self._session.call(request, accept={HTTPStatus.NOT_FOUND})).ok

    async def view(self, namespace: str) -> View:
        return View(*await asyncio.gather(*(self.list_objects(kind, namespace) for kind in VIEWED)))

    async def follow(self, namespace: str) -> AsyncGenerator[View, None]:
        changed = asyncio.Event()
        mirrors = [Mirror(self._session, KINDS[kind].path(namespace), changed) for kind in VIEWED]
        async with aclosing(follow(mirrors, changed)) as beats:
            async for _ in beats:
                yield View(*(list(mirror.objects.values()) for mirror in mirrors))

    async def watch(self, kind: str, name: str, namespace: str | None = None) -> AsyncGenerator[Object | None, None]:
        changed = asyncio.Event()
        mirror = Mirror(self._session, KINDS[kind].path(namespace), changed, field_selector=f"metadata.name={name}")
        async with aclosing(follow([mirror], changed)) as beats:
            async for _ in beats:
                yield next(iter(mirror.objects.values()), None)

    async def log_tail(self, namespace: str, pod: str, container: str, *, previous: bool = False, lines: int = 20) -> str:
        """400 is the answer when the container has not started yet or has no previous life."""
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(LOG_LIMIT_BYTES), "previous": str(previous).lower()}
        path = f"{KINDS['Pod'].path(namespace, pod)}/log"
        request = Request(
            "GET", path, "reading the log of", f"{label('Pod', pod, namespace)} container {container}", query, seconds=LOG_SECONDS
        )
        answer = await self._session.call(request, accept={HTTPStatus.NOT_FOUND, HTTPStatus.BAD_REQUEST})
        return answer.text if answer.ok else ""


def content(answer: Answer, request: Request) -> Mapping[str, Any]:
    """The object in a successful answer; a proxy's page that claims success is none."""
    body = answer.body
    if not isinstance(body, dict) or not body:
        raise UnavailableError(request.did, obj=request.obj, answer=answer.text, remedy="is it the cluster's API that answers?")
    return body


def deletion(*, uid: str | None = None, version: str | None = None, grace: timedelta | None = None) -> Mapping[str, Any]:
    """DeleteOptions. What belongs to the object goes too, afterwards; a Job's pods would stay otherwise."""
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    preconditions = {"uid": uid, "resourceVersion": version}
    if given := {name: value for name, value in preconditions.items() if value is not None}:
        options["preconditions"] = given
    if grace is not None:
        options["gracePeriodSeconds"] = int(grace.total_seconds())
    return options
