"""Every label and annotation of a stack's objects, in one place.

Selectors hold the component only: they cannot be changed later. The generation stands on objects and never on the template of a pod,
where a new value would replace the pod.
"""

from collections.abc import Mapping
from typing import Final

from kubernetes.aio import client as k8s

from stack.manifests.blueprint import Blueprint
from stack.names import (
    ANNOTATION_GENERATION,
    ANNOTATION_SECRETS,
    COMPONENT,
    LABEL_PR,
    MANAGED_BY,
    MANAGER,
)

PART_OF: Final = "app.kubernetes.io/part-of"
NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
"""Label that Kubernetes itself keeps on every namespace: the only way for a policy to name one."""


def stack_labels(blueprint: Blueprint) -> dict[str, str]:
    """What everything that belongs to the stack carries."""
    return {MANAGED_BY: MANAGER, PART_OF: blueprint.file.app, LABEL_PR: str(blueprint.attempt.request.pr)}


def generation(blueprint: Blueprint) -> dict[str, str]:
    return {ANNOTATION_GENERATION: str(blueprint.attempt.generation)}


def object_meta(blueprint: Blueprint, name: str, component: str | None = None) -> k8s.V1ObjectMeta:
    """Metadata of an object in the stack's namespace."""
    return k8s.V1ObjectMeta(
        name=name,
        namespace=blueprint.namespace,
        labels=stack_labels(blueprint) | (component_labels(component) if component else {}),
        annotations=generation(blueprint),
    )


def pod_meta(blueprint: Blueprint, component: str) -> k8s.V1ObjectMeta:
    """Metadata of a pod template: the same for the same secrets, whichever deploy wrote it."""
    return k8s.V1ObjectMeta(
        labels=stack_labels(blueprint) | component_labels(component),
        annotations={ANNOTATION_SECRETS: blueprint.secrets.fingerprint} if blueprint.secrets.fingerprint else None,
    )


def component_labels(component: str) -> dict[str, str]:
    return {COMPONENT: component}


def select(labels: Mapping[str, str]) -> k8s.V1LabelSelector:
    return k8s.V1LabelSelector(match_labels=dict(labels))


def pods_of(component: str) -> k8s.V1LabelSelector:
    """The pods of one component in the same namespace."""
    return select(component_labels(component))


def namespace_called(name: str) -> k8s.V1LabelSelector:
    return select({NAMESPACE_NAME: name})
