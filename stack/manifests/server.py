"""temporal-server as a container: its environment, its dynamic configuration, its probes.

Names of variables: common/config/config_template_embedded.yaml of go.temporal.io/server.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import yaml
from kubernetes.aio import client as k8s

from stack.manifests.blueprint import Postgres
from stack.manifests.environment import plain_env, secret_env
from stack.manifests.hardening import container_security, resources
from stack.manifests.probes import probes, server_look
from stack.manifests.volumes import ca_mounts, ca_volumes, config_volume, mount
from stack.names import DATABASE_CA_PATH, FRONTEND_PORT, SECRET_TEMPORAL_PASSWORD, SERVER_CONFIG, SERVER_CONTAINER
from stack.settings import Settings

PLUGIN: Final = "postgres12_pgx"
CONFIG_FOLDER: Final = "/etc/temporal/dynamic"
CONFIG_KEY: Final = "dynamic.yaml"
START_DEADLINE: Final = timedelta(minutes=1)
"""Measured: half a second. The rest is for a node that starts ten of them at once."""
MEMORY: Final = "160Mi"
MEMORY_LIMIT: Final = "256Mi"
"""Measured: 115–135 MB, of which half is the program itself; the rest is room for a busy preview."""
GO_MEMORY_LIMIT: Final = "100MiB"
"""Above this Go collects garbage harder instead of growing. The program's own pages do not count."""

CONNECTIONS: Final = dict.fromkeys(("SQL_MAX_CONNS", "SQL_MAX_IDLE_CONNS", "SQL_VIS_MAX_CONNS", "SQL_VIS_MAX_IDLE_CONNS"), "1")
"""Four services with two pools each make eight connections. Idle must equal maximum, or throughput halves."""

SMALL: Final[dict[str, Any]] = {
    "history.cacheSizeBasedLimit": True,
    "history.hostLevelCacheMaxSizeBytes": 16 * 1024 * 1024,
    "history.eventsHostLevelCacheMaxSizeBytes": 4 * 1024 * 1024,
    "history.timerProcessorSchedulerWorkerCount": 8,
    "history.memoryTimerProcessorSchedulerWorkerCount": 8,
    "history.transferProcessorSchedulerWorkerCount": 8,
    "history.visibilityProcessorSchedulerWorkerCount": 8,
    "history.archivalProcessorSchedulerWorkerCount": 8,
    "matching.numTaskqueueReadPartitions": 1,
    "matching.numTaskqueueWritePartitions": 1,
    "frontend.enableServerVersionCheck": False,
}
"""Dynamic configuration: defaults are for a cluster with a gigabyte of cache, this server has one pull request."""


@dataclass(frozen=True)
class Server:
    """One temporal-server: its version, its databases and how it signs in."""

    version: str
    postgres: Postgres
    main: str
    visibility: str
    role: str
    secret: str
    """Secret that holds the role's password under SECRET_TEMPORAL_PASSWORD."""

    def password(self, variable: str) -> k8s.V1EnvVar:
        return secret_env(variable, self.secret, SECRET_TEMPORAL_PASSWORD)

    def volumes(self) -> list[k8s.V1Volume]:
        """What its pod must have."""
        return [config_volume(SERVER_CONFIG), *ca_volumes(self.postgres)]


def dynamic_config() -> str:
    """The file that shrinks temporal-server to a preview's size."""
    return yaml.safe_dump({key: [{"value": value}] for key, value in SMALL.items()}, sort_keys=False)


def server_container(server: Server, settings: Settings) -> k8s.V1Container:
    """All four services in one process."""
    startup, readiness = probes(server_look(), START_DEADLINE)
    return k8s.V1Container(
        name=SERVER_CONTAINER,
        image=settings.server_image.replace("{version}", server.version),
        image_pull_policy=settings.image_pull_policy,
        env=[*plain_env(server_env(server)), server.password("POSTGRES_PWD")],
        ports=[k8s.V1ContainerPort(name="grpc", container_port=FRONTEND_PORT, protocol="TCP")],
        startup_probe=startup,
        readiness_probe=readiness,
        resources=resources(cpu="50m", memory=MEMORY, memory_limit=MEMORY_LIMIT),
        security_context=container_security(),
        volume_mounts=[mount(SERVER_CONFIG, CONFIG_FOLDER), *ca_mounts(server.postgres)],
    )


def server_env(server: Server) -> dict[str, str]:
    return {
        "DB": PLUGIN,
        "POSTGRES_SEEDS": server.postgres.host,
        "DB_PORT": str(server.postgres.port),
        "DBNAME": server.main,
        "VISIBILITY_DBNAME": server.visibility,
        "POSTGRES_USER": server.role,
        **CONNECTIONS,
        **tls_env(server.postgres),
        "NUM_HISTORY_SHARDS": "1",
        # The kubelet's probe dials the pod's address; what the services tell each other stays inside the pod, where no neighbour that
        # gets the address of a pod that is gone can join them.
        "BIND_ON_IP": "0.0.0.0",  # noqa: S104 (network policies decide who gets in)
        "TEMPORAL_BROADCAST_ADDRESS": "127.0.0.1",
        "DYNAMIC_CONFIG_FILE_PATH": f"{CONFIG_FOLDER}/{CONFIG_KEY}",
        "TEMPORAL_ALLOW_NO_AUTH": "true",
        "LOG_LEVEL": "warn",
        "GOMEMLIMIT": GO_MEMORY_LIMIT,
        "USER": "temporal",  # an image without a user database makes the server ask for it
    }


def tls_env(postgres: Postgres) -> dict[str, str]:
    """Full verification, against the host that is dialled: SQL_HOST_NAME has no effect on PostgreSQL."""
    if not postgres.ca:
        return {}
    return {"SQL_TLS_ENABLED": "true", "SQL_CA": DATABASE_CA_PATH, "SQL_HOST_VERIFICATION": "true"}
