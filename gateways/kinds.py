"""Which kinds this project handles and where the API serves them.

The API is uniform: what every call needs to know of a kind is one line here. The generated client has a method per kind and verb instead;
going by this table, ten verbs are written once for all kinds, and objects stay the plain JSON that the manifests are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote


@dataclass(frozen=True)
class Kind:
    """Where the API serves objects of one kind."""

    api_version: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Of one object, of all in a namespace (no name), or of all in the cluster (neither)."""
        root = "/apis" if "/" in self.api_version else "/api"
        scope = f"/namespaces/{quote(namespace, safe='')}" if namespace and self.namespaced else ""
        return f"{root}/{self.api_version}{scope}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


KINDS: Final = {
    "ConfigMap": Kind("v1", "configmaps"),
    "Deployment": Kind("apps/v1", "deployments"),
    "Event": Kind("v1", "events"),
    "Ingress": Kind("networking.k8s.io/v1", "ingresses"),
    "Job": Kind("batch/v1", "jobs"),
    "LimitRange": Kind("v1", "limitranges"),
    "Namespace": Kind("v1", "namespaces", namespaced=False),
    "NetworkPolicy": Kind("networking.k8s.io/v1", "networkpolicies"),
    "Pod": Kind("v1", "pods"),
    "ReplicaSet": Kind("apps/v1", "replicasets"),
    "ResourceQuota": Kind("v1", "resourcequotas"),
    "RoleBinding": Kind("rbac.authorization.k8s.io/v1", "rolebindings"),
    "Secret": Kind("v1", "secrets"),
    "Service": Kind("v1", "services"),
}


def label(kind: str, name: str, namespace: str | None = None) -> str:
    """How errors and logs call an object: `Deployment pr-1/webapp`."""
    return f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"


def identity(manifest: Mapping[str, Any]) -> tuple[str, str, str | None]:
    """Kind, name and namespace."""
    metadata = manifest["metadata"]
    return manifest["kind"], metadata["name"], metadata.get("namespace")
