"""Addresses, ports, versions and paths of the local platform. Nothing else in `local` names one."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from ipaddress import IPv4Network
from pathlib import Path
from typing import Self

from local.errors import PlatformError

CHECKOUT = Path(__file__).resolve().parent.parent

# The only place on the machine outside of the checkout and the user's cache: sockets, and directories to mount on.
RUN = Path("/run/temporal-previews")

HOST_LINK = "tp0"  # the host's end of the veth pair
HOST_ADDRESS = "10.202.0.1"
PEER_ADDRESS = "10.202.0.2"  # the node's end
NODE_ADDRESS = "10.201.0.1"
POD_NETWORK = IPv4Network("10.200.0.0/16")
SERVICE_NETWORK = IPv4Network("10.96.0.0/16")
LINK_NETWORK = IPv4Network("10.202.0.0/30")
DNS_ADDRESS = "10.96.0.10"
INGRESS_ADDRESS = "10.96.0.80"
# Pods, node and host together (10.200–10.203): what kube-proxy does not masquerade and PostgreSQL admits.
PLATFORM_NETWORK = IPv4Network("10.200.0.0/14")

KUBERNETES_PORT = 6443
KUBE_ROUTER_HEALTH_PORT = 20244
CGROUP = "temporal-previews"

KUBERNETES = "1.37.2"
COREDNS = "1.14.7"
ETCD = "3.6.16-0"
PAUSE = "3.10.2"
KUBE_ROUTER = "1.6.1"
SKIPPER = "0.21.0"
TEMPORAL = "1.32.2"
TEMPORAL_UI = "2.54.1"
GO = "1.27.3"
NODE_JS = "24.19.0"

DEPLOYER_NAMESPACE = "temporal-previews"
DEPLOYER_ACCOUNT = "deployer"
TEMPORAL_NAMESPACE = "deployments"
TASK_QUEUE = "deployments"


@dataclass(frozen=True)
class Ports:
    """TCP ports that the platform opens on the host. Each can be moved by `LOCAL_PORT_<NAME>`."""

    ingress: int = 8080
    kubernetes: int = 16443
    temporal: int = 7233
    temporal_ui: int = 8233
    postgres_previews: int = 15432
    postgres_production: int = 15433
    registry: int = 5443

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """Raises PlatformError that lists every variable that is not a port."""
        chosen: dict[str, int] = {}
        wrong: list[str] = []
        for field in fields(cls):
            name = f"LOCAL_PORT_{field.name.upper()}"
            text = env.get(name, "")
            if not text:
                continue
            if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
                chosen[field.name] = int(text)
            else:
                wrong.append(f"{name} is {text!r}, which is not a port (1 to 65535)")
        if wrong:
            raise PlatformError("\n".join(wrong))
        return cls(**chosen)

    @classmethod
    def current(cls) -> Self:
        """What the environment says, and otherwise what the last `up` of this checkout was told. Raises PlatformError."""
        remembered = json.loads(REMEMBERED_PORTS.read_text()) if REMEMBERED_PORTS.exists() else {}
        return cls.from_env({**remembered, **os.environ})

    def variables(self) -> dict[str, str]:
        """As `from_env` reads them."""
        return {f"LOCAL_PORT_{name.upper()}": str(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Paths:
    """Where a checkout's platform keeps its things, and where a user's checkouts share theirs."""

    checkout: Path
    cache: Path

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        base = env.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        return cls(CHECKOUT, Path(base) / "temporal-previews")

    @property
    def home(self) -> Path:
        return self.checkout / ".local"

    @property
    def state(self) -> Path:
        """What stays over a `down`: databases, the cluster, passwords."""
        return self.home / "state"

    @property
    def node(self) -> Path:
        return self.state / "node"

    @property
    def databases(self) -> Path:
        return self.state / "postgres"

    @property
    def secrets(self) -> Path:
        """Passwords and keys of the platform itself, mode 0700."""
        return self.state / "secrets"

    @property
    def logs(self) -> Path:
        return self.home / "logs"

    @property
    def supervisor_config(self) -> Path:
        return self.home / "supervisord.conf"

    @property
    def node_config(self) -> Path:
        return self.home / "node.conf"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.home / "kubeconfig"

    @property
    def deployer_kubeconfig(self) -> Path:
        return self.home / "deployer.kubeconfig"

    @property
    def deployer_token(self) -> Path:
        return self.home / "deployer.token"

    @property
    def tools(self) -> Path:
        return self.cache / "tools"

    @property
    def binaries(self) -> Path:
        return self.cache / "bin"

    @property
    def images(self) -> Path:
        return self.cache / "images"


PLATFORM_SOCKET = RUN / "platform.sock"
NODE_SOCKET = RUN / "node.sock"
CONTAINERD_SOCKET = RUN / "containerd.sock"
POSTGRES_SOCKETS = RUN / "postgres"
POSTGRES_DATA = RUN / "data"

PATHS = Paths.from_env(os.environ)
REMEMBERED_PORTS = PATHS.home / "ports.json"
PYTHON = Path(sys.executable)
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
