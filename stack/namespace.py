"""Reading a Namespace object: whose it is, and what keeps it from going."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from stack.errors import ForeignNamespaceError
from stack.names import ANNOTATION_EXPIRES_AT, ANNOTATION_GENERATION, ANNOTATION_PINNED, ANNOTATION_REPOSITORY, MANAGED_BY, MANAGER

OWN_FINALIZER = "kubernetes"
"""The finalizer that every namespace has; the namespace controller takes it off last."""


def require_ours(namespace: Mapping[str, Any], repository: str) -> None:
    """ForeignNamespaceError unless this installation made the namespace for this repository."""
    metadata = namespace["metadata"]
    if metadata.get("labels", {}).get(MANAGED_BY) != MANAGER:
        _refuse(metadata["name"], f"it has no label {MANAGED_BY}={MANAGER}: something else made it")
    owner = metadata.get("annotations", {}).get(ANNOTATION_REPOSITORY, "nobody")
    if owner.casefold() != repository.casefold():
        _refuse(metadata["name"], f"it belongs to {owner}, not to {repository}")


def _refuse(name: str, why: str) -> None:
    raise ForeignNamespaceError(
        "taking over",
        obj=f"Namespace {name}",
        answer=why,
        remedy="nothing was touched; choose another namespace template (PREVIEWS_NAMESPACE_TEMPLATE) or remove it if nobody needs it",
    )


def expiry_annotations(expires_at: datetime | None, *, pinned: bool) -> dict[str, str | None]:
    """What people read on the namespace; the record of the pull request is what counts. None takes an annotation away."""
    return {
        ANNOTATION_EXPIRES_AT: expires_at.isoformat() if expires_at and not pinned else None,
        ANNOTATION_PINNED: "true" if pinned else None,
    }


def generation_of(item: Mapping[str, Any]) -> int:
    """The generation for which an object was written; 0 when it does not say."""
    return int((item["metadata"].get("annotations") or {}).get(ANNOTATION_GENERATION, 0))


def is_terminating(namespace: Mapping[str, Any]) -> bool:
    return "deletionTimestamp" in namespace["metadata"]


def held_by(namespace: Mapping[str, Any]) -> str:
    """What keeps a namespace that is being deleted, in the words of the namespace controller."""
    return "; ".join(_holders(namespace)) or "the namespace controller has not deleted its content yet"


def _holders(namespace: Mapping[str, Any]) -> Iterator[str]:
    """Conditions are true when something is in the way; finalizers are those that somebody has put on the namespace itself."""
    for condition in namespace.get("status", {}).get("conditions", []):
        if condition["status"] == "True":
            yield condition.get("message") or condition["type"]
    finalizers = [*namespace["metadata"].get("finalizers", []), *namespace.get("spec", {}).get("finalizers", [])]
    if foreign := [finalizer for finalizer in finalizers if finalizer != OWN_FINALIZER]:
        yield f"finalizers on the namespace: {', '.join(foreign)}"
