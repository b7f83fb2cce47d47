"""Applying many objects at once."""

import asyncio
from collections.abc import Iterable

from gateways.cluster import Cluster, Object


async def apply_all(cluster: Cluster, manifests: Iterable[Object]) -> None:
    """Applies independent objects side by side. The first error stops the others and is raised as it is, not in a group."""
    try:
        async with asyncio.TaskGroup() as group:
            for manifest in manifests:
                group.create_task(cluster.apply(manifest))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
