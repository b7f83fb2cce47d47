"""What the cluster's controllers and the kubelet would write while a stack comes up, put into a fake cluster by hand."""

from datetime import datetime
from typing import Any, Literal

from stack.names import TEMPORAL, WEBAPP
from tests.fakes.cluster import FakeCluster
from tests.fakes.requests import NOON

Workload = Literal["webapp", "temporal"]
CONTAINERS: dict[Workload, str] = {"webapp": "backend", "temporal": "python-worker"}
STARTED = NOON.isoformat()


def put_workload(
    cluster: FakeCluster, name: Workload, state: dict[str, Any], *, ready: bool = False, restarts: int = 0, ended: datetime | None = None
) -> None:
    """A Deployment, its ReplicaSet and its one pod with one container in that state; `ended`: when the life before did."""
    count = 1 if ready else 0
    status = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": count}
    put(cluster, "Deployment", name, "", spec={"replicas": 1}, status=status)
    put(cluster, "ReplicaSet", f"{name}-1", owner=name)
    container = {"name": CONTAINERS[name], "ready": ready, "restartCount": restarts, "state": state}
    if ended:
        container["lastState"] = {"terminated": {"exitCode": 1, "finishedAt": ended.isoformat()}}
    pod = {
        "phase": "Running",
        "startTime": STARTED,
        "conditions": [{"type": "Ready", "status": str(ready)}],
        "containerStatuses": [container],
    }
    spec = {"containers": [{"name": CONTAINERS[name], "image": f"registry.test/{name}:1"}]}
    put(cluster, "Pod", f"{name}-1-x", owner=f"{name}-1", spec=spec, status=pod)


def put(cluster: FakeCluster, kind: str, name: str, owner: str, **parts: Any) -> None:
    metadata: dict[str, Any] = {"name": name, "namespace": "pr-1", "uid": name, "generation": 1, "creationTimestamp": STARTED}
    if owner:
        metadata["ownerReferences"] = [{"name": owner, "uid": owner}]
    cluster.put({"kind": kind, "metadata": metadata, **parts})


def running() -> dict[str, Any]:
    return {"running": {"startedAt": STARTED}}


def make_ready(cluster: FakeCluster) -> None:
    put_workload(cluster, TEMPORAL, running(), ready=True)
    put_workload(cluster, WEBAPP, running(), ready=True)
