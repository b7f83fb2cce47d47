"""Kubernetes on the node: images in, kubeadm once, add-ons, and the proof that it works."""

import base64
import json
import shutil
import urllib.request
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from ssl import create_default_context

import yaml

from local import binaries
from local.commands import run, run_logged, write
from local.errors import PlatformError
from local.images import Image, archives_for_node
from local.node import FILES
from local.programs import fingerprint
from local.progress import say, step
from local.settings import (
    CONTAINERD_SOCKET,
    DEPLOYER_ACCOUNT,
    DEPLOYER_NAMESPACE,
    DNS_ADDRESS,
    INGRESS_ADDRESS,
    KUBE_ROUTER_HEALTH_PORT,
    KUBERNETES_PORT,
    NODE_ADDRESS,
    NODE_SOCKET,
    PATHS,
    Ports,
)
from local.supervisor import Supervisor
from local.waiting import answers, http_status, require

NODE = Supervisor(NODE_SOCKET)
INITIALISED = PATHS.node / "initialised"  # written when kubeadm is done, with a fingerprint of what it was told
LOADED = PATHS.node / "images.json"
ADD_ONS = Path(__file__).parent / "cluster"
DEPLOY = PATHS.checkout / "deploy" / "cluster"
MANAGER = "temporal-previews-platform"


def is_other() -> bool:
    """Whether the cluster that is kept was made by another version, with other settings, or only half."""
    return not INITIALISED.exists() or INITIALISED.read_text() != _settings()


def forget() -> None:
    """A kept cluster that cannot go on: the next start makes a new one. Previews in it are gone, their databases are not."""
    if INITIALISED.exists():
        say("the cluster is made anew, without the previews of the old one: its version or settings have changed")
    shutil.rmtree(PATHS.node, ignore_errors=True)


def _settings() -> str:
    return fingerprint((FILES / "kubeadm.yaml").read_text())


def converge(ports: Ports) -> None:
    """From a node whose programs have been started to a cluster that works. Idempotent. Raises PlatformError."""
    require(CONTAINERD_SOCKET.exists, 30, "containerd listens", PATHS.logs / "containerd.log")
    load_images()
    if not INITIALISED.exists():
        with step("kubeadm init"):
            _initialise()
    _write_kubeconfig(ports)
    with step("Kubernetes API"):
        require(_api_ready, 90, "the Kubernetes API is ready", PATHS.logs / "kubelet.log")
        require(lambda: answers("127.0.0.1", ports.kubernetes), 10, "its relay listens", PATHS.logs / "relay-kubernetes.log")
    _apply()
    _await_working()


def load_images(images: Sequence[Image] | None = None) -> None:
    """Loads into containerd what it does not have yet, or has in another make. Raises PlatformError."""
    loaded: dict[str, str] = json.loads(LOADED.read_text()) if LOADED.exists() else {}
    missing = [image for image in images or archives_for_node() if loaded.get(image.name) != image.key]
    if not missing:
        return
    with step(f"load {len(missing)} images"):
        for image in missing:
            run([*_CTR, "images", "import", "--local", image.archive], what=f"load {image.archive.name} into containerd")
            loaded[image.name] = image.key
            write(LOADED, json.dumps(loaded, indent=1))


_CTR = (binaries.program("ctr"), "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io")


def _initialise() -> None:
    """kubeadm, inside the node's namespaces. Its pre-flight checks want a systemd that is not here."""
    into = ["nsenter", "--target", str(NODE.pid()), "--all", f"--wd={PATHS.checkout}"]
    path = f"PATH={binaries.search_path()}:/usr/sbin:/usr/bin:/sbin:/bin"
    kubeadm = ["kubeadm", "init", "--config", FILES / "kubeadm.yaml", "--skip-phases=preflight"]
    advice = "The kubelet's log beside it often says more. `make up` starts this anew; the databases are not touched."
    run_logged([*into, "env", path, *kubeadm], PATHS.logs / "kubeadm.log", what="make the cluster", advice=advice)
    write(INITIALISED, _settings())


def _write_kubeconfig(ports: Ports) -> None:
    """kubeadm's administrator, by way of loopback."""
    config = yaml.safe_load((PATHS.node / "kubernetes" / "admin.conf").read_text())
    config["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{ports.kubernetes}"
    write(PATHS.admin_kubeconfig, yaml.safe_dump(config), 0o600)


def authority() -> str:
    """The cluster's CA in PEM, base64 as a kubeconfig has it."""
    return base64.b64encode((PATHS.node / "kubernetes" / "pki" / "ca.crt").read_bytes()).decode()


def kubectl(*arguments: object, what: str) -> str:
    return run([binaries.program("kubectl"), f"--kubeconfig={PATHS.admin_kubeconfig}", *arguments], what=what)


def _api_ready() -> bool:
    context = create_default_context(cafile=str(PATHS.node / "kubernetes" / "pki" / "ca.crt"))
    try:
        with urllib.request.urlopen(f"https://{NODE_ADDRESS}:{KUBERNETES_PORT}/readyz", timeout=2, context=context) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _apply() -> None:
    """Our add-ons, and the rights of the worker as a user's cluster gets them."""
    for folder in (ADD_ONS, DEPLOY):
        if list(folder.glob("*.yaml")):
            options = ["--server-side", "--force-conflicts", f"--field-manager={MANAGER}"]
            kubectl("apply", *options, "-f", folder, what=f"apply {folder}")


def _await_working() -> None:
    """Asks the parts themselves: after a restart the API's word for everything is at first what it was before."""
    parts: tuple[tuple[str, Callable[[], bool], str], ...] = (
        ("the node is ready", _node_reported, "kubelet"),
        ("network policies are enforced", _policies_enforced, "kube-router"),
        ("the cluster's DNS answers", lambda: answers(DNS_ADDRESS, 53), "kubelet"),
        ("the ingress answers", lambda: http_status(INGRESS_ADDRESS, 80) is not None, "kubelet"),
        ("the deployer is confined", _deployer_confined, "kubelet"),
    )
    for what, true, log in parts:
        with step(what):
            require(true, 60, what, PATHS.logs / f"{log}.log")


def _policies_enforced() -> bool:
    return http_status(NODE_ADDRESS, KUBE_ROUTER_HEALTH_PORT, "/healthz") == 200


def _deployer_confined() -> bool:
    """The API server takes up a policy about a second after it was applied. Asked with all rights, so that nothing else can refuse."""
    deployer = ["--as-group=system:masters", f"--as=system:serviceaccount:{DEPLOYER_NAMESPACE}:{DEPLOYER_ACCOUNT}"]
    try:
        kubectl("create", "namespace", "of-no-preview", "--dry-run=server", *deployer, what="see what the deployer may do")
    except PlatformError as refusal:
        return "ValidatingAdmissionPolicy" in str(refusal)
    return False


def _node_reported() -> bool:
    """Ready, and said so since this kubelet started."""
    try:
        lease = json.loads(kubectl("get", "lease", "-n", "kube-node-lease", "local", "-o", "json", what="see the node's lease"))
        node = json.loads(kubectl("get", "node", "local", "-o", "json", what="see the node"))
    except PlatformError:  # neither is there yet
        return False
    ready = any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions", []))
    return ready and datetime.fromisoformat(lease["spec"]["renewTime"]).timestamp() >= NODE.started_at("kubelet")
