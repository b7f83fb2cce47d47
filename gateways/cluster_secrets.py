"""An application's secrets from a Secret that lies beside the deployer."""

from collections.abc import Mapping
from typing import Final

from gateways.cluster import Cluster
from stack.errors import MissingSecretError, SecretSourceError
from stack.secrets import decoded

LABEL: Final = "previews.temporal.io/secrets"
OFFERED: Final = "offered"
"""Value of the label. Other Secrets of that namespace are the deployer's own, and no stack file may ask for them."""


class ClusterSecrets:
    """`SecretSource` over the Secrets of the deployer's own namespace that are labelled for it."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster, self._namespace = cluster, namespace

    async def read(self, name: str) -> Mapping[str, str]:
        subject, remedy = f"Secret {self._namespace}/{name}", f"label it {LABEL}={OFFERED} if previews may have its values"
        secret = await self._cluster.read("Secret", name, self._namespace)
        if secret is None:
            raise MissingSecretError("read secrets from", obj=subject, answer="there is none", remedy=f"make it, and {remedy}")
        if secret["metadata"].get("labels", {}).get(LABEL) != OFFERED:
            raise SecretSourceError("read secrets from", obj=subject, answer="it is not offered to previews", remedy=remedy)
        return decoded(secret, subject)
