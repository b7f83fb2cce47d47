"""Since when and until when a stack had no ready temporal pod, from one snapshot to the next.

The cluster tells times in whole seconds and the caller's clock is finer, so what was seen to happen counts by the clock. What had happened
before anybody looked is told by the pods, up to a second too early or too late: an absence is never told too short.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stack.diagnosis.snapshot import Object, Snapshot, condition, name_of, owners, time_of
from stack.models import Absence
from stack.names import TEMPORAL

RESOLUTION: Final = timedelta(seconds=1)


@dataclass(frozen=True)
class Presence:
    """What is known so far of the temporal pod during one update."""

    absence: Absence | None = None
    """From the first moment without it to the last one. `until` is None while it is away."""
    stood: bool = False
    """Whether it was there when somebody looked last."""

    def then(self, snapshot: Snapshot, now: datetime) -> "Presence":
        """What is known after another look. The same look twice changes nothing."""
        pods = _pods(snapshot)
        ready = [pod for pod in pods if _is_there(pod)]
        if ready:
            return Presence(self._ended(ready, now), stood=True)
        since = self.absence.since if self.absence else now if self.stood else _left_at(pods, snapshot.since, now)
        return Presence(Absence(since=since), stood=False)

    def _ended(self, ready: list[Object], now: datetime) -> Absence | None:
        if self.absence is None or self.stood:
            return self.absence
        seen_by = min((at + RESOLUTION for pod in ready if (at := time_of(condition(pod, "Ready").get("lastTransitionTime")))), default=now)
        return Absence(since=self.absence.since, until=max(self.absence.since, min(now, seen_by)))


def _pods(snapshot: Snapshot) -> list[Object]:
    """Of every ReplicaSet of the Deployment, those that are leaving included."""
    deployments = {each["metadata"].get("uid") for each in snapshot.deployments if name_of(each) == TEMPORAL}
    replica_sets = {name_of(each) for each in snapshot.replica_sets if any(owner.get("uid") in deployments for owner in owners(each))}
    return [pod for pod in snapshot.pods if any(owner.get("name") in replica_sets for owner in owners(pod))]


def _is_there(pod: Object) -> bool:
    """A pod that is told to leave is away from that moment on: its containers are being ended."""
    return "deletionTimestamp" not in pod["metadata"] and condition(pod, "Ready").get("status") == "True"


def _left_at(pods: list[Object], applied: datetime, now: datetime) -> datetime:
    """When the last one was told to leave. Of one that is gone already nothing is known but that the update was applied before."""
    told = [at - _grace(pod) for pod in pods if (at := time_of(pod["metadata"].get("deletionTimestamp")))]
    return min(now, max(told, default=applied))


def _grace(pod: Object) -> timedelta:
    """The API's deletionTimestamp is when the pod's grace is over."""
    return timedelta(seconds=int(pod["metadata"].get("deletionGracePeriodSeconds", 0)))
