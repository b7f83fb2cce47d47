"""What a namespace held at one moment, and which of it counts: only pods of a Deployment's newest ReplicaSet.

An old pod's failure must not condemn a new one, and an old pod's readiness must not pass for the new one's.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from stack.names import TEMPORAL

Object = Mapping[str, Any]
"""A Kubernetes object, or a part of one, as the API has it in JSON."""

CLOCKS_MAY_DIFFER: Final = timedelta(seconds=5)
"""Between the caller and the cluster, including the time that the apply itself took; the cluster also cuts its times to whole seconds."""
REVISION: Final = "deployment.kubernetes.io/revision"


@dataclass(frozen=True)
class Snapshot:
    """Kubernetes objects as the API has them in JSON (camelCase), not the client's models."""

    since: datetime
    """When this attempt applied its objects; what happened earlier is not held against it."""
    deployments: Sequence[Object]
    replica_sets: Sequence[Object]
    pods: Sequence[Object]
    events: Sequence[Object] = ()
    """Core v1 Events of the namespace."""
    logs: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """(pod, container) → last lines, for what `needs_logs` asked for."""
    deadlines: Mapping[str, timedelta] = field(default_factory=dict)
    """Container → how long it may run without becoming ready."""

    @property
    def start(self) -> datetime:
        """The earliest time, by the cluster's clock, that belongs to this attempt."""
        return self.since.replace(microsecond=0) - CLOCKS_MAY_DIFFER

    def in_order(self) -> list[Object]:
        """The Deployments, Temporal's first: the webapp depends on it, so what is wrong there is the cause."""
        return sorted(self.deployments, key=lambda deployment: name_of(deployment) != TEMPORAL)

    def newest_replica_set(self, deployment: Object) -> str | None:
        """Name of the ReplicaSet of what was applied last; None while the cluster has not made it."""
        if not is_observed(deployment):
            return None
        uid = deployment["metadata"].get("uid")
        owned = [each for each in self.replica_sets if any(owner.get("uid") == uid for owner in owners(each))]
        return name_of(max(owned, key=revision)) if owned else None

    def current_pods(self, deployment: Object) -> list[Object]:
        """Pods of the newest ReplicaSet that are not on their way out, those that have failed for good included."""
        newest = self.newest_replica_set(deployment)
        return [
            pod
            for pod in self.pods
            if newest and "deletionTimestamp" not in pod["metadata"] and any(owner.get("name") == newest for owner in owners(pod))
        ]

    def live_pods(self, deployment: Object) -> list[Object]:
        return [pod for pod in self.current_pods(deployment) if pod.get("status", {}).get("phase") != "Failed"]

    def events_of(self, name: str, reason: str, container: str | None = None) -> list[Object]:
        """Events of this attempt about the object of that name (and its container), oldest first."""
        place = f"{{{container}}}" if container else ""
        found = [
            event
            for event in self.events
            if event.get("reason") == reason
            and event.get("involvedObject", {}).get("name") == name
            and place in event["involvedObject"].get("fieldPath", "")
            and event_time(event) >= self.start
        ]
        return sorted(found, key=event_time)


@dataclass(frozen=True)
class Part:
    """One container of a pod, with what its status says. Native sidecars are init containers to the API, and are looked at alike."""

    pod: Object
    name: str
    status: Object

    @property
    def label(self) -> str:
        return f"Pod {name_of(self.pod)} container {self.name}"

    @property
    def image(self) -> str:
        """As the pod asks for it; the status may have another spelling."""
        spec = self.pod["spec"]
        found = [c["image"] for c in (*spec.get("containers", ()), *spec.get("initContainers", ())) if c["name"] == self.name]
        return str(found[0]) if found else str(self.status.get("image", ""))

    @property
    def waiting(self) -> Object:
        return self.status.get("state", {}).get("waiting") or {}

    @property
    def reason(self) -> str:
        return str(self.waiting.get("reason", ""))

    @property
    def message(self) -> str:
        return str(self.waiting.get("message", ""))

    @property
    def running_since(self) -> datetime | None:
        running = self.status.get("state", {}).get("running")
        return time_of(running.get("startedAt")) if running else None

    @property
    def ended(self) -> Object:
        """How it ended last; empty if it never did."""
        return self.status.get("state", {}).get("terminated") or self.status.get("lastState", {}).get("terminated") or {}

    @property
    def ended_before(self) -> bool:
        """Whether the end that counts is that of the container before this one: its log is the `previous` one."""
        return bool(self.ended) and not self.status.get("state", {}).get("terminated")

    @property
    def restarts(self) -> int:
        return int(self.status.get("restartCount", 0))

    @property
    def ends(self) -> int:
        """How often it has ended. The kubelet counts restarts, so the end that it has not restarted from yet is added."""
        return self.restarts + (1 if self.ended and self.running_since is None else 0)

    @property
    def is_ready(self) -> bool:
        return bool(self.status.get("ready"))


def parts(pod: Object) -> Iterator[Part]:
    """The pod's containers, sidecars first; init containers that have done their work are left out."""
    status = pod.get("status", {})
    for each in status.get("initContainerStatuses", ()):
        done = each.get("state", {}).get("terminated")
        if not (done and done.get("exitCode") == 0):
            yield Part(pod, each["name"], each)
    for each in status.get("containerStatuses", ()):
        yield Part(pod, each["name"], each)


def name_of(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def owners(obj: Object) -> Sequence[Object]:
    found: Sequence[Object] = obj["metadata"].get("ownerReferences", ())
    return found


def revision(replica_set: Object) -> int:
    return int(replica_set["metadata"].get("annotations", {}).get(REVISION, 0))


def is_observed(deployment: Object) -> bool:
    """Whether the status speaks of the newest specification."""
    return int(deployment.get("status", {}).get("observedGeneration", 0)) >= int(deployment["metadata"].get("generation", 1))


def condition(obj: Object, kind: str) -> Object:
    """The condition of this type, empty if the object has none."""
    found: Sequence[Object] = obj.get("status", {}).get("conditions") or ()
    return next((each for each in found if each.get("type") == kind), {})


def time_of(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def event_time(event: Object) -> datetime:
    """When it happened last. Events of the new API have a series or only `eventTime`."""
    last = event.get("series", {}).get("lastObservedTime") if event.get("series") else None
    text = last or event.get("lastTimestamp") or event.get("eventTime") or event["metadata"].get("creationTimestamp")
    time = time_of(text)
    assert time is not None, "the API gives every event a creation time"
    return time


def event_count(event: Object) -> int:
    return int((event.get("series") or {}).get("count") or event.get("count") or 1)
