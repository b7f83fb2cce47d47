"""The pod with the preview's own Temporal: server, UI, and the application's worker."""

from typing import Final

from kubernetes.aio import client as k8s

from stack.addresses import Pod, host_of, ui_host
from stack.manifests.app import app_part, volumes_of
from stack.manifests.blueprint import Blueprint
from stack.manifests.environment import plain_env
from stack.manifests.hardening import container_security, pod_spec, pull_secrets, resources
from stack.manifests.labels import object_meta, pod_meta, pods_of
from stack.manifests.probes import probes
from stack.manifests.routing import ingress, service
from stack.manifests.server import START_DEADLINE, Server, server_container
from stack.manifests.workload import deployment
from stack.names import (
    DATABASE_SECRET,
    FRONTEND_PORT,
    TEMPORAL,
    TEMPORAL_NAMESPACE,
    UI_CONTAINER,
    UI_PORT,
    WORKER_CONTAINER,
)

GRACE_SECONDS: Final = 2
"""The kubelet gives a sidecar no less, so less would not be faster; temporal-server loses nothing when it is killed."""


def temporal_deployment(blueprint: Blueprint) -> k8s.V1Deployment:
    """Recreate: two servers on one database would take the shard from each other."""
    server = server_of(blueprint)
    worker = app_part(blueprint, blueprint.file.temporal.worker, WORKER_CONTAINER, Pod.TEMPORAL, ports=[])
    spec = pod_spec(
        init_containers=[server_sidecar(server, blueprint)],
        containers=[ui_container(blueprint), worker.container],
        volumes=volumes_of([worker], *server.volumes()),
        grace_seconds=GRACE_SECONDS,
        image_pull_secrets=pull_secrets(blueprint.settings),
    )
    template = k8s.V1PodTemplateSpec(metadata=pod_meta(blueprint, TEMPORAL), spec=spec)
    strategy = k8s.V1DeploymentStrategy(type="Recreate")
    return deployment(object_meta(blueprint, TEMPORAL, TEMPORAL), pods_of(TEMPORAL), strategy, template)


def server_of(blueprint: Blueprint) -> Server:
    names = blueprint.names
    return Server(
        version=blueprint.file.temporal.server,
        postgres=blueprint.postgres,
        main=names.temporal_database,
        visibility=names.visibility_database,
        role=names.role,
        secret=DATABASE_SECRET,
    )


def server_sidecar(server: Server, blueprint: Blueprint) -> k8s.V1Container:
    """A native sidecar: UI and worker start when the server answers, and it outlives them when the pod ends."""
    container = server_container(server, blueprint.settings)
    container.restart_policy = "Always"
    return container


def ui_container(blueprint: Blueprint) -> k8s.V1Container:
    """Never sees a secret of the application: it is public."""
    startup, readiness = probes(k8s.V1Probe(http_get=k8s.V1HTTPGetAction(path="/healthz", port=UI_PORT)), START_DEADLINE)
    return k8s.V1Container(
        name=UI_CONTAINER,
        image=blueprint.settings.ui_image,
        image_pull_policy=blueprint.settings.image_pull_policy,
        env=plain_env(ui_env(blueprint)),
        ports=[k8s.V1ContainerPort(name="ui", container_port=UI_PORT, protocol="TCP")],
        startup_probe=startup,
        readiness_probe=readiness,
        resources=resources(cpu="10m", memory="64Mi", memory_limit="128Mi"),
        security_context=container_security(),
    )


def ui_env(blueprint: Blueprint) -> dict[str, str]:
    """Which preview it is stands in its host name; temporal-ui 2.54 shows no banner any more, and images that have one show this text."""
    url, request = blueprint.urls.temporal_ui, blueprint.attempt.request
    plain_http = {"TEMPORAL_CSRF_COOKIE_INSECURE": "true"} if url.startswith("http://") else {}
    read_only = {} if blueprint.settings.ui_writes else {"TEMPORAL_DISABLE_WRITE_ACTIONS": "true"}
    return {
        "TEMPORAL_ADDRESS": f"127.0.0.1:{FRONTEND_PORT}",
        "TEMPORAL_UI_PORT": str(UI_PORT),
        "TEMPORAL_DEFAULT_NAMESPACE": TEMPORAL_NAMESPACE,
        "TEMPORAL_CORS_ORIGINS": url,
        "TEMPORAL_DISABLE_NEWS_FETCH": "true",
        "TEMPORAL_BANNER_TEXT": f"Preview of pull request {request.pr} of {request.repository}",
        **plain_http,
        **read_only,
    }


def temporal_service(blueprint: Blueprint) -> k8s.V1Service:
    """The server for the webapp and the deployer, the UI for the ingress controller."""
    ports = [
        k8s.V1ServicePort(name="grpc", port=FRONTEND_PORT, target_port="grpc", protocol="TCP"),
        k8s.V1ServicePort(name="ui", port=UI_PORT, target_port="ui", protocol="TCP"),
    ]
    return service(blueprint, TEMPORAL, ports)


def ui_ingress(blueprint: Blueprint) -> k8s.V1Ingress:
    """The only public way into the temporal pod: to the UI."""
    return ingress(blueprint, UI_CONTAINER, ui_host(host_of(blueprint.attempt.request)), component=TEMPORAL, port="ui")
