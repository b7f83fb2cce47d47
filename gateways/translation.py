"""The one place where answers and exceptions of the Kubernetes API become errors of stack/errors.py."""

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from stack.errors import ConflictError, PreviewError, RejectedError, UnavailableError
from stack.names import POLICY

MISSING_RIGHT: Final = re.compile(r'cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"(?: in API group "(?P<group>[^"]*)")?')
QUOTA_NOT_COUNTED_YET: Final = "status unknown for quota"


@dataclass(frozen=True)
class Answer:
    """What the API said, whatever it was."""

    status: int
    text: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def body(self) -> Any:
        """The JSON object; empty when the text is not one (a proxy's page, a log)."""
        try:
            return json.loads(self.text)
        except ValueError:
            return {}

    @property
    def message(self) -> str:
        """The sentence of a Status object, or the text as it came."""
        body = self.body
        sentence = body.get("message") if isinstance(body, dict) else None
        return str(sentence or self.text or f"HTTP status {self.status}")

    @property
    def reason(self) -> str:
        """The machine-readable reason of a Status object, such as AlreadyExists."""
        body = self.body
        return str(body.get("reason", "")) if isinstance(body, dict) else ""


def will_pass(answer: Answer) -> bool:
    """Refusals that are over in a moment: a right that was granted just now, a quota that nobody has counted yet."""
    forbidden = answer.status == HTTPStatus.FORBIDDEN
    return forbidden and bool(MISSING_RIGHT.search(answer.message) or QUOTA_NOT_COUNTED_YET in answer.message)


Kind = type[PreviewError]

BY_STATUS: Final[dict[int, tuple[Kind, str]]] = {
    401: (UnavailableError, "check that the worker's token is renewed and that it is the right cluster"),
    404: (RejectedError, "check that its namespace exists and that the cluster serves this kind"),
    408: (UnavailableError, "the cluster's API is overloaded"),
    409: (ConflictError, "somebody else changed it in between"),
    410: (ConflictError, "it is older than what the API remembers"),
    429: (UnavailableError, "the cluster's API is overloaded"),
}
INVALID: Final = (RejectedError, "correct the value in the stack file or the settings that it comes from")
BY_MESSAGE: Final[dict[str, tuple[Kind, str]]] = {
    "failed to create typed patch object": INVALID,
    "metadata.uid: Invalid value": (ConflictError, "another object of that name has taken its place"),
}
"""What server-side apply says with status 500 of a field that no version of the kind has, and with 422 of another object's UID."""
SERVER_FAULT: Final = (UnavailableError, "look at the cluster's API server and its admission webhooks")
FORBIDDEN: Final[dict[str, tuple[Kind, str]]] = {
    f"ValidatingAdmissionPolicy '{POLICY}'": (RejectedError, "compare deploy/cluster/policy.yaml with PREVIEWS_NAMESPACE_TEMPLATE"),
    "not yet ready to handle request": (UnavailableError, "the cluster's API server has just started"),
    "being terminated": (ConflictError, "the namespace is being deleted"),
    QUOTA_NOT_COUNTED_YET: (UnavailableError, "nobody counts the quota: look at kube-controller-manager"),
    "exceeded quota": (RejectedError, "ask for less or raise the quota in the stack file"),
    "violates PodSecurity": (RejectedError, "change what the Pod Security standard of the namespace forbids"),
    "": (RejectedError, "look which policy of the cluster forbids it"),
}
"""Part of the message → what it means; the first that is found counts."""


def refusal(answer: Answer, did: str, obj: str) -> PreviewError:
    """The error for an answer that is not a success."""
    kind, remedy = _meaning(answer)
    return kind(did, obj=obj, answer=f"{answer.status} {answer.message}", remedy=remedy)


def _meaning(answer: Answer) -> tuple[Kind, str]:
    if answer.status == HTTPStatus.FORBIDDEN:
        return _forbidden(answer.message)
    for part, meaning in BY_MESSAGE.items():
        if part in answer.message:
            return meaning
    return BY_STATUS.get(answer.status, SERVER_FAULT if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR else INVALID)


def _forbidden(message: str) -> tuple[Kind, str]:
    if right := MISSING_RIGHT.search(message):
        wanted = f"{right['verb']} {right['resource']}" + (f" of {right['group']}" if right["group"] else "")
        return RejectedError, f"grant the deployer the right to {wanted}, as deploy/cluster/ does"
    return next(meaning for part, meaning in FORBIDDEN.items() if part in message)


NOT_READY: Final = "the cluster's API server is not ready yet, or does not tell the worker so by /readyz (system:public-info-viewer)"


def not_ready(answer: Answer, did: str, obj: str) -> UnavailableError:
    """The error for a refusal by an API server that is not ready to judge requests: it has just started, or something is wrong with it."""
    return UnavailableError(did, obj=obj, answer=f"{answer.status} {answer.message}", remedy=NOT_READY)


def unreachable(error: Exception, did: str, obj: str) -> UnavailableError:
    """The error for a connection that could not be made, broke or took too long."""
    said = f"{type(error).__name__} {error}".strip()
    return UnavailableError(did, obj=obj, answer=said, remedy="check that the cluster's API can be reached from the worker")
