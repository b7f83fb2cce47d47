"""Proves that the deployer's rights are small where they reach far, and whole where they reach one namespace."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateways.kinds import KINDS
from stack.names import DEPLOYER, STACK_ROLE
from stack.settings import Settings

FOLDER = Path(__file__).parents[2] / "deploy" / "cluster"
OBJECTS = [obj for file in sorted(FOLDER.glob("*.yaml")) for obj in yaml.safe_load_all(file.read_text())]
HOME = Settings.from_env({}).home_namespace


def rules(kind: str, name: str) -> list[dict[str, Any]]:
    (role,) = [obj for obj in OBJECTS if (obj["kind"], obj["metadata"]["name"]) == (kind, name)]
    found: list[dict[str, Any]] = role["rules"]
    return found


def rights(kind: str, name: str) -> Iterator[tuple[str, str]]:
    for rule in rules(kind, name):
        for resource in rule["resources"]:
            yield from ((resource, verb) for verb in rule["verbs"])


def test_nothing_is_granted_by_a_star() -> None:
    words = [word for obj in OBJECTS for rule in obj.get("rules", []) for part in rule.values() for word in part]
    assert "*" not in words


def test_in_the_whole_cluster_only_namespaces_and_bindings_are_reached() -> None:
    reached = {resource for resource, _ in rights("ClusterRole", "temporal-previews-deployer")}
    assert reached == {"namespaces", "rolebindings", "clusterroles"}
    (bind,) = [rule for rule in rules("ClusterRole", "temporal-previews-deployer") if "clusterroles" in rule["resources"]]
    assert (bind["verbs"], bind["resourceNames"]) == (["bind"], [STACK_ROLE])


def test_the_stack_role_is_bound_nowhere() -> None:
    """The deployer binds it itself, in a preview's namespace only."""
    bindings = [obj for obj in OBJECTS if obj["kind"] in {"RoleBinding", "ClusterRoleBinding"}]
    assert STACK_ROLE not in [binding["roleRef"]["name"] for binding in bindings]
    assert {(s["kind"], s["name"], s["namespace"]) for b in bindings for s in b["subjects"]} == {("ServiceAccount", DEPLOYER, HOME)}


def test_rights_cannot_be_raised_from_inside_a_namespace() -> None:
    inside = {resource for resource, _ in rights("ClusterRole", STACK_ROLE)}
    assert not {r for r in inside if r.startswith(("role", "clusterrole", "serviceaccount", "pods/exec", "pods/ephemeral"))}


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"Namespace", "RoleBinding", "Job"}))
def test_every_kind_can_be_read_inside(kind: str) -> None:
    assert {(KINDS[kind].plural, "get"), (KINDS[kind].plural, "list")} <= set(rights("ClusterRole", STACK_ROLE))


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "Pod", "Event"])
def test_what_readiness_follows_can_be_watched(kind: str) -> None:
    assert (KINDS[kind].plural, "watch") in set(rights("ClusterRole", STACK_ROLE))
