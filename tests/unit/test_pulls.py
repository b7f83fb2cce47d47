"""Proves which images an update's check pulls, and what is told of a pod that pulls them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stack.diagnosis import Ready, Snapshot, Waiting, is_room_made, judge_pulls, known_refusal, pulls_out_of_time
from stack.diagnosis.verdict import Judgement
from stack.manifests import image_check_pod, new_images, to_dict
from stack.models import Attempt, Category, Diagnosis
from tests.golden_cases import OUTSIDE, attempt, plain
from tests.unit.objects import edited, one, workloads

SINCE = datetime(2026, 5, 4, 12, 0, 0, 400_000, tzinfo=UTC)
IMAGE = "registry.example.com/shop/worker:9b1e77d0"
NAME = "image-check-8"
Json = dict[str, Any]


def live(stack: Attempt) -> Json:
    return one(workloads(stack), "Deployment", "temporal")


def test_the_same_images_need_no_check() -> None:
    assert new_images(attempt("shop"), OUTSIDE, live(attempt("shop"))) == {}


def test_an_image_of_the_webapp_needs_no_check_because_the_old_page_stays_until_the_new_one_answers() -> None:
    update = attempt("shop")
    images = update.request.images | {"webapp": "registry.example.com/shop/webapp:new"}
    update = update.model_copy(update={"request": update.request.model_copy(update={"images": images})})
    assert new_images(update, OUTSIDE, live(attempt("shop"))) == {}


def test_another_temporal_is_a_new_image_too() -> None:
    stack = attempt("shop")
    update = edited(stack, temporal=stack.request.stack.temporal.model_copy(update={"server": "1.33.0"}))
    assert new_images(update, OUTSIDE, live(stack)) == {"temporal-server": "docker.io/temporalio/server:1.33.0"}


def test_an_image_of_two_containers_is_pulled_once() -> None:
    stack = attempt("shop")
    settings = OUTSIDE.model_copy(update={"ui_image": IMAGE})
    update = stack.model_copy(update={"request": stack.request.model_copy(update={"images": dict.fromkeys(stack.request.images, IMAGE)})})
    assert new_images(update, settings, live(stack)) == {"temporal-ui": IMAGE}


def test_nothing_selects_the_pod_and_its_command_is_of_no_image() -> None:
    pod = to_dict(image_check_pod(attempt("shop", generation=8), OUTSIDE, {"python-worker": IMAGE}))
    labels = pod["metadata"]["labels"].items()
    selectors = [obj["spec"]["selector"] for obj in plain("shop-workloads") if obj["kind"] in {"Service", "Deployment"}]
    assert len(selectors) == 4
    assert not [selector for selector in selectors if selector.get("matchLabels", selector).items() <= labels]
    ingress = [obj for obj in plain("shop-claim") if obj["kind"] == "NetworkPolicy" and "ingress" in obj["spec"]]
    assert ingress
    assert not [policy for policy in ingress if policy["spec"]["podSelector"]["matchLabels"].items() <= labels]
    assert [container["command"] for container in pod["spec"]["containers"]] == [["/proc/image-check"]]


def pod(*states: Json, phase: str = "Pending") -> Json:
    """A pod with one container for each state, as the kubelet tells of them."""
    names = [f"c{number}" for number in range(len(states))]
    statuses = [{"name": name, "imageID": "", "restartCount": 0, **state} for name, state in zip(names, states, strict=True)]
    began = SINCE.replace(microsecond=0).isoformat()
    return {
        "metadata": {"name": NAME, "creationTimestamp": began},
        "spec": {"containers": [{"name": name, "image": IMAGE} for name in names]},
        "status": {"phase": phase, "startTime": began, "containerStatuses": statuses},
    }


def waits(reason: str, message: str = "") -> Json:
    return {"state": {"waiting": {"reason": reason, "message": message}}}


PULLED = {"imageID": "sha256:1f", "state": {"terminated": {"reason": "StartError", "exitCode": 128, "message": "no such file"}}}
ENDED_BEFORE = {"state": {"terminated": {"reason": "ContainerStatusUnknown", "exitCode": 137}}}


def judged(pod: Json, seconds: float = 2, events: tuple[Json, ...] = ()) -> Judgement:
    snapshot = Snapshot(since=SINCE, deployments=[], replica_sets=[], pods=[pod], events=events)
    return judge_pulls(snapshot, pod, SINCE + timedelta(seconds=seconds))


@pytest.mark.parametrize("reason", ["RunContainerError", "CreateContainerError", "CreateContainerConfigError"])
def test_a_container_that_fails_after_its_image_was_pulled_has_it(reason: str) -> None:
    assert judged(pod(waits(reason, "exec: no such file or directory"))) == Ready()


def test_a_container_that_could_not_be_started_has_its_image() -> None:
    assert judged(pod(PULLED, PULLED, phase="Failed")) == Ready()


def test_one_image_that_is_still_being_pulled_is_waited_for() -> None:
    judgement = judged(pod(PULLED, waits("ContainerCreating")), seconds=200)
    assert judgement == Waiting(f"image {IMAGE} is being pulled (ContainerCreating)")


def test_a_pod_of_which_nothing_is_told_yet_is_waited_for() -> None:
    assert isinstance(judged(pod() | {"spec": {"containers": [{"name": "c0", "image": IMAGE}]}}), Waiting)


def test_a_pod_that_was_evicted_before_its_pull_has_no_image() -> None:
    assert isinstance(judged(pod(ENDED_BEFORE, phase="Failed")), Waiting)


@pytest.mark.parametrize("reason", ["ErrImageNeverPull", "ImageInspectError"])
def test_an_image_that_is_not_pulled_at_all_is_told_at_once(reason: str) -> None:
    judgement = judged(pod(PULLED, waits(reason)))
    assert isinstance(judgement, Diagnosis)
    assert (judgement.category, judgement.object) == (Category.IMAGE, f"Pod {NAME} container c1")
    assert IMAGE in judgement.summary


def test_a_name_that_is_no_image_is_told_at_once() -> None:
    judgement = judged(pod(waits("InvalidImageName")))
    assert isinstance(judgement, Diagnosis)
    assert judgement.category is Category.IMAGE_NAME


def failed_pulls(count: int, answer: str) -> tuple[Json, ...]:
    involved = {"name": NAME, "fieldPath": "spec.containers{c0}"}
    time = (SINCE + timedelta(seconds=1)).isoformat()
    message = f'Failed to pull image "{IMAGE}": {answer}'
    return ({"reason": "Failed", "message": message, "count": count, "involvedObject": involved, "lastTimestamp": time, "metadata": {}},)


@pytest.mark.parametrize(
    ("tries", "answer", "is_told"),
    [(1, "i/o timeout", False), (2, "i/o timeout", True), (1, "manifest unknown", True)],
)
def test_a_failing_pull_is_told_with_the_patience_of_a_rollout(tries: int, answer: str, is_told: bool) -> None:
    judgement = judged(pod(waits("ErrImagePull", answer)), events=failed_pulls(tries, answer))
    assert isinstance(judgement, Diagnosis if is_told else Waiting)


def test_a_pod_without_a_node_is_told_after_a_minute() -> None:
    unplaced = pod()
    unplaced["status"]["conditions"] = [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]
    waiting = judged(unplaced)
    assert isinstance(waiting, Waiting)
    assert "0/1 nodes" in waiting.reason
    judgement = judged(unplaced, seconds=61)
    assert isinstance(judgement, Diagnosis)
    assert judgement.category is Category.UNSCHEDULABLE


def test_when_the_time_is_up_the_image_that_was_waited_for_is_told() -> None:
    diagnosis = pulls_out_of_time(pod(PULLED, waits("ContainerCreating")), timedelta(minutes=7))
    assert diagnosis.category is Category.DEADLINE
    assert IMAGE in diagnosis.detail
    assert pulls_out_of_time(None, timedelta(minutes=7)).detail


def test_a_pod_that_the_quota_does_not_let_in_is_told_unless_others_are_leaving() -> None:
    message = 'pods "image-check-8" is forbidden: exceeded quota: tight, requested: requests.memory=16Mi'
    diagnosis = known_refusal(message, "Pod image-check-8")
    assert diagnosis is not None
    assert (diagnosis.category, diagnosis.object) == (Category.QUOTA, "Pod image-check-8")
    assert not is_room_made(message, [pod()])
    assert is_room_made(message, [{"metadata": {"name": "old", "deletionTimestamp": "2026-05-04T12:00:00Z"}}])
    assert known_refusal("who knows", "Pod image-check-8") is None
