"""Whoever has the deployer's token can do in the cluster what the worker does, and nothing else.

What is refused is asked by a dry run where that proves the same: admission and RBAC judge both alike.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from stack.manifests.namespace import POD_SECURITY
from stack.names import DEPLOYER, MANAGED_BY, MANAGER, POLICY, STACK_ROLE
from stack.settings import Settings
from tests.confinement import USERNAME
from tests.e2e.platform import Preview, kubectl

HOME = Settings.from_env({}).home_namespace
LABELS = {MANAGED_BY: MANAGER, **POD_SECURITY}
DRY = "--dry-run=server"
PREVIEW = "{preview}"
"""Stands in the table for the namespace of a live preview."""
UNMADE = "pr-999999999"
"""A name of a preview, of which no namespace exists."""
NEW = "pr-999999998"
FOREIGN = "of-somebody-else"
ENFORCE = "pod-security.kubernetes.io/enforce"

NO_NAME = "has no name of a preview"
NO_LABEL = f"does not have the label {MANAGED_BY}={MANAGER}"
ONE_ROLE = f"it gives only ClusterRole {STACK_ROLE}"
NO_SUBRESOURCE = "no subresource such as"
WHOLE_CLUSTER = "it belongs to the whole cluster"
INSIDE = "a Service must be of type ClusterIP"
AT_HOME = "it touches only what has the label"
UNLABELLED = "it takes away the label"
LESS_SECURE = f"the label {ENFORCE} must be restricted"
OTHER_VERSION = f"it sets the label {ENFORCE}-version"


def namespace(name: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def binding(place: str, *, role: str = STACK_ROLE, subject: str = DEPLOYER, name: str = "tried") -> dict[str, Any]:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": place},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": subject, "namespace": HOME}],
    }


def pod(place: str, **security: object) -> dict[str, Any]:
    container = {"name": "main", "image": "registry.test/none:1", "securityContext": security}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried", "namespace": place}, "spec": {"containers": [container]}}


def config(place: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tried", "namespace": place, "labels": labels}}


def service(place: str, **spec: object) -> dict[str, Any]:
    metadata = {"name": "tried", "namespace": place}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [{"port": 80}], **spec}}


def cannot(verb: str, resource: str) -> str:
    """How RBAC says it."""
    return f'cannot {verb} resource "{resource}"'


def tried(what: str, words: str, refusal: str, manifest: dict[str, Any] | None = None) -> pytest.ParameterSet:
    return pytest.param(words.split(), manifest, refusal, id=what)


def creating(what: str, manifest: dict[str, Any], refusal: str) -> pytest.ParameterSet:
    return tried(what, f"create -f - {DRY}", refusal, manifest)


def works(what: str, words: str, manifest: dict[str, Any] | None = None) -> pytest.ParameterSet:
    return pytest.param(words.split(), manifest, id=what)


BY_TOKEN = [
    tried("list the Secrets of kube-system", "get secrets -n kube-system", cannot("list", "secrets")),
    tried("read a Secret of kube-system", "get secret any -n kube-system", cannot("get", "secrets")),
    tried("list the Secrets at home", f"get secrets -n {HOME}", cannot("list", "secrets")),
    tried("list the Secrets of all namespaces", "get secrets -A", cannot("list", "secrets")),
    tried("list the pods of all namespaces", "get pods -A", cannot("list", "pods")),
    tried("list the ConfigMaps of kube-system", "get configmaps -n kube-system", cannot("list", "configmaps")),
    tried("delete a namespace that runs something else", f"delete namespace ingress {DRY}", NO_NAME),
    tried("delete a namespace of Kubernetes", f"delete namespace kube-node-lease {DRY}", NO_NAME),
    tried("delete kube-system", f"delete namespace kube-system {DRY}", "this namespace may not be deleted"),
    tried("delete its own home", f"delete namespace {HOME} {DRY}", NO_NAME),
    tried("delete a namespace of another name that has the label", f"delete namespace {FOREIGN} {DRY}", NO_NAME),
    tried("delete a namespace of a preview's name that somebody else made", f"delete namespace {UNMADE} {DRY}", NO_LABEL),
    tried("label the namespace default", f"label namespace default {MANAGED_BY}={MANAGER} {DRY}", NO_NAME),
    tried("label what somebody else made", f"label namespace {UNMADE} {MANAGED_BY}={MANAGER} {DRY}", NO_LABEL),
    tried("annotate the namespace default", f"annotate namespace default tried=1 {DRY}", NO_NAME),
    creating("make a namespace of another name", namespace("tried", LABELS), NO_NAME),
    creating("make a namespace production", namespace("production", LABELS), NO_NAME),
    creating("make a namespace without the label", namespace(NEW, POD_SECURITY), NO_LABEL),
    creating("make a namespace without Pod Security", namespace(NEW, {MANAGED_BY: MANAGER}), LESS_SECURE),
    creating("make a namespace under a lower standard", namespace(NEW, {**LABELS, ENFORCE: "baseline"}), LESS_SECURE),
    creating("make one under an old version of it", namespace(NEW, {**LABELS, f"{ENFORCE}-version": "v1.22"}), OTHER_VERSION),
    tried("take the label off a preview", f"label namespace {PREVIEW} {MANAGED_BY}- {DRY}", UNLABELLED),
    tried("change the label of a preview", f"label namespace {PREVIEW} {MANAGED_BY}=me --overwrite {DRY}", UNLABELLED),
    tried("take Pod Security off a preview", f"label namespace {PREVIEW} {ENFORCE}- {DRY}", LESS_SECURE),
    tried("lower Pod Security of a preview", f"label namespace {PREVIEW} {ENFORCE}=privileged --overwrite {DRY}", LESS_SECURE),
    tried("set back the version of Pod Security", f"label namespace {PREVIEW} {ENFORCE}-version=v1.22 {DRY}", OTHER_VERSION),
    creating("bind itself in kube-system", binding("kube-system"), NO_NAME),
    creating("bind itself in default", binding("default"), NO_NAME),
    creating("bind itself at home", binding(HOME), ONE_ROLE),
    creating("bind itself where somebody else made the namespace", binding(UNMADE), NO_LABEL),
    creating("bind cluster-admin", binding(PREVIEW, role="cluster-admin"), "not currently held"),
    creating("bind another role", binding(PREVIEW, role="view"), "not currently held"),
    creating("bind somebody else", binding(PREVIEW, subject="default"), ONE_ROLE),
    tried(
        "bind its role in the whole cluster",
        f"create clusterrolebinding tried --clusterrole={STACK_ROLE} --serviceaccount={HOME}:{DEPLOYER} {DRY}",
        cannot("create", "clusterrolebindings"),
    ),
    creating("make a pod in default", pod("default"), cannot("create", "pods")),
    creating("make a pod in kube-system", pod("kube-system"), cannot("create", "pods")),
    creating("make a pod at home", pod(HOME), cannot("create", "pods")),
    tried("make a Deployment in kube-system", f"create deployment tried --image=x -n kube-system {DRY}", cannot("create", "deployments")),
    creating("make a privileged pod in a preview", pod(PREVIEW, privileged=True), "violates PodSecurity"),
    creating("open a port on every node", service(PREVIEW, type="NodePort"), INSIDE),
    creating("take an address that others use", service(PREVIEW, externalIPs=["192.0.2.1"]), INSIDE),
    creating("lead to a name elsewhere", service(PREVIEW, type="ExternalName", externalName="kubernetes.default.svc"), INSIDE),
    tried("change its own Role", f"patch role deployer -n {HOME} -p {{}} {DRY}", cannot("get", "roles")),
    tried("run a program in a preview's pod", f"exec -n {PREVIEW} deploy/webapp -- true", 'resource "pods/exec"'),
    tried("run a program in kube-system", "exec -n kube-system any -- true", cannot("get", "pods")),
    tried("make a token of another service account", "create token default -n kube-system", cannot("create", "serviceaccounts/token")),
    tried("make a token of its own", f"create token deployer -n {HOME}", cannot("create", "serviceaccounts/token")),
    tried("be somebody else", "get namespaces --as=kubernetes-admin", "cannot impersonate"),
    tried("delete the policy", f"delete validatingadmissionpolicy {POLICY} {DRY}", cannot("delete", "validatingadmissionpolicies")),
    tried(
        "unbind the policy",
        f"delete validatingadmissionpolicybinding {POLICY} {DRY}",
        cannot("delete", "validatingadmissionpolicybindings"),
    ),
    creating("make something at home that is not its own", config(HOME, {}), AT_HOME),
    tried("change what is not its own at home", f"patch configmap kube-root-ca.crt -n {HOME} -p {{}} {DRY}", AT_HOME),
    tried("delete what is not its own at home", f"delete configmap kube-root-ca.crt -n {HOME} {DRY}", AT_HOME),
]
WHATEVER_IT_HOLDS = [
    creating("make a pod in default", pod("default"), NO_NAME),
    creating("make a ConfigMap in kube-system", config("kube-system", LABELS), NO_NAME),
    creating("bind cluster-admin", binding(PREVIEW, role="cluster-admin"), ONE_ROLE),
    tried("make a Role in a preview", f"create role tried --verb=get --resource=pods -n {PREVIEW} {DRY}", ONE_ROLE),
    tried("change its own Role", f"patch role deployer -n {HOME} -p {{}} {DRY}", ONE_ROLE),
    tried(
        "bind a role in the whole cluster",
        f"create clusterrolebinding tried --clusterrole=view --serviceaccount={HOME}:{DEPLOYER} {DRY}",
        WHOLE_CLUSTER,
    ),
    tried("label a node", f"label node local tried=1 {DRY}", WHOLE_CLUSTER),
    tried("ask a kubelet", "get --raw /api/v1/nodes/local/proxy/healthz", WHOLE_CLUSTER),
    tried("run a program in a preview's pod", f"exec -n {PREVIEW} deploy/webapp -- true", NO_SUBRESOURCE),
    tried("make a token", f"create token default -n {PREVIEW}", NO_SUBRESOURCE),
    tried("scale a Deployment by its subresource", f"scale deployment webapp --replicas=1 -n {PREVIEW} {DRY}", NO_SUBRESOURCE),
    tried("delete everything at home in one request", f"delete --raw /api/v1/namespaces/{HOME}/configmaps?dryRun=All", AT_HOME),
]
ALLOWED = [
    works("list namespaces", "get namespaces"),
    works("list the Secrets of a preview", f"get secrets -n {PREVIEW}"),
    works("list the records", f"get configmaps -n {HOME}"),
    works("make a namespace for a preview", f"create -f - {DRY}", namespace(NEW, LABELS)),
    works("annotate a preview's namespace", f"annotate namespace {PREVIEW} tried=1 {DRY}"),
    works("bind itself in a preview's namespace", f"create -f - {DRY}", binding(PREVIEW)),
    works("make a ConfigMap in a preview", f"create -f - {DRY}", config(PREVIEW, {})),
    works("make a Service in a preview", f"create -f - {DRY}", service(PREVIEW, selector={"app": "tried"})),
    works("make a ConfigMap of its own at home", f"create -f - {DRY}", config(HOME, LABELS)),
    works("delete a preview's Deployment", f"delete deployment webapp -n {PREVIEW} {DRY}"),
    works("delete a preview's namespace", f"delete namespace {PREVIEW} {DRY}"),
]


@pytest.fixture
def preview(ready: Preview) -> str:
    """Namespace of a live preview."""
    return ready.namespace


@pytest.fixture(scope="module", autouse=True)
def namespaces_of_others() -> Iterator[None]:
    """One with the label, but without the name of a preview, and one the other way round."""
    others = [namespace(FOREIGN, LABELS), namespace(UNMADE, {})]
    try:
        for manifest in others:
            kubectl("apply", "-f", "-", stdin=json.dumps(manifest))
        yield
    finally:
        kubectl("delete", "namespace", FOREIGN, UNMADE, "--ignore-not-found")


@pytest.mark.parametrize(("words", "manifest", "refusal"), BY_TOKEN)
def test_the_deployers_token_cannot(preview: str, words: list[str], manifest: dict[str, Any] | None, refusal: str) -> None:
    code, said = as_deployer(preview, words, manifest)
    assert code != 0, said
    assert refusal in said


@pytest.mark.parametrize(("words", "manifest", "refusal"), WHATEVER_IT_HOLDS)
def test_with_all_rights_of_rbac_it_still_cannot(preview: str, words: list[str], manifest: dict[str, Any] | None, refusal: str) -> None:
    code, said = as_deployer(preview, words, manifest, all_rights=True)
    assert code != 0, said
    assert f"ValidatingAdmissionPolicy '{POLICY}'" in said
    assert refusal in said


@pytest.mark.parametrize(("words", "manifest"), ALLOWED)
def test_the_deployers_token_can(preview: str, words: list[str], manifest: dict[str, Any] | None) -> None:
    code, said = as_deployer(preview, words, manifest)
    assert code == 0, said


def test_others_are_not_asked_by_the_policy() -> None:
    kubectl("create", "namespace", "of-no-preview", DRY)
    kubectl("label", "namespace", "default", f"{MANAGED_BY}={MANAGER}", DRY)


def test_the_policy_has_no_warnings() -> None:
    status = json.loads(kubectl("get", "validatingadmissionpolicy", POLICY, "-o", "json"))["status"]
    assert "expressionWarnings" not in status.get("typeChecking", {})


def as_deployer(preview: str, words: list[str], manifest: dict[str, Any] | None, *, all_rights: bool = False) -> tuple[int, str]:
    """kubectl by the deployer's token, or as the deployer in a group that RBAC refuses nothing; exit code and all that it said."""
    identity = [f"--as={USERNAME}", "--as-group=system:masters"] if all_rights else []
    kubeconfig = os.environ["KUBECONFIG" if all_rights else "PLATFORM_DEPLOYER_KUBECONFIG"]
    path = f"{os.environ['PLATFORM_BINARIES']}:{os.environ['PATH']}"
    done = subprocess.run(
        ["kubectl", f"--kubeconfig={kubeconfig}", *identity, *(word.replace(PREVIEW, preview) for word in words)],
        env={**os.environ, "PATH": path},
        input=json.dumps(manifest or {}).replace(PREVIEW, preview),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr
