"""The pod that a preview's own Temporal runs in: where the deployer reaches it, and what its worker says."""

from gateways.cluster import Cluster, Object
from stack.diagnosis.words import tail
from stack.errors import PreviewError, UnavailableError
from stack.masking import Mask
from stack.names import COMPONENT, FRONTEND_PORT, TEMPORAL, WORKER_CONTAINER


async def frontend_address(cluster: Cluster, namespace: str) -> str:
    """host:port of its temporal-server, or UnavailableError.

    The address of the pod and not the Service's name or address: a worker outside the cluster has no cluster DNS, routes to Services are
    rarer than routes to pods, and a node learns of a Service's new endpoint a moment after the pod is ready.
    """
    for pod in await _pods(cluster, namespace):
        if is_ready(pod):
            return f"{pod['status']['podIP']}:{FRONTEND_PORT}"
    raise UnavailableError("find the ready pod of", obj=f"Deployment {namespace}/{TEMPORAL}", remedy="look at its pods")


async def worker_log(cluster: Cluster, namespace: str, mask: Mask) -> str:
    """The end of it, masked, or empty: a diagnosis is worth having without it."""
    try:
        for pod in await _pods(cluster, namespace):
            return tail(mask(await cluster.log_tail(namespace, pod["metadata"]["name"], WORKER_CONTAINER)))
    except PreviewError:
        pass
    return ""


def is_ready(pod: Object) -> bool:
    """Ready, and not on its way out: a pod that ends stays ready for a while."""
    conditions = pod.get("status", {}).get("conditions", ())
    ending = "deletionTimestamp" in pod["metadata"]
    return not ending and any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


async def _pods(cluster: Cluster, namespace: str) -> list[Object]:
    """Those that are not on their way out, before those that are."""
    pods = await cluster.list_objects("Pod", namespace, selector=f"{COMPONENT}={TEMPORAL}")
    return sorted(pods, key=lambda pod: "deletionTimestamp" in pod["metadata"])
