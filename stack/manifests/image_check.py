"""A pod that lets a node pull images and runs nothing of them.

Asked before an update stops the temporal pod, which is gone before its successor starts (Recreate).
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from kubernetes.aio import client as k8s

from stack.manifests.blueprint import Blueprint, Postgres
from stack.manifests.hardening import container_security, pod_spec, pull_secrets, resources
from stack.manifests.labels import object_meta
from stack.manifests.plain import to_dict
from stack.manifests.temporal import temporal_deployment
from stack.models import Attempt
from stack.settings import Settings

IMAGE_CHECK: Final = "image-check"
"""Component of the pod: no Service, no Deployment and no way in of a network policy selects it."""
NO_PROGRAM: Final = "/proc/image-check"
"""A command that no image can have: in every container /proc is the kernel's. The runtime refuses to start it, after the pull."""
DEADLINE_SECONDS: Final = 600
"""The cluster stops a pod that a killed worker left behind; it then uses nothing of the quota until the next check takes it away."""
GRACE_SECONDS: Final = 0
"""There is no program to wait for, and the name is free again at once."""
NOWHERE: Final = Postgres("postgresql.invalid", 5432)
"""Images do not depend on the database."""


def new_images(attempt: Attempt, settings: Settings, live: Mapping[str, Any]) -> dict[str, str]:
    """Container of the temporal pod → image, for the images that the live Deployment has not. Each image once."""
    wanted = to_dict(temporal_deployment(Blueprint(attempt, settings, NOWHERE)))
    known = {container["image"] for container in _containers(live)}
    new: dict[str, str] = {}
    for container in _containers(wanted):
        if container["image"] not in {*known, *new.values()}:
            new[container["name"]] = container["image"]
    return new


def image_check_name(generation: int) -> str:
    return f"{IMAGE_CHECK}-{generation}"


def image_check_pod(attempt: Attempt, settings: Settings, images: Mapping[str, str]) -> k8s.V1Pod:
    """One container per image, under the name of a container that will have it: diagnoses tell of it by that name."""
    blueprint = Blueprint(attempt, settings, NOWHERE)
    spec = pod_spec(
        containers=[_container(name, image, settings) for name, image in images.items()],
        volumes=[],
        grace_seconds=GRACE_SECONDS,
        restart_policy="Never",
        image_pull_secrets=pull_secrets(settings),
    )
    spec.active_deadline_seconds = DEADLINE_SECONDS
    metadata = object_meta(blueprint, image_check_name(attempt.generation), IMAGE_CHECK)
    return k8s.V1Pod(api_version="v1", kind="Pod", metadata=metadata, spec=spec)


def _container(name: str, image: str, settings: Settings) -> k8s.V1Container:
    return k8s.V1Container(
        name=name,
        image=image,
        image_pull_policy=settings.image_pull_policy,
        command=[NO_PROGRAM],
        resources=resources(cpu="1m", memory="16Mi"),
        security_context=container_security(),
    )


def _containers(deployment: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    spec = deployment["spec"]["template"]["spec"]
    return [*spec.get("initContainers", ()), *spec["containers"]]
