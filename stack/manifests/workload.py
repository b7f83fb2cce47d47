"""What both Deployments have in common."""

from typing import Final

from kubernetes.aio import client as k8s

HISTORY: Final = 1
"""Old ReplicaSets that are kept. Going back is done from the record, so they are only for a person who looks."""
PROGRESS_DEADLINE: Final = 3600
"""Seconds; DeployPreview has deadlines of its own, and they come first."""


def deployment(
    metadata: k8s.V1ObjectMeta,
    selector: k8s.V1LabelSelector,
    strategy: k8s.V1DeploymentStrategy,
    template: k8s.V1PodTemplateSpec,
) -> k8s.V1Deployment:
    """One pod at a time: a preview is for a few people."""
    spec = k8s.V1DeploymentSpec(
        replicas=1,
        revision_history_limit=HISTORY,
        progress_deadline_seconds=PROGRESS_DEADLINE,
        selector=selector,
        strategy=strategy,
        template=template,
    )
    return k8s.V1Deployment(api_version="apps/v1", kind="Deployment", metadata=metadata, spec=spec)
