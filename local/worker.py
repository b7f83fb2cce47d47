"""The worker as a process of the platform: its rights, its environment, and the token by which it is the service account `deployer`."""

import hashlib
import os
from pathlib import Path

import yaml

from local.certificates import AUTHORITY
from local.cluster import authority
from local.commands import run, write
from local.passwords import password
from local.postgres import Server
from local.programs import Program, local_command
from local.registry import CREDENTIALS
from local.settings import (
    DEPLOYER_ACCOUNT,
    DEPLOYER_NAMESPACE,
    HOST_ADDRESS,
    INGRESS_ADDRESS,
    KUBERNETES_PORT,
    NODE_ADDRESS,
    PATHS,
    PYTHON,
    TASK_QUEUE,
    TEMPORAL_NAMESPACE,
    Ports,
)

SCRIPT = PATHS.checkout / "worker.py"
STARTER = PATHS.checkout / "starter.py"
DATABASE_URL = PATHS.secrets / "deployer.url"
PREVIEW_SECRETS = PATHS.home / "secrets"  # env files that stack files name
CODE = ("worker.py", "workflows", "activities", "gateways", "stack")


def environment(ports: Ports) -> dict[str, str]:
    """Everything the worker reads, and nothing secret: passwords and tokens are in files that only root reads."""
    return {
        "KUBECONFIG": str(PATHS.deployer_kubeconfig),
        "TEMPORAL_ADDRESS": f"127.0.0.1:{ports.temporal}",
        "TEMPORAL_NAMESPACE": TEMPORAL_NAMESPACE,
        "PREVIEWS_TASK_QUEUE": TASK_QUEUE,
        "PREVIEWS_DATABASE_CONNECTIONS": "12",  # of 200: ten deploys at once make their databases side by side
        "PREVIEWS_DATABASE_URL_FILE": str(DATABASE_URL),
        "PREVIEWS_DATABASE_POD_ADDRESS": f"{HOST_ADDRESS}:{ports.postgres_previews}",
        "PREVIEWS_DATABASE_CA_FILE": str(AUTHORITY),
        "PREVIEWS_SECRETS_DIR": str(PREVIEW_SECRETS),
        "PREVIEWS_DEPLOYER_CIDR": f"{HOST_ADDRESS}/32",
        "PREVIEWS_INGRESS_NAMESPACE": "ingress",
        "PREVIEWS_INGRESS_CLASS": "skipper",
        "PREVIEWS_INGRESS_ADDRESS": f"{INGRESS_ADDRESS}:80",
        "PREVIEWS_URL_TEMPLATE": f"http://{{host}}:{ports.ingress}",
        "PREVIEWS_IMAGE_PULL_POLICY": "IfNotPresent",
        "PREVIEWS_REGISTRY_CREDENTIALS_FILE": str(CREDENTIALS),
    }


def programs(ports: Ports) -> list[Program]:
    """A worker whose code has changed has another entry, and so is restarted by `up`; a checkout without one has none to run."""
    token = Program("deployer-token", local_command("token"), order=50)
    if not SCRIPT.exists():
        return [token]
    variables = {**environment(ports), "PYTHONUNBUFFERED": "1", "CODE": code_fingerprint(PATHS.checkout)}
    return [token, Program("worker", [PYTHON, SCRIPT], order=60, environment=variables, stop_seconds=30, automatic=False)]


def code_fingerprint(checkout: Path) -> str:
    """Changes when any Python file of the product does."""
    digest = hashlib.sha256()
    for name in CODE:
        place = checkout / name
        for file in [place] if place.is_file() else sorted(place.rglob("*.py")):
            digest.update(f"{file.relative_to(checkout)}\n".encode() + file.read_bytes())
    return digest.hexdigest()[:12]


def apply_schedules(ports: Ports) -> None:
    """What Temporal starts by itself, as an installation would make it so. Idempotent. Raises PlatformError."""
    run([PYTHON, STARTER, "schedule", "apply"], what="apply the schedules", env={**os.environ, **environment(ports)})


def write_files(server: Server) -> None:
    """Where the database is and as whom, and the way to the API."""
    PREVIEW_SECRETS.mkdir(mode=0o700, parents=True, exist_ok=True)
    verified = f"sslmode=verify-full&sslrootcert={AUTHORITY}"
    address = f"{server.address}:{server.port}"
    write(DATABASE_URL, f"postgresql://deployer:{password('deployer')}@{address}/postgres?{verified}\n", 0o600)
    write(PATHS.deployer_kubeconfig, yaml.safe_dump(_kubeconfig()), 0o600)


def _kubeconfig() -> dict[str, object]:
    cluster = {"server": f"https://{NODE_ADDRESS}:{KUBERNETES_PORT}", "certificate-authority-data": authority()}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": DEPLOYER_ACCOUNT, "user": {"tokenFile": str(PATHS.deployer_token)}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": DEPLOYER_ACCOUNT, "namespace": DEPLOYER_NAMESPACE}}],
        "current-context": "local",
    }
