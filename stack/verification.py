"""Diagnoses of what is wrong with a stack whose containers are all ready. Each masks what pages and servers said; a log comes masked."""

from collections.abc import Iterable

from stack.errors import cut
from stack.masking import Mask, masked_location
from stack.models import Category, Diagnosis
from stack.names import TEMPORAL, WORKER_CONTAINER

DETAIL_LIMIT = 600
"""Characters of a page that are shown."""


def page_diagnosis(url: str, status: int, body: str, location: str, mask: Mask) -> Diagnosis:
    return Diagnosis(
        category=Category.WEB,
        object=url,
        summary=f"The page {_answered(status, masked_location(location, mask))}.",
        detail=cut(mask(body), DETAIL_LIMIT),
        resolution="Look at the log of the webapp's containers; the page must answer with a status of 2xx at its public host.",
    )


def ui_diagnosis(url: str, status: int, body: str, location: str, mask: Mask) -> Diagnosis:
    return Diagnosis(
        category=Category.UI,
        object=url,
        summary=f"Temporal-ui {_answered(status, masked_location(location, mask))}.",
        detail=cut(mask(body), DETAIL_LIMIT),
        resolution=f"Look at the log of the container temporal-ui in the Deployment {TEMPORAL}.",
    )


def server_diagnosis(namespace: str, why: str, mask: Mask) -> Diagnosis:
    return Diagnosis(
        category=Category.TEMPORAL,
        object=f"Deployment {namespace}/{TEMPORAL}",
        summary="The stack's temporal-server does not serve.",
        detail=mask(why),
        resolution="Look at its log; the deployer must be allowed to reach its port 7233 (from outside: PREVIEWS_DEPLOYER_CIDR).",
    )


def worker_diagnosis(namespace: str, silent: Iterable[str], log: str) -> Diagnosis:
    return Diagnosis(
        category=Category.WORKER,
        object=f"Deployment {namespace}/{TEMPORAL} container {WORKER_CONTAINER}",
        summary=f"No worker polls {', '.join(f'the task queue {queue}' for queue in silent)}.",
        detail=log,
        resolution="It must connect to TEMPORAL_SERVER_ADDRESS, namespace default, and poll all of the stack file's `taskQueues`.",
    )


def smoke_diagnosis(namespace: str, workflow: str, why: str, log: str, mask: Mask) -> Diagnosis:
    return Diagnosis(
        category=Category.SMOKE,
        object=f"Workflow {workflow} in the Temporal of {namespace}",
        summary=f"The smoke workflow {workflow} failed: {cut(mask(why))}.",
        detail=log,
        resolution="Look at it in the preview's temporal-ui, and at the log of its worker.",
    )


def _answered(status: int, location: str) -> str:
    if not status:
        return "does not answer"
    return f"answers {status}, a redirect to {location}" if location else f"answers {status}"
