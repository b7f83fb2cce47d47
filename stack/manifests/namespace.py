"""The namespace and what holds in it: who may write there, how much fits in."""

from datetime import datetime
from typing import Final

from kubernetes.aio import client as k8s

from stack.manifests.blueprint import Blueprint
from stack.manifests.labels import generation, object_meta, stack_labels
from stack.names import (
    ANNOTATION_COMMIT,
    ANNOTATION_REPOSITORY,
    DEPLOYER,
    MANAGER,
    STACK_ROLE,
)
from stack.namespace import expiry_annotations
from stack.stackfile import Resources

POD_SECURITY: Final = {"pod-security.kubernetes.io/enforce": "restricted", "pod-security.kubernetes.io/warn": "restricted"}
RBAC: Final = "rbac.authorization.k8s.io"


def namespace(blueprint: Blueprint, expires_at: datetime) -> k8s.V1Namespace:
    request = blueprint.attempt.request
    metadata = k8s.V1ObjectMeta(
        name=blueprint.namespace,
        labels=stack_labels(blueprint) | POD_SECURITY,
        annotations={
            **generation(blueprint),
            ANNOTATION_COMMIT: request.commit,
            ANNOTATION_REPOSITORY: request.repository,
            **{name: value for name, value in expiry_annotations(expires_at, pinned=blueprint.attempt.pinned).items() if value is not None},
        },
    )
    return k8s.V1Namespace(api_version="v1", kind="Namespace", metadata=metadata)


def role_binding(blueprint: Blueprint) -> k8s.V1RoleBinding:
    """The deployer's rights over the stack's objects: in this namespace and in no other."""
    return k8s.V1RoleBinding(
        api_version=f"{RBAC}/v1",
        kind="RoleBinding",
        metadata=object_meta(blueprint, STACK_ROLE),
        role_ref=k8s.V1RoleRef(api_group=RBAC, kind="ClusterRole", name=STACK_ROLE),
        subjects=[k8s.RbacV1Subject(kind="ServiceAccount", name=DEPLOYER, namespace=blueprint.settings.home_namespace)],
    )


def resource_quota(blueprint: Blueprint) -> k8s.V1ResourceQuota:
    """The stack file's bounds, and no Service that would open a port outside the cluster."""
    quota = blueprint.file.quota
    hard = {
        "requests.memory": quota.memory,
        "limits.memory": quota.memory,
        "requests.cpu": quota.cpu,
        "pods": str(quota.pods),
        "services.nodeports": "0",
        "services.loadbalancers": "0",
    }
    return k8s.V1ResourceQuota(
        api_version="v1",
        kind="ResourceQuota",
        metadata=object_meta(blueprint, MANAGER),
        spec=k8s.V1ResourceQuotaSpec(hard=hard),
    )


def limit_range(blueprint: Blueprint) -> k8s.V1LimitRange:
    """What a container gets that names nothing (a debug pod): the quota would refuse it otherwise. Ours name all and are left alone."""
    usual = Resources()
    item = k8s.V1LimitRangeItem(
        type="Container",
        default={"memory": usual.memory},
        default_request={"memory": usual.memory, "cpu": usual.cpu},
    )
    return k8s.V1LimitRange(
        api_version="v1",
        kind="LimitRange",
        metadata=object_meta(blueprint, MANAGER),
        spec=k8s.V1LimitRangeSpec(limits=[item]),
    )
