"""Real connections on the local platform: from a pod, or from this process, to many addresses at once."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stack.names import PULL_SECRET
from stack.registry import KEY
from tests.e2e.platform import kubectl

Target = tuple[str, int]
"""Address and port."""

PROBE = """
import concurrent.futures, json, socket, sys

def reach(target):
    try:
        socket.create_connection(tuple(target), timeout=3).close()
    except OSError:
        return "."
    return "open"

targets = json.loads(sys.argv[1])
with concurrent.futures.ThreadPoolExecutor(len(targets)) as pool:
    print(json.dumps(dict(zip(targets, pool.map(reach, targets.values())))))
"""
METADATA = ("169.254.169.254", 80)
METADATA_SERVICE = f"""
import fcntl, signal, socket, struct, sys

ADDRESS, FLAGS, NETMASK = 0x8916, 0x8914, 0x891C  # linux/sockios.h
control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

def change(request, address):
    fcntl.ioctl(control, request, struct.pack("16sH2s4s8s", b"lo:md", socket.AF_INET, b"", socket.inet_aton(address), b""))

def end(*_):
    fcntl.ioctl(control, FLAGS, struct.pack("16sH14s", b"lo:md", 0, b""))
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
change(ADDRESS, "{METADATA[0]}")
change(NETMASK, "255.255.255.255")
with socket.create_server({METADATA}) as server:
    while True:
        server.accept()[0].close()
"""
"""In the node's own network, where clouds' agents for pods answer too: the address is there for as long as the pod is."""
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def from_here(targets: Mapping[str, Target]) -> dict[str, str]:
    """Name of the target → `open` or `.`."""
    done = subprocess.run([sys.executable, "-c", PROBE, json.dumps(targets)], capture_output=True, text=True, check=True, timeout=60)
    return _answers(done.stdout)


def from_pod(namespace: str, pod: str, targets: Mapping[str, Target], container: str | None = None) -> dict[str, str]:
    """The same from a container that has Python; `pod` may be `deployment/NAME`."""
    inside = ("-c", container) if container else ()
    return _answers(kubectl("exec", "-n", namespace, pod, *inside, "--", "python", "-c", PROBE, json.dumps(targets)))


def _answers(text: str) -> dict[str, str]:
    answers: dict[str, str] = json.loads(text)
    return answers


@contextmanager
def probes(image: str, *namespaces: str) -> Iterator[str]:
    """A pod that waits in each namespace, and a stand-in for a metadata service on the node. The waiting pods' name."""
    name = "reach-probe"
    pods = [_pod(name, namespace, _container(image, "import time; time.sleep(600)", RESTRICTED)) for namespace in namespaces]
    pods.append(_metadata_service(image))
    pulling = [_pull_secret(pod["metadata"]["namespace"]) for pod in pods]
    listed = _list([*pulling, *pods])
    _delete(listed)
    try:
        kubectl("apply", "-f", "-", stdin=listed)
        kubectl("wait", "-f", "-", "--for=condition=Ready", "--timeout=60s", stdin=_list(pods))
        yield name
    finally:
        _delete(listed)


def _list(items: list[dict[str, Any]]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


def _delete(listed: str) -> None:
    kubectl("delete", "-f", "-", "--ignore-not-found", "--wait", stdin=listed)


def _pull_secret(namespace: str) -> dict[str, Any]:
    """The image is on the node, but a node lets nobody use it who could not have pulled it."""
    config = Path(os.environ["PREVIEWS_REGISTRY_CREDENTIALS_FILE"]).read_text()
    metadata = {"name": PULL_SECRET, "namespace": namespace}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": metadata,
        "type": "kubernetes.io/dockerconfigjson",
        "stringData": {KEY: config},
    }


def _metadata_service(image: str) -> dict[str, Any]:
    container = _container(image, METADATA_SERVICE, {"runAsUser": 0, "capabilities": {"add": ["NET_ADMIN", "NET_BIND_SERVICE"]}})
    container["readinessProbe"] = {"tcpSocket": {"host": METADATA[0], "port": METADATA[1]}, "periodSeconds": 1}
    pod = _pod("metadata-stand-in", "kube-system", container)
    pod["spec"]["hostNetwork"] = True
    return pod


def _container(image: str, code: str, security: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": "probe", "image": image, "command": ["python", "-c", code], "securityContext": dict(security)}


def _pod(name: str, namespace: str, container: Mapping[str, Any]) -> dict[str, Any]:
    spec = {
        "containers": [container],
        "imagePullSecrets": [{"name": PULL_SECRET}],
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 2,
        "automountServiceAccountToken": False,
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}
