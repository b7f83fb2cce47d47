"""The Kubernetes node, in namespaces of its own: its mounts, links, firewall rules and processes are not the host's.

Runs twice: as `python -m local.node` it makes the namespaces and becomes their parent; with the number of a descriptor of the host's
network it runs inside, furnishes them, and becomes the node's supervisord.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from string import Template
from typing import NoReturn

from local import binaries, settings
from local.certificates import AUTHORITY
from local.commands import run, write
from local.errors import PlatformError
from local.programs import Program, configuration, fingerprint
from local.settings import (
    CONTAINERD_SOCKET,
    HOST_ADDRESS,
    HOST_LINK,
    KUBE_ROUTER_HEALTH_PORT,
    NODE_ADDRESS,
    NODE_SOCKET,
    PATHS,
    PEER_ADDRESS,
    POD_NETWORK,
    PYTHON,
    RUN,
    SERVICE_NETWORK,
)

TEMPLATES = Path(__file__).parent / "templates"
FILES = PATHS.home / "node"
VOLATILE = RUN / "node"  # a tmpfs that only the node sees

# Directory of the node's state → where the node's programs insist on finding it.
MOUNTS = {
    "kubelet": "/var/lib/kubelet",
    "kubernetes": "/etc/kubernetes",
    "cni-state": "/var/lib/cni",
    "pod-logs": "/var/log/pods",
    "container-logs": "/var/log/containers",
}
# Every directory that has to exist on the host so that something can be mounted over it in private.
MOUNT_POINTS = (*MOUNTS.values(), "/run/netns", str(VOLATILE))

# Kernel settings that the kubelet writes, for the whole machine, unless it finds them as it wants: it is shown files that are.
KUBELET_SETTINGS = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def enter() -> NoReturn:
    """Becomes `unshare`, whose child is the node's first process; when either dies, so does the node."""
    host_network = os.open("/proc/self/ns/net", os.O_RDONLY)
    os.set_inheritable(host_network, True)
    argv = ["unshare", "--pid", "--fork", "--kill-child=SIGKILL", "--mount", "--net", "--uts", "--ipc", "--mount-proc"]
    os.execvp(argv[0], [*argv, str(PYTHON), "-m", "local.node", str(host_network)])  # noqa: S606


def serve(host_network: int) -> NoReturn:
    """Furnishes the namespaces and becomes supervisord. Raises PlatformError."""
    run(["hostname", "local"], what="name the node")
    _mount()
    _connect(host_network)
    os.close(host_network)
    NODE_SOCKET.unlink(missing_ok=True)
    CONTAINERD_SOCKET.unlink(missing_ok=True)
    os.execv(PYTHON, [str(PYTHON), "-m", "supervisor.supervisord", "-c", str(PATHS.node_config)])  # noqa: S606


def _mount() -> None:
    run(["mount", "--make-rprivate", "/"], what="keep the node's mounts to itself")
    for name, place in MOUNTS.items():
        own = PATHS.node / name
        own.mkdir(parents=True, exist_ok=True)
        run(["mount", "--bind", own, place], what=f"mount the node's {name}")
    for fresh in (VOLATILE, "/run/netns"):
        run(["mount", "-t", "tmpfs", "node", fresh], what=f"mount {fresh}")
    for shared in ("/run/netns", "/var/lib/kubelet"):
        run(["mount", "--make-shared", shared], what=f"let containers see what is mounted below {shared}")
    (VOLATILE / "containerd").mkdir()
    for name, value in KUBELET_SETTINGS.items():
        shown = VOLATILE / name.replace("/", ".")
        shown.write_text(f"{value}\n")
        run(["mount", "--bind", shown, f"/proc/sys/{name}"], what=f"show the kubelet its {name}")


def _connect(host_network: int) -> None:
    """A veth pair to the host, addresses on both ends, and the host's routes to node, pods and services.

    The node's own address is on a bridge without ports: the kubelet takes no loopback address, and not every kernel has dummy links.
    """
    host = ["nsenter", f"--net=/proc/self/fd/{host_network}"]
    _ip([*host, "ip"], f"link del {HOST_LINK}", may_fail=True)
    _ip(["ip"], "link set lo up")
    _ip(["ip"], "link add node0 type bridge")
    _ip(["ip"], f"addr add {NODE_ADDRESS}/32 dev node0")
    _ip(["ip"], "link set node0 up")
    _ip(["ip"], f"link add eth0 type veth peer name {HOST_LINK} netns /proc/self/fd/{host_network}")
    _ip(["ip"], f"addr add {PEER_ADDRESS}/30 dev eth0")
    _ip(["ip"], "link set eth0 up")
    _ip(["ip"], f"route add default via {HOST_ADDRESS}")
    run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], what="let the node forward")
    _ip([*host, "ip"], f"addr add {HOST_ADDRESS}/30 dev {HOST_LINK}")
    _ip([*host, "ip"], f"link set {HOST_LINK} up")
    for network in (IPv4Network(NODE_ADDRESS), POD_NETWORK, SERVICE_NETWORK):
        _ip([*host, "ip"], f"route add {network} via {PEER_ADDRESS}")


def _ip(program: list[str], words: str, *, may_fail: bool = False) -> None:
    """Runs `ip`, here or on the host; the descriptor of the host's network goes along where it is named."""
    argv = [*program, *words.split()]
    descriptors = [int(word.rsplit("/", 1)[1]) for word in argv if "/fd/" in word]
    done = subprocess.run(argv, capture_output=True, text=True, pass_fds=descriptors, check=False)
    if done.returncode != 0 and not may_fail:
        raise PlatformError(f"could not connect the node: ip {words}: {done.stderr.strip()}")


def write_configuration(registry: str) -> str:
    """Writes what the node's programs read; returns a fingerprint of all of it. `registry` is the one that it pulls from, HOST:PORT."""
    values = _values(registry)
    texts = {FILES / place: Template((TEMPLATES / name).read_text()).substitute(values) for place, name in _files(registry).items()}
    for path, text in texts.items():
        write(path, text)
    config = configuration(_programs(), NODE_SOCKET, PATHS.logs / "node-supervisord.log", binaries.search_path())
    write(PATHS.node_config, config, 0o600)
    return fingerprint(config + "".join(texts[path] for path in sorted(texts)))


def _files(registry: str) -> Mapping[str, str]:
    """Place below FILES → template. `_default` is containerd's word for every other registry."""
    plain = {name: name for name in ("containerd.toml", "kubeadm.yaml", "resolv.conf")}
    registries = {f"registries/{registry}/hosts.toml": "registry-hosts.toml", "registries/_default/hosts.toml": "no-registry-hosts.toml"}
    return {**plain, **registries, "cni/pods.conflist": "pods.conflist"}


def _values(registry: str) -> Mapping[str, str]:
    """What templates may name: every constant of `settings`, the registry, and some places."""
    constants = {name: str(value) for name, value in vars(settings).items() if name.isupper()}
    places = {"STATE": PATHS.node, "FILES": FILES, "VOLATILE": VOLATILE, "AUTHORITY": AUTHORITY}
    return {**constants, **{name: str(place) for name, place in places.items()}, "REGISTRY": registry}


def _programs() -> list[Program]:
    return [
        Program("containerd", ["containerd", "--config", FILES / "containerd.toml"], order=10),
        Program("kubelet", ["sh", Path(__file__).parent / "kubelet.sh"], order=20, environment={"CONTAINERD": str(CONTAINERD_SOCKET)}),
        Program("kube-router", ["sh", Path(__file__).parent / "kube-router.sh", *_kube_router()], order=30),
    ]


def _kube_router() -> list[str]:
    """Only the firewall: it enforces NetworkPolicy; kube-proxy has the services and the CNI plugin the routes."""
    return [
        "--kubeconfig=/etc/kubernetes/admin.conf",
        "--hostname-override=local",
        "--run-firewall=true",
        "--run-router=false",
        "--run-service-proxy=false",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--health-port={KUBE_ROUTER_HEALTH_PORT}",
    ]


if __name__ == "__main__":
    if len(sys.argv) == 1:
        enter()
    serve(int(sys.argv[1]))
