"""For tests that use the deployer's rights beside the installation of `make up`, under names that its clean-up does not know."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from stack.names import DEPLOYER, MANAGED_BY, MANAGER, POLICY
from tests.e2e.platform import kubectl

FILE = Path(__file__).parents[1] / "deploy" / "cluster" / "policy.yaml"
USERNAME = f"system:serviceaccount:{MANAGER}:{DEPLOYER}"
TAKEN_UP_SECONDS = 10


def names_expression() -> str:
    """The line of the policy that an operator edits: a CEL string with a regular expression."""
    policy: dict[str, Any] = next(yaml.safe_load_all(FILE.read_text()))
    first = policy["spec"]["variables"][0]
    assert first["name"] == "names"
    return str(first["expression"])


@contextmanager
def deployer_may_use(prefix: str) -> Iterator[None]:
    """Lets the policy admit namespaces whose names begin so, as for another namespace template. After a kill `make up` puts it right."""
    usual = names_expression()
    _set_names(f"{usual[:-1]}|^{prefix}[-0-9a-z]*$'")
    try:
        _await_admitted(f"{prefix}0")
        yield
    finally:
        _set_names(usual)


def _set_names(expression: str) -> None:
    where = "/spec/variables/0"
    patch = [
        {"op": "test", "path": f"{where}/name", "value": "names"},
        {"op": "replace", "path": f"{where}/expression", "value": expression},
    ]
    kubectl("patch", "validatingadmissionpolicy", POLICY, "--type=json", "-p", json.dumps(patch))


def _await_admitted(name: str) -> None:
    """The API server takes up a change after about a second."""
    labels = {MANAGED_BY: MANAGER, "pod-security.kubernetes.io/enforce": "restricted"}
    manifest = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    words = ("create", "-f", "-", "--dry-run=server", f"--as={USERNAME}")
    until = time.monotonic() + TAKEN_UP_SECONDS
    while not kubectl(*words, stdin=manifest, check=False):
        assert time.monotonic() < until, f"the policy does not admit the deployer's namespaces {name}…"
        time.sleep(0.2)
