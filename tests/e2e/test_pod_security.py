"""Kubernetes itself admits every pod of a stack under Pod Security `restricted`, and would refuse one that is not."""

import json
import secrets
from collections.abc import Iterator
from copy import deepcopy

import pytest

from tests.e2e.platform import kubectl
from tests.golden_cases import CASES, plain
from tests.unit.objects import Plain, pod_specs

PODS = [case for case in CASES if not case.endswith("-claim")]


@pytest.fixture(scope="module")
def restricted() -> Iterator[str]:
    """A namespace with the label that the claim gives each preview."""
    name = f"restricted-{secrets.token_hex(4)}"
    (labels,) = (obj["metadata"]["labels"] for obj in plain("shop-claim") if obj["kind"] == "Namespace")
    enforced = {key: value for key, value in labels.items() if key.startswith("pod-security.kubernetes.io/")}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": enforced}}
    kubectl("create", "-f", "-", stdin=json.dumps(namespace))
    try:
        kubectl("wait", "serviceaccount/default", "-n", name, "--for=create", "--timeout=30s")
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait")


def admitted(spec: Plain, namespace: str) -> bool:
    """Asks the API server, which makes nothing of it."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "asked", "namespace": namespace}, "spec": spec}
    return "asked" in kubectl("create", "--dry-run=server", "-o", "name", "-f", "-", stdin=json.dumps(pod), check=False)


@pytest.mark.parametrize("case", PODS)
def test_every_pod_is_admitted(restricted: str, case: str) -> None:
    for spec in pod_specs(plain(case)):
        assert admitted(spec, restricted)


def test_a_pod_with_one_privilege_more_is_refused(restricted: str) -> None:
    """The control: without it a namespace whose label means nothing would pass as well."""
    (spec,) = pod_specs(plain("shop-image-check"))
    assert admitted(spec, restricted)
    wider = deepcopy(spec)
    wider["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    assert not admitted(wider, restricted)
