"""What takes a namespace's secrets out of its logs and pages."""

from gateways.cluster import Cluster
from stack.errors import PreviewError
from stack.masking import Mask, mask_with, withheld


async def mask_of(cluster: Cluster, namespace: str) -> Mask:
    """By the values of the namespace's Secrets as they are now. While they cannot be read the mask shows nothing at all."""
    try:
        return mask_with(await cluster.list_objects("Secret", namespace))
    except PreviewError:
        return withheld
