"""Applying objects, many at once, and never over what a newer generation has written."""

import asyncio
from collections.abc import Iterable
from typing import Final

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_fixed

from gateways.cluster import Cluster, Object
from gateways.kinds import identity
from stack.errors import ConflictError, OutdatedError
from stack.names import KINDS_OF_A_STACK, OURS
from stack.namespace import generation_of

TRIES: Final = 8
"""Controllers write the status of an object often while it starts; each of their writes makes ours begin again."""
PAUSE_SECONDS: Final = 0.05


async def apply_all(cluster: Cluster, manifests: Iterable[Object], generation: int) -> None:
    """Applies independent objects side by side. The first error stops the others and is raised as it is, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for manifest in manifests:
                group.create_task(apply_as(cluster, manifest, generation))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def prune(cluster: Cluster, namespace: str, generation: int, applied: Iterable[Object]) -> None:
    """Takes away what an older generation needed and this one, applied in full, does not: a way that was closed must not stay open.

    Raises ConflictError when something of an older generation lies over what was `applied`: a lost worker made it too late.
    """
    ours = {identity(manifest) for manifest in applied}
    kinds = await asyncio.gather(*(cluster.list_objects(kind, namespace, selector=OURS) for kind in KINDS_OF_A_STACK))
    for item in (item for items in kinds for item in items if generation_of(item) < generation):
        if identity(item) in ours:
            raise ConflictError("looking at", obj=item["metadata"]["name"], answer="an older generation has written it meanwhile")
        await cluster.delete(*identity(item), uid=item["metadata"]["uid"])


@retry(retry=retry_if_exception_type(ConflictError), stop=stop_after_attempt(TRIES), wait=wait_fixed(PAUSE_SECONDS), reraise=True)
async def apply_as(cluster: Cluster, manifest: Object, generation: int) -> None:
    """Applies exactly over what was looked at, so that a worker that was frozen in between cannot undo what another did meanwhile. Only an
    apply that makes an object has no such precondition: what comes too late there, the clean-up heals.

    Raises OutdatedError when a newer generation wrote the object, ConflictError when it changes faster than it can be read.
    """
    existing = await cluster.read(*identity(manifest))
    await cluster.apply(_guarded(manifest, existing, generation))


def _guarded(manifest: Object, existing: Object | None, generation: int) -> Object:
    if existing is None:
        return manifest
    metadata = existing["metadata"]
    if (newest := generation_of(existing)) > generation:
        raise OutdatedError(f"stopping generation {generation} at", obj=metadata["name"], answer=f"generation {newest} has written it")
    guard = {"resourceVersion": metadata["resourceVersion"], "uid": metadata["uid"]}
    return {**manifest, "metadata": {**guard, **manifest["metadata"]}}
