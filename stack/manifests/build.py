"""The objects of a stack, all of them, in the order in which they are applied."""

from datetime import datetime
from typing import Final

from kubernetes.aio import client as k8s

from stack.manifests.blueprint import Blueprint, Postgres
from stack.manifests.configuration import database_ca_map, server_config_map
from stack.manifests.labels import object_meta
from stack.manifests.namespace import limit_range, namespace, resource_quota, role_binding
from stack.manifests.network import network_policies, ways_elsewhere
from stack.manifests.plain import to_yaml
from stack.manifests.temporal import temporal_deployment, temporal_service, ui_ingress
from stack.manifests.webapp import webapp_deployment, webapp_ingress, webapp_service
from stack.models import Application, Attempt, Deployment, SecretsReport
from stack.names import DATABASE_CA, SERVER_CONFIG, namespace_for
from stack.network_address import Address
from stack.settings import Settings

ClaimObject = k8s.V1Namespace | k8s.V1RoleBinding | k8s.V1ResourceQuota | k8s.V1LimitRange | k8s.V1NetworkPolicy | k8s.V1ConfigMap
WorkloadObject = k8s.V1NetworkPolicy | k8s.V1Service | k8s.V1Ingress | k8s.V1Deployment

UNKNOWN_ADDRESS: Final = ("postgresql.invalid", 5432)
"""Stands for the database's address where only the worker knows it."""


def claim_objects(
    attempt: Attempt,
    settings: Settings,
    *,
    expires_at: datetime,
    database_ca: str | None,
    database_address: tuple[str, int],
) -> list[ClaimObject]:
    """The namespace and what must hold in it before anything runs there."""
    blueprint = Blueprint(attempt, settings, Postgres(*database_address, database_ca))
    return [
        namespace(blueprint, expires_at),
        role_binding(blueprint),
        resource_quota(blueprint),
        limit_range(blueprint),
        *network_policies(blueprint),
        server_config_map(object_meta(blueprint, SERVER_CONFIG)),
        *database_ca_map(object_meta(blueprint, DATABASE_CA), blueprint.postgres),
    ]


def workload_objects(
    application: Application,
    settings: Settings,
    *,
    database_ca: str | None,
    database_address: tuple[str, int],
    elsewhere: Address | None = None,
) -> list[WorkloadObject]:
    """What runs and the ways to it and out of it. Services first, so that names resolve when the first container asks."""
    blueprint = Blueprint(application.attempt, settings, Postgres(*database_address, database_ca), application.secrets, elsewhere)
    return [
        *ways_elsewhere(blueprint),
        temporal_service(blueprint),
        webapp_service(blueprint),
        temporal_deployment(blueprint),
        webapp_deployment(blueprint),
        webapp_ingress(blueprint),
        ui_ingress(blueprint),
    ]


def render(request: Deployment, settings: Settings, database_ca: str | None = None) -> str:
    """The YAML of a first deploy of `request`, for a person. Secrets are named in it and never shown.

    PostgreSQL's address is that of `settings.database_pod_address`, and a placeholder where only the worker knows it.
    """
    attempt = Attempt(request=request, namespace=namespace_for(request.pr, request.stack.app, settings.namespace_template), generation=1)
    host, _, port = (settings.database_pod_address or "").partition(":")
    address = (host, int(port)) if port else UNKNOWN_ADDRESS
    expires_at = request.requested_at + request.stack.ttl
    claim = claim_objects(attempt, settings, expires_at=expires_at, database_ca=database_ca, database_address=address)
    application = Application(attempt=attempt, secrets=SecretsReport())
    return to_yaml([*claim, *workload_objects(application, settings, database_ca=database_ca, database_address=address)])
