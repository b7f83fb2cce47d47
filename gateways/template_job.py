"""Makes the template databases of a temporal-server version with the version's own tools, as a Job in the deployer's namespace.

The Job writes the schemas and then runs the server once, so that the Temporal namespace of every clone is registered in them already:
without it a preview's worker would crash-loop until somebody registered it.
"""

import asyncio
import re
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final, Protocol

from gateways.cluster import Cluster, Object
from gateways.postgres_template import PostgresTemplates, TemplateAccess, TemplateWork
from gateways.temporal import Frontends
from gateways.temporal_pod import is_ready
from stack.errors import PreviewError, RejectedError, StillThereError, UnavailableError
from stack.manifests import template_job, template_job_name, to_dict
from stack.manifests.blueprint import Postgres
from stack.masking import Mask, mask_with
from stack.names import FRONTEND_PORT, MANAGED_BY, MANAGER, SECRET_TEMPORAL_PASSWORD, TEMPORAL_NAMESPACE
from stack.settings import Settings

RETENTION: Final = timedelta(days=7)
"""How long a preview's Temporal keeps histories of closed workflows: longer than most previews live."""
DEADLINE: Final = timedelta(minutes=5)
"""Schemas and server take seconds; the rest is for pulling two images."""
GONE_DEADLINE: Final = timedelta(seconds=60)
POLL_SECONDS: Final = 0.25
HOPELESS: Final = ("ErrImageNeverPull", "InvalidImageName", "ImagePullBackOff", "CreateContainerConfigError")
"""Reasons to wait that do not pass by themselves. One ErrImagePull is none: a registry may be away for a moment."""
REFUSALS: Final = re.compile(r"not.?found|manifest.unknown|does.not.exist|denied|unauthorized|forbidden|no.basic.auth", re.IGNORECASE)
"""What a registry says that will say the same again."""
RESTARTS: Final = 2
"""A container that failed this often fails for a reason; once may be network rules that are a moment behind a new pod."""


class Templates(Protocol):
    """Template databases, by Temporal version."""

    async def ensure(self, version: str) -> None:
        """Returns when they exist. Raises RejectedError with the tail of the log when they cannot be made, transient errors otherwise."""


class JobTemplates:
    """`Templates` over PostgreSQL and a Job in the cluster."""

    def __init__(
        self, databases: PostgresTemplates, cluster: Cluster, frontends: Frontends, settings: Settings, postgres: Postgres
    ) -> None:
        self._databases, self._cluster, self._frontends = databases, cluster, frontends
        self._settings, self._postgres = settings, postgres

    async def ensure(self, version: str) -> None:
        if await self._databases.exist(version):
            return
        async with self._databases.locked(version) as work:
            if not await work.done():
                await self._make(work)

    async def _make(self, work: TemplateWork) -> None:
        job = template_job_name(work.version)
        await self._remove(job)  # what a worker that was lost left running
        access = await work.begin()
        try:
            await self._apply(work.version, access)
            address = await self._address_when_ready(job, self._mask(access))
            await self._frontends.register_namespace(address, TEMPORAL_NAMESPACE, RETENTION)
        finally:
            await self._remove(job)
        await work.finish()

    async def _apply(self, version: str, access: TemplateAccess) -> None:
        name = template_job_name(version)
        await self._cluster.apply(password_secret(name, self._settings.home_namespace, access.password))
        postgres = self._postgres
        objects = template_job(
            version,
            self._settings,
            role=access.role,
            password_secret=name,
            database_ca=postgres.ca,
            database_address=(postgres.host, postgres.port),
        )
        for item in objects:
            await self._cluster.apply(to_dict(item))

    async def _address_when_ready(self, job: str, mask: Mask) -> str:
        """The pod's own address: there is no Service, and a worker outside the cluster has no cluster DNS."""
        try:
            async with asyncio.timeout(DEADLINE.total_seconds()):
                while True:
                    for pod in await self._pods(job):
                        await self._refuse_hopeless(pod, mask)
                        if is_ready(pod):
                            return f"{pod['status']['podIP']}:{FRONTEND_PORT}"
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise UnavailableError(
                "make the template databases by", obj=f"Job {job}", answer=f"not ready within {DEADLINE}", remedy="look at its pod"
            ) from None

    async def _refuse_hopeless(self, pod: Object, mask: Mask) -> None:
        for status in statuses(pod):
            if reason := hopeless(status):
                name = pod["metadata"]["name"]
                log = mask(await self._log(name, status["name"]))
                raise RejectedError(
                    "make the template databases by",
                    obj=f"Pod {self._settings.home_namespace}/{name} container {status['name']}",
                    answer=f"{reason}: {log}" if log else reason,
                    remedy="check the images and PREVIEWS_DATABASE_POD_ADDRESS",
                )

    def _mask(self, access: TemplateAccess) -> Mask:
        """The Job has one secret, and the deployer may not list those of its own namespace."""
        return mask_with([password_secret("", self._settings.home_namespace, access.password)])

    async def _log(self, pod: str, container: str) -> str:
        """Its end says why; a container that has been started again has it in the log before."""
        for previous in (True, False):
            with suppress(PreviewError):
                if log := await self._cluster.log_tail(self._settings.home_namespace, pod, container, previous=previous, lines=5):
                    return log
        return ""

    async def _remove(self, job: str) -> None:
        """The Job, its Secret and its pod, seen gone: a pod that is still ending has sessions on the template."""
        await self._cluster.delete("Job", job, self._settings.home_namespace)
        await self._cluster.delete("Secret", job, self._settings.home_namespace)
        try:
            async with asyncio.timeout(GONE_DEADLINE.total_seconds()):
                while True:
                    if not await self._pods(job):
                        return
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise StillThereError("wait for the end of the pod of", obj=f"Job {job}", remedy="it is tried again") from None

    async def _pods(self, job: str) -> Sequence[Object]:
        return await self._cluster.list_objects("Pod", self._settings.home_namespace, selector=f"batch.kubernetes.io/job-name={job}")


def password_secret(name: str, namespace: str, password: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {MANAGED_BY: MANAGER}},
        "data": {SECRET_TEMPORAL_PASSWORD: b64encode(password.encode()).decode()},
    }


def statuses(pod: Object) -> list[Object]:
    """Of all containers, in the order in which they run."""
    status = pod.get("status", {})
    return [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]


def hopeless(status: Object) -> str:
    """Why a container will never work, or empty."""
    waiting = status.get("state", {}).get("waiting", {})
    reason: str = waiting.get("reason", "")
    if reason in HOPELESS or (reason == "ErrImagePull" and REFUSALS.search(waiting.get("message", ""))):
        return reason
    return f"failed {status['restartCount']} times" if status.get("restartCount", 0) >= RESTARTS else ""
