"""The pod that serves the page, and the ways to it."""

from typing import Final

from kubernetes.aio import client as k8s

from stack.addresses import Pod, host_of
from stack.manifests.app import PUBLIC_PORT, Part, app_part, public_container, volumes_of
from stack.manifests.blueprint import Blueprint
from stack.manifests.hardening import pod_spec, pull_secrets
from stack.manifests.labels import object_meta, pod_meta, pods_of
from stack.manifests.routing import ingress, service
from stack.manifests.workload import deployment
from stack.names import WEBAPP
from stack.stackfile import Container

DRAIN_SECONDS: Final = 2
"""The old pod goes on serving until the ingress controller has heard that there is a new one: no request meets a closed port."""
GRACE_SECONDS: Final = 5
"""Draining, and then time to finish what is being answered. A teardown asks for less and gets it."""
HTTP: Final = 80


def webapp_deployment(blueprint: Blueprint) -> k8s.V1Deployment:
    """A rolling update that takes nothing away before its successor is ready: the page never stops answering."""
    parts = [webapp_part(blueprint, container) for container in blueprint.file.webapp.containers]
    strategy = k8s.V1DeploymentStrategy(
        type="RollingUpdate",
        rolling_update=k8s.V1RollingUpdateDeployment(max_unavailable=0, max_surge=1),
    )
    template = k8s.V1PodTemplateSpec(
        metadata=pod_meta(blueprint, WEBAPP),
        spec=pod_spec(
            containers=[part.container for part in parts],
            volumes=volumes_of(parts),
            grace_seconds=GRACE_SECONDS,
            image_pull_secrets=pull_secrets(blueprint.settings),
        ),
    )
    return deployment(object_meta(blueprint, WEBAPP, WEBAPP), pods_of(WEBAPP), strategy, template)


def webapp_part(blueprint: Blueprint, container: Container) -> Part:
    part = app_part(blueprint, container, container.name, Pod.WEBAPP, ports_of(blueprint, container))
    part.container.lifecycle = k8s.V1Lifecycle(pre_stop=k8s.V1LifecycleHandler(sleep=k8s.V1SleepAction(seconds=DRAIN_SECONDS)))
    return part


def ports_of(blueprint: Blueprint, container: Container) -> list[k8s.V1ContainerPort]:
    if container.port is None:
        return []
    public = container == public_container(blueprint.file.webapp)
    name = PUBLIC_PORT if public else f"port-{container.port}"
    return [k8s.V1ContainerPort(name=name, container_port=container.port, protocol="TCP")]


def webapp_service(blueprint: Blueprint) -> k8s.V1Service:
    return service(blueprint, WEBAPP, [k8s.V1ServicePort(name="http", port=HTTP, target_port=PUBLIC_PORT, protocol="TCP")])


def webapp_ingress(blueprint: Blueprint) -> k8s.V1Ingress:
    return ingress(blueprint, WEBAPP, host_of(blueprint.attempt.request), component=WEBAPP, port="http")
