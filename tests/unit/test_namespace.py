"""Proves that only namespaces of our own are touched, and that what holds one that is going is named."""

from typing import Any

import pytest

from stack.errors import ForeignNamespaceError
from stack.names import ANNOTATION_REPOSITORY, MANAGED_BY, MANAGER
from stack.namespace import held_by, is_terminating, require_ours


def namespace(labels: dict[str, str] | None = None, annotations: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": "pr-1", "labels": labels or {}, "annotations": annotations or {}} | more}


def test_a_namespace_of_this_repository_is_ours() -> None:
    require_ours(namespace({MANAGED_BY: MANAGER}, {ANNOTATION_REPOSITORY: "Acme/Shop"}), "acme/shop")


@pytest.mark.parametrize(
    ("labels", "annotations", "why"),
    [
        pytest.param({}, {}, "something else made it", id="made by nobody of ours"),
        pytest.param({MANAGED_BY: "Helm"}, {ANNOTATION_REPOSITORY: "acme/shop"}, "something else made it", id="made by another tool"),
        pytest.param({MANAGED_BY: MANAGER}, {ANNOTATION_REPOSITORY: "other/app"}, "belongs to other/app", id="of another repository"),
        pytest.param({MANAGED_BY: MANAGER}, {}, "belongs to nobody", id="without an owner"),
    ],
)
def test_any_other_is_refused(labels: dict[str, str], annotations: dict[str, str], why: str) -> None:
    with pytest.raises(ForeignNamespaceError, match=why):
        require_ours(namespace(labels, annotations), "acme/shop")


def condition(kind: str, status: str, message: str = "") -> dict[str, str]:
    return {"type": kind, "status": status, "message": message}


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        pytest.param({}, {}, "the namespace controller has not deleted its content yet", id="nothing is known in the first seconds"),
        pytest.param(
            {},
            {
                "conditions": [
                    condition("NamespaceContentRemaining", "True", "Some resources are remaining: pods. has 2 resource instances")
                ]
            },
            "Some resources are remaining: pods. has 2 resource instances",
            id="pods that do not end",
        ),
        pytest.param(
            {},
            {"conditions": [condition("NamespaceDeletionDiscoveryFailure", "True", "metrics.k8s.io/v1beta1: stale GroupVersion")]},
            "metrics.k8s.io/v1beta1: stale GroupVersion",
            id="an APIService that does not answer",
        ),
        pytest.param(
            {},
            {"conditions": [condition("NamespaceFinalizersRemaining", "False", "All content-preserving finalizers finished")]},
            "the namespace controller has not deleted its content yet",
            id="conditions that say all is well are left out",
        ),
        pytest.param({"finalizers": ["example.com/keep"]}, {}, "finalizers on the namespace: example.com/keep", id="a finalizer on it"),
        pytest.param({}, {"conditions": [condition("NamespaceContentRemaining", "True")]}, "NamespaceContentRemaining", id="no words"),
    ],
)
def test_what_holds_a_namespace_is_named(more: dict[str, Any], status: dict[str, Any], said: str) -> None:
    assert held_by(namespace(**more) | {"status": status, "spec": {"finalizers": ["kubernetes"]}}) == said


def test_a_deletion_mark_means_terminating() -> None:
    assert is_terminating(namespace(deletionTimestamp="2026-03-01T12:00:00Z"))
    assert not is_terminating(namespace())
