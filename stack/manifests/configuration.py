"""ConfigMaps: what containers read as files and everybody may know."""

from kubernetes.aio import client as k8s

from stack.manifests.blueprint import Postgres
from stack.manifests.server import CONFIG_KEY, dynamic_config
from stack.names import DATABASE_CA_KEY


def server_config_map(metadata: k8s.V1ObjectMeta) -> k8s.V1ConfigMap:
    return config_map(metadata, {CONFIG_KEY: dynamic_config()})


def database_ca_map(metadata: k8s.V1ObjectMeta, postgres: Postgres) -> list[k8s.V1ConfigMap]:
    """One, or none if PostgreSQL's certificate is not checked."""
    return [config_map(metadata, {DATABASE_CA_KEY: postgres.ca})] if postgres.ca else []


def config_map(metadata: k8s.V1ObjectMeta, data: dict[str, str]) -> k8s.V1ConfigMap:
    return k8s.V1ConfigMap(api_version="v1", kind="ConfigMap", metadata=metadata, data=data)
