"""Proves that the deployer's rights are small where they reach far, and whole where they reach one namespace."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateways.kinds import KINDS
from gateways.kubernetes_cluster import VIEWED
from stack.manifests.namespace import POD_SECURITY
from stack.names import DEPLOYER, KINDS_OF_A_STACK, MANAGED_BY, MANAGER, POLICY, STACK_ROLE, could_be
from stack.settings import Settings
from tests.confinement import USERNAME, names_expression
from tests.e2e.test_rights import BY_TOKEN, WHATEVER_IT_HOLDS

FOLDER = Path(__file__).parents[2] / "deploy" / "cluster"
DOCUMENT = Path(__file__).parents[2] / "docs" / "security.md"
OBJECTS = [obj for file in sorted(FOLDER.glob("*.yaml")) for obj in yaml.safe_load_all(file.read_text())]
HOME = Settings.from_env({}).home_namespace
TEMPLATE = Settings.from_env({}).namespace_template
(CONFINEMENT,) = [obj["spec"] for obj in OBJECTS if obj["kind"] == "ValidatingAdmissionPolicy"]


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


def test_inside_a_preview_it_has_the_rights_that_the_worker_uses_and_no_other() -> None:
    needed = {(kind, verb) for kind in KINDS_OF_A_STACK for verb in ("get", "list", "create", "patch", "delete")}
    needed |= {(kind, verb) for kind in VIEWED for verb in ("list", "watch")}
    needed |= {("Secret", verb) for verb in ("get", "list", "create", "patch")}
    needed |= {("Pod", verb) for verb in ("create", "delete")}
    assert set(rights("ClusterRole", STACK_ROLE)) == {(KINDS[kind].plural, verb) for kind, verb in needed} | {("pods/log", "get")}


def test_at_home_it_has_the_rights_that_the_worker_uses_and_no_other() -> None:
    needed = {("ConfigMap", verb) for verb in ("get", "list", "create", "update", "patch", "delete")}
    needed |= {("Job", verb) for verb in ("create", "patch", "delete")}
    needed |= {("Secret", verb) for verb in ("get", "create", "patch", "delete")}
    needed |= {("Pod", "list")}
    assert set(rights("Role", "deployer")) == {(KINDS[kind].plural, verb) for kind, verb in needed} | {("pods/log", "get")}


def test_the_policy_is_for_the_deployer_only_and_for_whatever_it_writes() -> None:
    (condition,) = CONFINEMENT["matchConditions"]
    assert condition["expression"] == f"request.userInfo.username == '{USERNAME}'"
    (rule,) = CONFINEMENT["matchConstraints"]["resourceRules"]
    assert rule == {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["*"], "resources": ["*/*"]}
    assert set(CONFINEMENT["matchConstraints"]) == {"resourceRules"}, "nothing is left out by a selector"


def test_the_policy_refuses_and_refuses_what_it_cannot_judge() -> None:
    (binding,) = [obj for obj in OBJECTS if obj["kind"] == "ValidatingAdmissionPolicyBinding"]
    (policy,) = [obj for obj in OBJECTS if obj["kind"] == "ValidatingAdmissionPolicy"]
    assert policy["metadata"]["name"] == POLICY
    assert binding["spec"] == {"policyName": POLICY, "validationActions": ["Deny"]}
    assert CONFINEMENT["failurePolicy"] == "Fail"
    assert {rule["reason"] for rule in CONFINEMENT["validations"]} == {"Forbidden"}


@pytest.mark.parametrize(
    "name",
    [
        "pr-1",
        "pr-10",
        "pr-999999999",
        "pr-0",
        "pr-01",
        "pr-1000000000",
        "pr-",
        "pr-x",
        "pr-1-a",
        "xpr-1",
        "a.pr-1",
        "kube-system",
        HOME,
        "",
    ],
)
def test_the_policy_admits_the_names_that_the_default_template_gives(name: str) -> None:
    pattern = names_expression().strip("'")
    assert pattern.startswith("^")
    assert pattern.endswith("$"), "an RE2 match finds a part, too"
    assert bool(re.fullmatch(pattern, name)) == could_be(name, TEMPLATE)


def test_the_policy_knows_our_names() -> None:
    expressions = [rule[part] for rule in CONFINEMENT["validations"] for part in ("expression", "messageExpression")]
    text = " ".join([*expressions, *(variable["expression"] for variable in CONFINEMENT["variables"])])
    said = {word for word in re.findall("'([^' ]+)'", text) if word.startswith((MANAGER, "deployer", "app.", "pod-security."))}
    enforce = "pod-security.kubernetes.io/enforce"
    assert said == {MANAGER, HOME, STACK_ROLE, DEPLOYER, MANAGED_BY, enforce, f"{enforce}-version"}
    assert POD_SECURITY[enforce] == "restricted"


@pytest.mark.parametrize("rule", CONFINEMENT["validations"], ids=lambda rule: rule["messageExpression"])
def test_each_rule_of_the_policy_has_a_case_on_a_real_cluster(rule: dict[str, str]) -> None:
    asked = {str(case.values[2]) for case in [*BY_TOKEN, *WHATEVER_IT_HOLDS]}
    assert [refusal for refusal in asked if refusal in rule["messageExpression"]]


def test_each_refusal_that_the_documentation_names_has_a_case() -> None:
    section = DOCUMENT.read_text().partition("## What the deployer may do in the cluster\n")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("|")][2:]
    named = {word for row in rows for word in re.findall("`([^`]+)`", row[3])}
    assert len(rows) > 5
    assert named <= {str(case.id) for case in [*BY_TOKEN, *WHATEVER_IT_HOLDS]}
