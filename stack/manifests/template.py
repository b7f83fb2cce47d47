"""The Job that fills the template databases of one Temporal version.

Its init containers write the schemas, then temporal-server runs until the deployer has registered the Temporal namespace through it and
deletes the Job. It runs in the home namespace. A step that failed half-way may run again: temporal-sql-tool skips what is there.
"""

from typing import Final

from kubernetes.aio import client as k8s

from stack.manifests.blueprint import Postgres
from stack.manifests.configuration import database_ca_map, server_config_map
from stack.manifests.environment import plain_env
from stack.manifests.hardening import container_security, pod_spec, resources
from stack.manifests.labels import component_labels
from stack.manifests.server import PLUGIN, Server, server_container
from stack.manifests.volumes import ca_mounts
from stack.names import (
    DATABASE_CA,
    DATABASE_CA_PATH,
    MANAGED_BY,
    MANAGER,
    SERVER_CONFIG,
    template_databases,
)
from stack.settings import Settings

COMPONENT_TEMPLATE: Final = "template"
DEADLINE_SECONDS: Final = 300
"""Schemas take 0.8–4.6 s. If nobody is left to delete the Job it ends itself, and no session on the template stays open."""
ATTEMPTS: Final = 3
"""Restarts of a container: network rules may be a moment behind a new pod."""
KEPT_SECONDS: Final = 3600
"""A failed Job stays this long for its log."""
GRACE_SECONDS: Final = 2
SCHEMAS: Final = "postgresql/v12"
"""Folder of the schemas inside temporal-sql-tool."""

TemplateObject = k8s.V1ConfigMap | k8s.V1Job


def template_job_name(version: str) -> str:
    return f"template-{version.replace('.', '-')}"


def template_job(
    version: str,
    settings: Settings,
    *,
    role: str,
    password_secret: str,
    database_ca: str | None,
    database_address: tuple[str, int],
) -> list[TemplateObject]:
    """What to apply, in order, when the empty template databases exist and belong to `role`.

    `password_secret` is a Secret in the home namespace with the role's password under SECRET_TEMPORAL_PASSWORD. When the pod is Ready, the
    server answers at the pod's address; the deployer registers the Temporal namespace there, deletes the Job and awaits the end of its pod.
    """
    main, visibility = template_databases(version)
    server = Server(version, Postgres(*database_address, database_ca), main, visibility, role, password_secret)
    return [
        server_config_map(home_meta(SERVER_CONFIG, settings)),
        *database_ca_map(home_meta(DATABASE_CA, settings), server.postgres),
        job(server, settings),
    ]


def job(server: Server, settings: Settings) -> k8s.V1Job:
    spec = k8s.V1JobSpec(
        backoff_limit=ATTEMPTS,
        active_deadline_seconds=DEADLINE_SECONDS,
        ttl_seconds_after_finished=KEPT_SECONDS,
        template=k8s.V1PodTemplateSpec(metadata=k8s.V1ObjectMeta(labels=home_labels()), spec=template_pod(server, settings)),
    )
    return k8s.V1Job(api_version="batch/v1", kind="Job", metadata=home_meta(template_job_name(server.version), settings), spec=spec)


def template_pod(server: Server, settings: Settings) -> k8s.V1PodSpec:
    return pod_spec(
        init_containers=[
            sql_tool(server, settings, "set-up-temporal", server.main, SET_UP),
            sql_tool(server, settings, "update-temporal", server.main, update("temporal")),
            sql_tool(server, settings, "set-up-visibility", server.visibility, SET_UP),
            sql_tool(server, settings, "update-visibility", server.visibility, update("visibility")),
        ],
        containers=[server_container(server, settings)],
        volumes=server.volumes(),
        grace_seconds=GRACE_SECONDS,
        restart_policy="OnFailure",
    )


SET_UP: Final = ["setup-schema", "-v", "0.0"]
"""Only the tables that hold the version; `update-schema` makes the rest, step by step, and can go on where it was interrupted."""


def update(schema: str) -> list[str]:
    return ["update-schema", "--schema-name", f"{SCHEMAS}/{schema}"]


def sql_tool(server: Server, settings: Settings, name: str, database: str, arguments: list[str]) -> k8s.V1Container:
    return k8s.V1Container(
        name=name,
        image=settings.admin_tools_image.replace("{version}", server.version),
        image_pull_policy=settings.image_pull_policy,
        command=["temporal-sql-tool", *arguments],
        env=[*plain_env(tool_env(server, database)), server.password("SQL_PASSWORD")],
        resources=resources(cpu="50m", memory="64Mi", memory_limit="128Mi"),
        security_context=container_security(),
        volume_mounts=ca_mounts(server.postgres) or None,
    )


def tool_env(server: Server, database: str) -> dict[str, str]:
    """What temporal-sql-tool reads in place of its flags (tools/sql/main.go of go.temporal.io/server)."""
    tls = {"SQL_TLS": "true", "SQL_TLS_CA_FILE": DATABASE_CA_PATH} if server.postgres.ca else {}
    return {
        "SQL_PLUGIN": PLUGIN,
        "SQL_HOST": server.postgres.host,
        "SQL_PORT": str(server.postgres.port),
        "SQL_USER": server.role,
        "SQL_DATABASE": database,
        **tls,
    }


def home_labels() -> dict[str, str]:
    return {MANAGED_BY: MANAGER, **component_labels(COMPONENT_TEMPLATE)}


def home_meta(name: str, settings: Settings) -> k8s.V1ObjectMeta:
    return k8s.V1ObjectMeta(name=name, namespace=settings.home_namespace, labels=home_labels())
