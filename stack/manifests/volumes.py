"""Files that containers get: configuration, certificates, secrets, and folders to write to."""

from typing import Final

from kubernetes.aio import client as k8s

from stack.manifests.blueprint import Postgres
from stack.names import APP_SECRET, DATABASE_CA, DATABASE_CA_FOLDER

SCRATCH_LIMIT: Final = "1Gi"
"""A writable folder that grows beyond this evicts its pod, before it fills the disk of a node that others share."""
READABLE: Final = 0o444
"""Files belong to root and containers run as anybody, so everybody in the container may read. Nobody may write."""


def mount(name: str, path: str, *, read_only: bool = True) -> k8s.V1VolumeMount:
    return k8s.V1VolumeMount(name=name, mount_path=path, read_only=read_only or None)


def config_volume(name: str) -> k8s.V1Volume:
    """The ConfigMap of the same name."""
    return k8s.V1Volume(name=name, config_map=k8s.V1ConfigMapVolumeSource(name=name))


def ca_volumes(postgres: Postgres) -> list[k8s.V1Volume]:
    """The database's authority; none if its certificate is not checked."""
    return [config_volume(DATABASE_CA)] if postgres.ca else []


def ca_mounts(postgres: Postgres) -> list[k8s.V1VolumeMount]:
    return [mount(DATABASE_CA, DATABASE_CA_FOLDER)] if postgres.ca else []


def app_secret_volume() -> k8s.V1Volume:
    return k8s.V1Volume(name=APP_SECRET, secret=k8s.V1SecretVolumeSource(secret_name=APP_SECRET, default_mode=READABLE))


def scratch_volume(name: str) -> k8s.V1Volume:
    return k8s.V1Volume(name=name, empty_dir=k8s.V1EmptyDirVolumeSource(size_limit=SCRATCH_LIMIT))
