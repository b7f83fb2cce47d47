"""What every pod and every container of ours is denied: more than Pod Security `restricted` asks for."""

from typing import Final

from kubernetes.aio import client as k8s

from stack.names import PULL_SECRET
from stack.settings import Settings

PLATFORM_USER: Final = 1000
"""User of temporal-server, temporal-ui and the admin tools. Their images name a user, and the kubelet can only check a number."""


def pod_security() -> k8s.V1PodSecurityContext:
    return k8s.V1PodSecurityContext(run_as_non_root=True, seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"))


def container_security(user: int = PLATFORM_USER) -> k8s.V1SecurityContext:
    """The group stays what the image says, so that an image's group-readable files can still be read."""
    return k8s.V1SecurityContext(
        run_as_non_root=True,
        run_as_user=user,
        read_only_root_filesystem=True,
        allow_privilege_escalation=False,
        capabilities=k8s.V1Capabilities(drop=["ALL"]),
        seccomp_profile=k8s.V1SeccompProfile(type="RuntimeDefault"),
    )


def resources(*, cpu: str, memory: str, memory_limit: str | None = None) -> k8s.V1ResourceRequirements:
    """No CPU limit: it would throttle start-up, when everybody waits."""
    return k8s.V1ResourceRequirements(requests={"cpu": cpu, "memory": memory}, limits={"memory": memory_limit or memory})


def pull_secrets(settings: Settings) -> list[k8s.V1LocalObjectReference] | None:
    """By what the node pulls the images of a stack, where the registry asks."""
    return [k8s.V1LocalObjectReference(name=PULL_SECRET)] if settings.registry_credentials_file else None


def pod_spec(
    *,
    containers: list[k8s.V1Container],
    init_containers: list[k8s.V1Container] | None = None,
    volumes: list[k8s.V1Volume],
    grace_seconds: int,
    restart_policy: str = "Always",
    image_pull_secrets: list[k8s.V1LocalObjectReference] | None = None,
) -> k8s.V1PodSpec:
    """A pod without a token for the cluster's API and without the environment variables of its neighbours' Services."""
    return k8s.V1PodSpec(
        automount_service_account_token=False,
        enable_service_links=False,
        security_context=pod_security(),
        termination_grace_period_seconds=grace_seconds,
        restart_policy=restart_policy,
        image_pull_secrets=image_pull_secrets,
        init_containers=init_containers,
        containers=containers,
        volumes=volumes or None,
    )
