"""Proves what each answer of the Kubernetes API becomes, and that its message says what to do."""

import json

import pytest

from gateways.translation import Answer, refusal, unreachable, will_pass
from stack.errors import ConflictError, PreviewError, RejectedError, UnavailableError

NO_RIGHT = (
    'deployments.apps is forbidden: User "system:serviceaccount:temporal-previews:deployer" cannot create resource "deployments" '
    'in API group "apps" in the namespace "pr-1"'
)
NO_CORE_RIGHT = 'pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "pr-1"'
QUOTA_UNKNOWN = 'pods "a" is forbidden: status unknown for quota: temporal-previews, resources: pods'
QUOTA = 'pods "a" is forbidden: exceeded quota: temporal-previews, requested: pods=1, used: pods=2, limited: pods=2'
POLICY = 'pods "a" is forbidden: violates PodSecurity "restricted:latest": privileged'
CONFINED = (
    "namespaces \"kube-public\" is forbidden: ValidatingAdmissionPolicy 'temporal-previews-deployer' with binding "
    "'temporal-previews-deployer' denied request: "
    "the deployer may not DELETE this: Namespace kube-public has no name of a preview, which is ^pr-[1-9][0-9]{0,8}$"
)
STARTING = 'configmaps "a" is forbidden: not yet ready to handle request'
TERMINATING = 'configmaps "a" is forbidden: unable to create new content in namespace pr-1 because it is being terminated'


def status(code: int, message: str, reason: str = "") -> Answer:
    return Answer(code, json.dumps({"kind": "Status", "code": code, "message": message, "reason": reason}))


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        pytest.param(status(400, "strict decoding error: unknown field"), RejectedError, "correct the value", id="bad request"),
        pytest.param(status(422, "Deployment is invalid: spec.replicas"), RejectedError, "spec.replicas", id="invalid object"),
        pytest.param(status(404, 'namespaces "pr-1" not found'), RejectedError, "namespace exists", id="write into no namespace"),
        pytest.param(status(405, "method not allowed"), RejectedError, "method not allowed", id="verb not served"),
        pytest.param(status(409, "the object has been modified"), ConflictError, "in between", id="changed in between"),
        pytest.param(status(410, "too old resource version"), ConflictError, "too old", id="version forgotten"),
        pytest.param(status(401, "Unauthorized"), UnavailableError, "token is renewed", id="token not accepted"),
        pytest.param(status(403, NO_RIGHT), RejectedError, "the right to create deployments of apps", id="right is missing"),
        pytest.param(status(403, NO_CORE_RIGHT), RejectedError, "the right to list pods, as", id="core right is missing"),
        pytest.param(status(403, QUOTA), RejectedError, "raise the quota", id="quota exceeded"),
        pytest.param(status(403, QUOTA_UNKNOWN), UnavailableError, "kube-controller-manager", id="quota never counted"),
        pytest.param(status(403, POLICY), RejectedError, "Pod Security", id="Pod Security"),
        pytest.param(status(403, TERMINATING), ConflictError, "being deleted", id="namespace is going"),
        pytest.param(status(403, CONFINED), RejectedError, "PREVIEWS_NAMESPACE_TEMPLATE", id="policy that confines the deployer"),
        pytest.param(status(403, STARTING), UnavailableError, "just started", id="API server that is not ready"),
        pytest.param(status(403, "denied by webhook"), RejectedError, "policy", id="admission webhook"),
        pytest.param(status(429, "too many requests"), UnavailableError, "overloaded", id="overloaded"),
        pytest.param(status(500, "etcdserver: request timed out"), UnavailableError, "etcdserver", id="fault of the server"),
        pytest.param(
            status(500, "failed to create typed patch object (pr-1/a; /v1, Kind=ConfigMap): .dat: field not declared in schema"),
            RejectedError,
            "correct the value",
            id="unknown field",
        ),
        pytest.param(
            status(422, 'ConfigMap "a" is invalid: metadata.uid: Invalid value: "1": field is immutable'),
            ConflictError,
            "has taken its place",
            id="another object of that name",
        ),
        pytest.param(Answer(502, "<html>Bad Gateway</html>"), UnavailableError, "Bad Gateway", id="page of a proxy"),
        pytest.param(Answer(503, ""), UnavailableError, "HTTP status 503", id="nothing said"),
        pytest.param(Answer(500, "[1]"), UnavailableError, "[1]", id="JSON that is no object"),
    ],
)
def test_refusals(answer: Answer, error: type[PreviewError], says: str) -> None:
    raised = refusal(answer, "applying", "Deployment pr-1/webapp")
    assert type(raised) is error
    assert says in str(raised)
    assert str(raised).startswith("applying Deployment pr-1/webapp; the answer was: ")


@pytest.mark.parametrize("message", [NO_RIGHT, NO_CORE_RIGHT, QUOTA_UNKNOWN])
def test_refusals_that_pass_by_themselves(message: str) -> None:
    assert will_pass(status(403, message))


@pytest.mark.parametrize("message", [QUOTA, POLICY, CONFINED, TERMINATING])
def test_refusals_that_stay(message: str) -> None:
    assert not will_pass(status(403, message))


def test_only_what_is_forbidden_passes_by_itself() -> None:
    assert not will_pass(status(404, NO_RIGHT))


def test_a_broken_connection_says_what_was_tried() -> None:
    error = unreachable(TimeoutError(), "reading", "Namespace pr-1")
    assert str(error).startswith("reading Namespace pr-1; the answer was: TimeoutError; check that")
