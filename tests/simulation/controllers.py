"""What the cluster does by itself: Deployments get ReplicaSets and pods, pods become ready or fail by what their images are called.

An image reference with `bad` in it cannot be pulled, one with `crash` ends again and again; all others become ready after a few seconds.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

from gateways.cluster import Object
from tests.simulation.chance import Chance
from tests.simulation.clock import VirtualLoop
from tests.simulation.cluster import LivingCluster

REVISION: Final = "deployment.kubernetes.io/revision"
GRACE_SECONDS: Final = 1.5
LONGEST_BACK_OFF: Final = 300.0


class Controllers:
    """The deployment controller and the kubelet of a LivingCluster, one step at a time, each only while it still applies."""

    def __init__(self, cluster: LivingCluster, chance: Chance, loop: VirtualLoop) -> None:
        self._cluster, self._chance, self._loop = cluster, chance, loop
        self._addresses = 0
        cluster.on_put = self._put
        cluster.on_take = self._taken

    def _put(self, item: Object) -> None:
        if item["kind"] == "Deployment" and item.get("status", {}).get("observedGeneration", 0) < item["metadata"]["generation"]:
            self._later("deployment controller", 0.1, self._roll_out, item["metadata"]["namespace"], item["metadata"]["name"])
        elif item["kind"] == "Pod" and "status" not in item:
            self._later("kubelet", 1.0, self._pull, item["metadata"]["namespace"], item["metadata"]["name"])

    def _taken(self, kind: str, name: str, namespace: str) -> None:
        """Garbage collection: what a Deployment owned follows it."""
        if kind != "Deployment":
            return
        for replica_set in self._owned("ReplicaSet", namespace, name):
            self._cluster.take("ReplicaSet", replica_set["metadata"]["name"], namespace)
        for pod in self._owned("Pod", namespace, name):
            self._end(namespace, pod["metadata"]["name"])

    def _roll_out(self, namespace: str, name: str) -> None:
        """The newest generation gets a ReplicaSet; with `Recreate` the old pods go first."""
        deployment = self._cluster.get("Deployment", name, namespace)
        if deployment is None or self._is_going(namespace):
            return
        replica_set = self._replica_set_of(deployment)
        self._put_replica_set(deployment, replica_set)
        self._tell(deployment, replica_set)
        recreate = deployment["spec"].get("strategy", {}).get("type") == "Recreate"
        old = self._old_pods(deployment, replica_set)
        if recreate and old:
            for pod in old:
                self._end(namespace, pod["metadata"]["name"])
            self._later("replica set", GRACE_SECONDS + 0.3, self._roll_out, namespace, name)
        elif current := self._current_pods(deployment, replica_set):
            self._settle(deployment, current[0], ready=is_ready(current[0]))
        else:
            self._make_pod(deployment, replica_set)

    def _replica_set_of(self, deployment: Any) -> str:
        """One for each template. Named by a count and not by the template's hash: the fingerprint of secrets in it is another one in each
        run, and one seed would no longer be one history."""
        namespace, name = deployment["metadata"]["namespace"], deployment["metadata"]["name"]
        owned, template = self._owned("ReplicaSet", namespace, name), deployment["spec"]["template"]
        known = [each["metadata"]["name"] for each in owned if each["spec"]["template"] == template]
        return known[0] if known else f"{name}-{len(owned) + 1}"

    def _put_replica_set(self, deployment: Any, name: str) -> None:
        namespace, owner = deployment["metadata"]["namespace"], deployment["metadata"]
        revisions = [int(each["metadata"]["annotations"][REVISION]) for each in self._owned("ReplicaSet", namespace, owner["name"])]
        there = self._cluster.get("ReplicaSet", name, namespace)
        if there is not None and int(there["metadata"]["annotations"][REVISION]) == max(revisions):
            return
        metadata = _owned_by("Deployment", owner["name"], owner["uid"], namespace, name)
        metadata["annotations"] = {REVISION: str(max(revisions, default=0) + 1)}
        spec = {"template": deployment["spec"]["template"]}
        self._cluster.put({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata, "spec": spec})

    def _make_pod(self, deployment: Any, replica_set: str) -> None:
        namespace, template = deployment["metadata"]["namespace"], deployment["spec"]["template"]
        self._addresses += 1
        metadata = _owned_by("ReplicaSet", replica_set, "", namespace, f"{replica_set}-{self._addresses}")
        metadata["labels"] = dict(template["metadata"].get("labels", {}))
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"], "status": {"phase": "Pending"}}
        self._cluster.put(pod)
        self._later("kubelet", 2.0, self._run, namespace, metadata["name"], 0, long=20.0)

    def _run(self, namespace: str, name: str, ends: int) -> None:
        """The containers start: all are ready at once, or one of them shows what is wrong with it."""
        pod = self._cluster.get("Pod", name, namespace)
        if pod is None or "deletionTimestamp" in pod["metadata"]:
            return
        states = {word: [self._container(each, ends) for each in pod["spec"].get(field) or ()] for word, field in STATUSES.items()}
        ready = all(each["ready"] for each in (*states["containerStatuses"], *states["initContainerStatuses"]))
        conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": str(ready)}]
        address = f"10.1.{self._addresses // 250}.{int(name.rsplit('-', 1)[1]) % 250}"
        status = {
            "phase": "Running",
            "startTime": pod["metadata"]["creationTimestamp"],
            "podIP": address,
            "conditions": conditions,
            **states,
        }
        self._cluster.set_status("Pod", name, status, namespace)
        deployment = self._deployment_of(pod)
        if deployment is not None:
            self._settle(deployment, pod, ready=ready)
        if not ready:
            self._later("kubelet restarts", min(8.0 * 2 ** min(ends, 6), LONGEST_BACK_OFF), self._run, namespace, name, ends + 1)

    def _pull(self, namespace: str, name: str) -> None:
        """A pod of its own, made to pull images: no program of it can be started."""
        pod = self._cluster.get("Pod", name, namespace)
        if pod is not None and "deletionTimestamp" not in pod["metadata"]:
            states = [pulled(each) for each in pod["spec"]["containers"]]
            status = {"phase": "Pending", "startTime": pod["metadata"]["creationTimestamp"], "containerStatuses": states}
            self._cluster.set_status("Pod", name, status, namespace)

    def _settle(self, deployment: Any, pod: Any, *, ready: bool) -> None:
        """A rolling update takes the old pods away when the new one is ready."""
        replica_set = pod["metadata"]["ownerReferences"][0]["name"]
        if ready and self._is_newest(deployment, replica_set):
            for old in self._old_pods(deployment, replica_set):
                self._end(deployment["metadata"]["namespace"], old["metadata"]["name"])
        self._tell(deployment, replica_set)

    def _container(self, container: Any, ends: int) -> dict[str, Any]:
        """Status of one container after it has ended so often."""
        status = {"name": container["name"], "image": container["image"], "ready": True, "restartCount": 0}
        now = self._loop.utc_now()
        if "bad" in container["image"]:
            return not_pulled(container)
        if "crash" in container["image"]:
            ended = {"exitCode": 1, "reason": "Error", "startedAt": (now - timedelta(seconds=1)).isoformat(), "finishedAt": now.isoformat()}
            waiting = {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}
            return status | {"ready": False, "restartCount": ends, "state": {"waiting": waiting}, "lastState": {"terminated": ended}}
        return status | {"state": {"running": {"startedAt": now.isoformat()}}}

    def _end(self, namespace: str, name: str) -> None:
        """A pod is told to end, and is gone a moment later."""
        pod = self._cluster.get("Pod", name, namespace)
        if pod is not None and "deletionTimestamp" not in pod["metadata"]:
            metadata = {**pod["metadata"], "deletionTimestamp": self._loop.utc_now().isoformat()}
            self._cluster.put({**pod, "metadata": metadata})
            self._loop.call_later(GRACE_SECONDS, self._gone, namespace, name, self._deployment_of(pod))

    def _gone(self, namespace: str, name: str, deployment: Any) -> None:
        if self._cluster.get("Pod", name, namespace) is not None:
            self._cluster.take("Pod", name, namespace)
        if deployment is not None and (newest := self._newest(deployment)) is not None:
            self._tell(deployment, newest)

    def _tell(self, deployment: Any, replica_set: str) -> None:
        """The Deployment's status, counted anew; one that is no more is told nothing."""
        name, namespace = deployment["metadata"]["name"], deployment["metadata"]["namespace"]
        now = self._cluster.get("Deployment", name, namespace)
        if now is None or now["metadata"]["uid"] != deployment["metadata"]["uid"]:
            return
        current, old = self._current_pods(now, replica_set), self._old_pods(now, replica_set)
        status = {
            "observedGeneration": now["metadata"]["generation"],
            "replicas": len(current) + len(old),
            "updatedReplicas": len(current),
            "availableReplicas": sum(map(is_ready, (*current, *old))),
        }
        if status != now.get("status"):
            self._cluster.set_status("Deployment", name, status, namespace)

    def _owned(self, kind: str, namespace: str, deployment: str) -> list[Any]:
        return [
            each
            for each in self._cluster.all_of(kind, namespace)
            if _owner(each).startswith(f"{deployment}-") or _owner(each) == deployment
        ]

    def pods_of(self, deployment: Any) -> list[Any]:
        """All of them, whatever generation they are of."""
        return self._owned("Pod", deployment["metadata"]["namespace"], deployment["metadata"]["name"])

    def _current_pods(self, deployment: Any, replica_set: str) -> list[Any]:
        pods = self.pods_of(deployment)
        return [pod for pod in pods if _owner(pod) == replica_set and "deletionTimestamp" not in pod["metadata"]]

    def _old_pods(self, deployment: Any, replica_set: str) -> list[Any]:
        pods = self.pods_of(deployment)
        return [pod for pod in pods if _owner(pod) != replica_set]

    def _newest(self, deployment: Any) -> str | None:
        owned = self._owned("ReplicaSet", deployment["metadata"]["namespace"], deployment["metadata"]["name"])
        newest = max(owned, key=lambda each: int(each["metadata"]["annotations"][REVISION]), default=None)
        return None if newest is None else str(newest["metadata"]["name"])

    def _is_newest(self, deployment: Any, replica_set: str) -> bool:
        return self._newest(deployment) == replica_set

    def _deployment_of(self, pod: Any) -> Any:
        replica_set = self._cluster.get("ReplicaSet", _owner(pod), pod["metadata"]["namespace"])
        return replica_set and self._cluster.get("Deployment", _owner(replica_set), pod["metadata"]["namespace"])

    def _is_going(self, namespace: str) -> bool:
        holder = self._cluster.get("Namespace", namespace)
        return holder is None or "deletionTimestamp" in holder["metadata"]

    def _later(self, subject: str, usual: float, then: Callable[..., None], *arguments: Any, long: float = 0.0) -> asyncio.TimerHandle:
        return self._loop.call_later(0.05 + self._chance.delay(subject, usual, long), then, *arguments)


STATUSES: Final = {"initContainerStatuses": "initContainers", "containerStatuses": "containers"}


def is_ready(pod: Object) -> bool:
    """Ready and not on its way out."""
    conditions = pod.get("status", {}).get("conditions", ())
    return "deletionTimestamp" not in pod["metadata"] and {"type": "Ready", "status": "True"} in conditions


def not_pulled(container: Any) -> dict[str, Any]:
    """Status of a container whose image does not exist."""
    waiting = {"reason": "ErrImagePull", "message": f"failed to pull {container['image']}: not found"}
    return {"name": container["name"], "image": container["image"], "ready": False, "restartCount": 0, "state": {"waiting": waiting}}


def pulled(container: Any) -> dict[str, Any]:
    """Status of a container that has an image and a command that is not there."""
    if "bad" in container["image"]:
        return not_pulled(container)
    ended = {"exitCode": 128, "reason": "StartError", "message": "exec: no such file or directory"}
    return not_pulled(container) | {"imageID": f"sha256:{container['image']}", "state": {"terminated": ended}}


def _owner(item: Any) -> str:
    owners = item["metadata"].get("ownerReferences")
    return str(owners[0]["name"]) if owners else ""


def _owned_by(kind: str, owner: str, uid: str, namespace: str, name: str) -> dict[str, Any]:
    return {"name": name, "namespace": namespace, "ownerReferences": [{"kind": kind, "name": owner, "uid": uid}]}
