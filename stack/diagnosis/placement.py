"""Rules about pods and Deployments: what the cluster does not let in, cannot place, or lost."""

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from stack.diagnosis.containers import Case
from stack.diagnosis.snapshot import Object, condition, event_count, event_time, name_of, parts, time_of
from stack.diagnosis.words import detail
from stack.errors import cut
from stack.models import Category, Diagnosis

PASSES: Final = re.compile(
    r"(?i)status unknown for quota|service ?account|cannot \w+ resource|failed calling webhook|timeout|connection refused"
)
"""Refusals of a namespace that is just being made (facts.md), or of a webhook that is away: they are over a moment later."""

REFUSALS: Final = (
    (
        re.compile("exceeded quota"),
        Category.QUOTA,
        "the namespace's quota does not allow another pod",
        "Raise `quota` in the stack file, or lower the `resources` of the containers; an update needs room for a second webapp pod.",
    ),
    (
        re.compile("failed quota|(maximum|minimum) (cpu|memory|[a-z-]+) usage per|limit to request ratio"),
        Category.QUOTA,
        "the pod does not fit the namespace's limits",
        "Adapt the `resources` of the containers in the stack file to what the message names.",
    ),
    (
        re.compile("violates PodSecurity"),
        Category.POLICY,
        "Pod Security does not allow the pod",
        "Change what the message names: previews run as `restricted` (not root, no privileges).",
    ),
    (
        re.compile("denied the request|is invalid:"),
        Category.REJECTED,
        "the cluster does not accept the pod",
        "Change what the message names, or ask who runs the cluster for its rules.",
    ),
)
REFUSAL_PATIENCE: Final = timedelta(seconds=20)
"""For refusals that no rule knows: the cluster tries again meanwhile."""
UNSCHEDULABLE_PATIENCE: Final = timedelta(seconds=60)
"""A neighbour may just be leaving, or a node be on its way."""
MOUNT_IS_POINTLESS: Final = re.compile(r'(?i)(secret|configmap) "[^"]*" not found|references non-existent (secret|config) key')
FAILED_PODS: Final = 2
"""The first failed pod is replaced by the cluster; a second one is no accident."""


def pod_refused(case: Case, deployment: Object) -> Diagnosis | None:
    """The pods are not even made: quota, limits, Pod Security, a webhook."""
    message, seen = _refusal(case, deployment)
    if not message or PASSES.search(message) or is_room_made(message, case.snapshot.pods):
        return None
    obj = f"Deployment {name_of(deployment)}"
    if (known := known_refusal(message, obj)) or seen <= REFUSAL_PATIENCE:
        return known
    return _refused(obj, Category.REJECTED, "the cluster does not accept the pod", message, "Change what the message names.")


def is_room_made(message: str, pods: Sequence[Object]) -> bool:
    """Whether the quota is used up by pods that are leaving."""
    return "exceeded quota" in message and any("deletionTimestamp" in pod["metadata"] for pod in pods)


def known_refusal(message: str, obj: str) -> Diagnosis | None:
    """The diagnosis for a refusal of a pod that will be repeated, if a rule knows its words."""
    for pattern, category, summary, resolution in REFUSALS:
        if pattern.search(message):
            return _refused(obj, category, summary, message, resolution)
    return None


def _refused(obj: str, category: Category, summary: str, message: str, resolution: str) -> Diagnosis:
    return Diagnosis(category=category, object=obj, summary=f"No pod: {summary}.", detail=detail(message), resolution=resolution)


def _refusal(case: Case, deployment: Object) -> tuple[str, timedelta]:
    """What the newest ReplicaSet was answered in this attempt, and for how long. An older answer may be out of date: it is tried again."""
    newest = case.snapshot.newest_replica_set(deployment)
    if newest is None or case.snapshot.live_pods(deployment):
        return "", timedelta(0)
    failure = condition(next(each for each in case.snapshot.replica_sets if name_of(each) == newest), "ReplicaFailure")
    events = case.snapshot.events_of(newest, "FailedCreate")
    since = time_of(failure.get("lastTransitionTime"))
    if failure.get("status") != "True" or not (events or (since and since >= case.snapshot.start)):
        return "", timedelta(0)
    message = events[-1].get("message") if events else failure.get("message")
    return str(message or failure.get("message", "")), case.now - max(since or case.snapshot.since, case.snapshot.since)


def volume_missing(case: Case, pod: Object) -> Diagnosis | None:
    """A Secret or a ConfigMap that is to be mounted and is not there. The kubelet tries every few seconds."""
    failed = [e for e in case.snapshot.events_of(name_of(pod), "FailedMount") if MOUNT_IS_POINTLESS.search(e.get("message", ""))]
    if any(part.running_since or part.ended for part in parts(pod)) or sum(map(event_count, failed)) < 2:
        return None
    secret = "secret" in failed[-1]["message"].lower()
    return Diagnosis(
        category=Category.SECRET_KEY if secret else Category.CONFIGURATION,
        object=f"Pod {name_of(pod)}",
        summary="A volume cannot be mounted because what it shows is not there.",
        detail=detail(failed[-1]["message"]),
        resolution="Add the missing key to the source of the secrets, or take it out of the stack file.",
    )


def unschedulable(case: Case, pod: Object) -> Diagnosis | None:
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") != "False" or scheduled.get("reason") != "Unschedulable":
        return None
    began = time_of(scheduled.get("lastTransitionTime")) or case.snapshot.since
    if case.now - max(began, case.snapshot.since) <= UNSCHEDULABLE_PATIENCE:
        return None
    return Diagnosis(
        category=Category.UNSCHEDULABLE,
        object=f"Pod {name_of(pod)}",
        summary=f"No node has room for the pod, for more than {UNSCHEDULABLE_PATIENCE.seconds} s.",
        detail=detail(scheduled.get("message", "")),
        resolution="Lower `resources` in the stack file, close previews that nobody needs, or give the cluster more room.",
    )


def node_lost(case: Case, pod: Object) -> Diagnosis | None:
    lost = case.snapshot.events_of(name_of(pod), "NodeNotReady")
    ready = condition(pod, "Ready").get("status") == "True"
    if ready or not (lost or pod.get("status", {}).get("reason") == "NodeLost"):
        return None
    return Diagnosis(
        category=Category.NODE,
        object=f"Pod {name_of(pod)}",
        summary=f"The node {pod['spec'].get('nodeName', '')} on which the pod ran does not answer any more.",
        detail=detail(lost[-1].get("message", "") if lost else pod["status"].get("message", "")),
        resolution="Deploy again when the cluster is well; who runs the cluster should look at the node.",
    )


def pods_fail(case: Case, deployment: Object) -> Diagnosis | None:
    """Evicted, or refused by the kubelet, again after the cluster had made another pod."""
    failed = [pod for pod in case.snapshot.current_pods(deployment) if pod.get("status", {}).get("phase") == "Failed"]
    failed = [pod for pod in failed if (time_of(pod["metadata"].get("creationTimestamp")) or case.now) >= case.snapshot.start]
    if len(failed) < FAILED_PODS:
        return None
    status = max(failed, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")))["status"]
    return Diagnosis(
        category=Category.NODE,
        object=f"Deployment {name_of(deployment)}",
        summary=f"{len(failed)} pods were taken off their node: {status.get('reason', 'no reason given')}.",
        detail=detail(status.get("message", "")),
        resolution="Lower the memory or disk that the containers use, or give the node more; then deploy again.",
    )


def progress_deadline(case: Case, deployment: Object) -> Diagnosis | None:
    progressing = condition(deployment, "Progressing")
    updated = time_of(progressing.get("lastUpdateTime"))
    current = case.snapshot.newest_replica_set(deployment) is not None and updated is not None and updated >= case.snapshot.start
    if progressing.get("reason") != "ProgressDeadlineExceeded" or not current:
        return None
    return Diagnosis(
        category=Category.DEADLINE,
        object=f"Deployment {name_of(deployment)}",
        summary="The Deployment made no progress within its deadline.",
        detail=detail(_last_warning(case) or progressing.get("message", "")),
        resolution="Look at the pod's events and log; deploy again when the cause is gone.",
    )


def _last_warning(case: Case) -> str:
    warnings = [e for e in case.snapshot.events if e.get("type") == "Warning" and event_time(e) >= case.snapshot.start]
    return cut(max(warnings, key=event_time).get("message", "")) if warnings else ""
