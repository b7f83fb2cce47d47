"""Whether the images of a pod that runs nothing have been pulled: the same rules about images as for a stack."""

from datetime import datetime, timedelta
from typing import Final

from stack.diagnosis.containers import IMAGE_RULES, Case
from stack.diagnosis.placement import node_lost, unschedulable
from stack.diagnosis.snapshot import Object, Part, Snapshot, condition, name_of, parts
from stack.diagnosis.verdict import Judgement, Ready, Waiting
from stack.diagnosis.words import detail
from stack.errors import cut
from stack.models import Category, Diagnosis

COMES_AFTER_THE_PULL: Final = {"RunContainerError", "CreateContainerError", "CreateContainerConfigError", "PreCreateHookError"}
"""The kubelet pulls a container's image before it does anything else for it (startContainer in pkg/kubelet/kuberuntime)."""


def judge_pulls(snapshot: Snapshot, pod: Object, now: datetime) -> Judgement:
    """Ready: every image of the pod was pulled. A pod that ends without having pulled them stays Waiting."""
    case = Case(snapshot, now)
    for rule in IMAGE_RULES:
        for part in parts(pod):
            if diagnosis := rule(case, part):
                return diagnosis
    if diagnosis := unschedulable(case, pod) or node_lost(case, pod):
        return diagnosis
    waited_for = _missing(pod)
    return Waiting(waited_for) if waited_for else Ready()


def pulls_out_of_time(pod: Object | None, limit: timedelta) -> Diagnosis:
    """The diagnosis when the images were only ever waited for."""
    return Diagnosis(
        category=Category.DEADLINE,
        object=f"Pod {name_of(pod)}" if pod else "Namespace",
        summary=f"The new images were not pulled within {limit.total_seconds():.0f} s. What runs was not touched.",
        detail=detail(_missing(pod) if pod else "the pod that pulls them could not be made"),
        resolution="Look at the registry and at the size of the images, then deploy again: what was pulled so far is kept.",
    )


def _missing(pod: Object) -> str:
    """A sentence about the first image that is not known to be there; empty when all are."""
    found = {part.name: part for part in parts(pod)}
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return f"Pod {name_of(pod)} has no node yet: {cut(scheduled.get('message', ''), 160)}"
    waited_for = [container for container in pod["spec"]["containers"] if not _was_pulled(found.get(container["name"]))]
    if not waited_for:
        return ""
    part = found.get(waited_for[0]["name"])
    said = f" ({part.reason}{f': {cut(part.message, 160)}' if part.message else ''})" if part and part.reason else ""
    return f"image {waited_for[0]['image']} is being pulled{said}"


def _was_pulled(part: Part | None) -> bool:
    """The runtime names the image of a container that it has made; one that was ended before (evicted, out of time) has none."""
    return part is not None and (bool(part.status.get("imageID")) or part.reason in COMES_AFTER_THE_PULL)
