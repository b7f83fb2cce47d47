"""Whether both Deployments have rolled out, and if not, what is waited for."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from stack.diagnosis.containers import Case
from stack.diagnosis.snapshot import Object, Part, condition, is_observed, name_of, parts
from stack.errors import cut
from stack.names import TEMPORAL, WEBAPP

STAYS_UP: Final = timedelta(seconds=10)
"""A container without a probe counts as ready the moment it runs; one that has just been restarted must stay up so long."""


def unfinished(case: Case) -> str:
    """A sentence about the first thing that is not ready yet; empty when all is."""
    return next(_waited_for(case), "")


def _waited_for(case: Case) -> Iterator[str]:
    seen = {name_of(deployment) for deployment in case.snapshot.deployments}
    for name in (TEMPORAL, WEBAPP):
        if name not in seen:
            yield f"Deployment {name} is not there yet"
    for deployment in case.snapshot.in_order():
        yield from _deployment(case, deployment)


def _deployment(case: Case, deployment: Object) -> Iterator[str]:
    """The same arithmetic as `kubectl rollout status`, and the pods themselves."""
    label = f"Deployment {name_of(deployment)}"
    if not is_observed(deployment):
        yield f"{label} has not been looked at by the cluster yet"
        return
    live = case.snapshot.live_pods(deployment)
    if not live:
        failure = condition(deployment, "ReplicaFailure")
        why = f": {cut(failure.get('message', ''), 160)}" if failure.get("status") == "True" else ""
        yield f"{label} has no pod yet{why}"
    for pod in live:
        yield from _pod(case, pod)
    status, wanted = deployment.get("status", {}), deployment.get("spec", {}).get("replicas", 1)
    if status.get("updatedReplicas", 0) < wanted or status.get("availableReplicas", 0) < wanted:
        yield f"{label} has {status.get('availableReplicas', 0)} of {wanted} pods ready"
    if status.get("replicas", 0) > status.get("updatedReplicas", 0):
        yield f"{label} still has an old pod that is on its way out"


def _pod(case: Case, pod: Object) -> Iterator[str]:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        yield f"Pod {name_of(pod)} has no node yet: {cut(scheduled.get('message', ''), 160)}"
    for part in parts(pod):
        if not part.is_ready:
            yield _part(case, part)
        elif part.restarts and part.running_since and case.now - part.running_since < STAYS_UP:
            yield f"{part.label} was restarted a moment ago and must stay up for {STAYS_UP.seconds} s"
    if condition(pod, "Ready").get("status") != "True":
        yield f"Pod {name_of(pod)} is not ready yet"


def _part(case: Case, part: Part) -> str:
    if part.running_since:
        said = case.snapshot.events_of(name_of(part.pod), "Unhealthy", part.name)
        why = f": {cut(said[-1].get('message', ''), 160)}" if said else ""
        return f"{part.label} runs and is not ready yet{why}"
    if part.reason:
        return f"{part.label} waits ({part.reason}{f': {cut(part.message, 160)}' if part.message else ''})"
    return f"{part.label} has ended ({part.ended.get('reason', 'no reason given')}) and will be started again"
