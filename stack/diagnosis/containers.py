"""Rules about one container that is not ready: its image, its configuration, its memory, its database, its crashes, its probe."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stack.diagnosis.database import database_error
from stack.diagnosis.snapshot import Part, Snapshot, condition, event_count, name_of, time_of
from stack.diagnosis.words import detail, exit_words
from stack.errors import cut
from stack.models import Category, Diagnosis
from stack.names import TEMPORAL

PULL_FAILED: Final = {"ErrImagePull", "ImagePullBackOff", "RegistryUnavailable"}
IMAGE_UNUSABLE: Final = {"ErrImageNeverPull", "ImageInspectError", "SignatureValidationFailed"}
PULL_IS_POINTLESS: Final = re.compile(
    r"(?i)not.?found|manifest unknown|does not exist|pull access denied|unauthorized|forbidden|\b40[134]\b"
    r"|x509|HTTP response to HTTPS client|no match for platform|invalid reference"
    r"|dial tcp (127\.[\d.]+|\[::1\]):\d+: connect: connection refused"
)
"""Answers that the next try will give again: the registry's, or that of a node which has no registry (then loopback is named in its
stead). Everything else (a timeout, a 503, a closed port, a name that does not resolve) must be seen twice."""
NO_ACCESS: Final = re.compile(r"(?i)pull access denied|unauthorized|authoriz|authentication|forbidden|no basic auth|\b40[13]\b")
PULL_PATIENCE: Final = timedelta(seconds=30)
"""Three tries: after it a failing pull counts even if its events are lost."""
NOT_SYNCED_YET: Final = re.compile(r"(?i)failed to sync (secret|configmap) cache")
"""The kubelet's own watch is late, which says nothing about the Secret: it tries again."""
CREATE_PATIENCE: Final = timedelta(seconds=30)
"""The runtime's own errors (a name still in use, a slow disk) pass within a few tries."""
START_IS_POINTLESS: Final = re.compile(
    r"(?i)executable file not found|no such file or directory|permission denied|exec format error|not a directory"
)
CRASHES: Final = 3
"""Ends of a container after which it is said to crash. The kubelet restarts at once, then after 10 s: the third end comes some 12 s on."""
CRASH_PATIENCE: Final = timedelta(seconds=12)
"""So long a program may crash until what it needs is there, however fast the kubelet restarts it."""
TEMPORAL_PATIENCE: Final = timedelta(seconds=35)
"""So long a webapp may end because its Temporal is not there yet. Its third end comes after some 13 s, the fourth after 34 s."""
CONNECTION_PATIENCE: Final = timedelta(seconds=5)
"""So long an address may be closed to a new pod: network policies take a moment to reach the node. A program that began within it tells
nothing about the database. The kubelet starts a container again at once, so the first two ends are of such programs."""
GOES_ON_TRYING: Final = timedelta(seconds=10)
"""So long a program may run and tell of a refusal by the database before that is why it is not ready."""
FIRST_BACK_OFF: Final = re.compile(r"back-off ([1-9]|10)s ")
"""The kubelet's is 10 s and doubles; it may have been told to begin with less, or to let it grow no longer than this."""
LOOPS: Final = timedelta(seconds=25)
"""A kept pod whose back-off is still the first one after so long has a kubelet whose back-off does not grow."""
DEFAULT_DEADLINE: Final = timedelta(minutes=2)


@dataclass(frozen=True)
class Case:
    """What is judged, and when."""

    snapshot: Snapshot
    now: datetime

    def log(self, part: Part) -> str:
        return self.snapshot.logs.get((name_of(part.pod), part.name)) or str(part.ended.get("message", ""))

    def pod_began(self, part: Part) -> datetime:
        """When the pod began to try in this attempt."""
        began = time_of(part.pod.get("status", {}).get("startTime")) or time_of(part.pod["metadata"].get("creationTimestamp"))
        return max(began or self.snapshot.since, self.snapshot.since)

    def pod_age(self, part: Part) -> timedelta:
        """How long the pod has been trying in this attempt."""
        return self.now - self.pod_began(part)

    def ended_life_began(self, part: Part) -> timedelta:
        """How long after the pod the program began that ended last; negative if it is of an earlier attempt."""
        began = time_of(part.ended.get("startedAt")) or time_of(part.ended.get("finishedAt"))
        return (began or self.now) - self.pod_began(part)

    def ended_now(self, part: Part) -> bool:
        """Whether the last end belongs to this attempt; a pod that was kept may have an older one."""
        finished = time_of(part.ended.get("finishedAt"))
        return bool(part.ended) and (finished is None or finished >= self.snapshot.start)

    def ends(self, part: Part) -> int:
        """How often the container has ended in this attempt. A kept pod has restarts of old, so there the kubelet's back-off tells."""
        if not self.ended_now(part):
            return 0
        made = time_of(part.pod["metadata"].get("creationTimestamp"))
        if made is None or made >= self.snapshot.start:
            return part.ends
        if part.reason != "CrashLoopBackOff":
            return 1
        return 2 if FIRST_BACK_OFF.search(part.message) and self.pod_age(part) < LOOPS else CRASHES


def image_name_invalid(_case: Case, part: Part) -> Diagnosis | None:
    if part.reason != "InvalidImageName":
        return None
    return Diagnosis(
        category=Category.IMAGE_NAME,
        object=part.label,
        summary=f"`{part.image}` is not a valid image reference.",
        detail=detail(part.message),
        resolution="Correct the reference given by --image.",
    )


def image_unusable(_case: Case, part: Part) -> Diagnosis | None:
    if part.reason not in IMAGE_UNUSABLE:
        return None
    return Diagnosis(
        category=Category.IMAGE,
        object=part.label,
        summary=f"The node has no usable image {part.image} and does not pull it ({part.reason}).",
        detail=detail(part.message),
        resolution="Load the image onto the node, or let it be pulled (PREVIEWS_IMAGE_PULL_POLICY).",
    )


def image_not_pulled(case: Case, part: Part) -> Diagnosis | None:
    if part.reason not in PULL_FAILED:
        return None
    tries = case.snapshot.events_of(name_of(part.pod), "Failed", part.name)
    failed = [event for event in tries if event.get("message", "").startswith("Failed to pull image")]
    answer = failed[-1]["message"] if failed else part.message
    if not (
        PULL_IS_POINTLESS.search(_answer_only(answer, part.image))
        or sum(map(event_count, failed)) >= 2
        or case.pod_age(part) > PULL_PATIENCE
    ):
        return None
    return Diagnosis(
        category=Category.IMAGE,
        object=part.label,
        summary=f"The image {part.image} cannot be pulled.",
        detail=detail(answer),
        resolution=_pull_remedy(_answer_only(answer, part.image)),
    )


IMAGE_RULES: Final[tuple[Callable[[Case, Part], Diagnosis | None], ...]] = (image_name_invalid, image_unusable, image_not_pulled)
"""Why a container has no image, in a stack that rolls out and in a pod that only pulls."""


def _pull_remedy(answer: str) -> str:
    """The registry says which of the two it is; some say of an image that may not be read that there is none."""
    if NO_ACCESS.search(answer):
        return "Let the nodes read from this registry (PREVIEWS_REGISTRY_CREDENTIALS_FILE), or check that its credentials are still valid."
    return "Check that the image was pushed under this name and tag, and that the cluster may read from its registry."


def _answer_only(message: str, image: str) -> str:
    """Without the image's own name, which may well contain `404`."""
    return message.replace(image, "")


def configuration_missing(_case: Case, part: Part) -> Diagnosis | None:
    """A Secret, a ConfigMap or a key that is not there, or a user that Pod Security does not let in."""
    if part.reason != "CreateContainerConfigError" or NOT_SYNCED_YET.search(part.message):
        return None
    secret = "secret" in part.message.lower()
    remedy = "Add the key to the source of the secrets, or take it out of the stack file."
    return Diagnosis(
        category=Category.SECRET_KEY if secret else Category.CONFIGURATION,
        object=part.label,
        summary=f"The container cannot be configured: {cut(part.message, 120) or 'the cluster gives no reason'}.",
        detail=detail(part.message),
        resolution=remedy if secret else "Correct what the message names; the image must run as the `user` of the stack file.",
    )


def container_not_created(case: Case, part: Part) -> Diagnosis | None:
    if part.reason != "CreateContainerError" or case.pod_age(part) <= CREATE_PATIENCE:
        return None
    return Diagnosis(
        category=Category.CONFIGURATION,
        object=part.label,
        summary="The container runtime cannot make the container.",
        detail=detail(part.message),
        resolution="Correct what the message names; a missing `command` is the usual cause.",
    )


def command_not_startable(case: Case, part: Part) -> Diagnosis | None:
    message = part.message if part.reason == "RunContainerError" else str(part.ended.get("message", ""))
    if part.reason != "RunContainerError" and part.ended.get("reason") not in {"StartError", "ContainerCannotRun"}:
        return None
    if not (START_IS_POINTLESS.search(message) or case.ends(part) >= CRASHES):
        return None
    return Diagnosis(
        category=Category.CRASH,
        object=part.label,
        summary="The command cannot be started.",
        detail=detail(message),
        resolution="Correct `command` or `workingDir` in the stack file, or put the program into the image.",
    )


def out_of_memory(case: Case, part: Part) -> Diagnosis | None:
    if part.ended.get("reason") != "OOMKilled" or not case.ended_now(part):
        return None
    limits = [c.get("resources", {}).get("limits", {}) for c in part.pod["spec"].get("containers", ()) if c["name"] == part.name]
    limit = limits[0].get("memory") if limits else None
    return Diagnosis(
        category=Category.MEMORY,
        object=part.label,
        summary=f"The container was killed because it used more memory than its limit{f' of {limit}' if limit else ''}.",
        detail=detail("", case.log(part)),
        resolution="Raise `resources.memory` of this container in the stack file, or let the program use less.",
    )


def database_refused(case: Case, part: Part) -> Diagnosis | None:
    """A container that ended, or keeps running without being ready, because PostgreSQL does not let it in."""
    if not (error := database_error(case.log(part))) or not _database_was_the_end(case, part, final=error.final):
        return None
    return Diagnosis(
        category=Category.DATABASE,
        object=part.label,
        summary=f"The database refused the container: {cut(detail(error.line), 160)}",
        detail=detail("", case.log(part)),
        resolution="Check that PostgreSQL runs, is reachable from pods at this address, and knows this role and database.",
    )


def _database_was_the_end(case: Case, part: Part, *, final: bool) -> bool:
    """A wrong password ends it for good; a closed address or a server that starts up must end it again when the pod is no longer new.

    Of a container that ended in an earlier attempt the log is either that of the life before, or of one that was ready for long.
    """
    if ends := case.ends(part):
        return final or (ends >= 2 and case.ended_life_began(part) >= CONNECTION_PATIENCE)
    if part.ended or part.running_since is None or part.running_since < case.snapshot.start:
        return False
    return final and case.now - part.running_since >= GOES_ON_TRYING


def killed_by_probe(case: Case, part: Part) -> Diagnosis | None:
    """The kubelet restarts a container whose startup or liveness probe fails: that is no crash of its own."""
    killed = [event for event in case.snapshot.events_of(name_of(part.pod), "Killing", part.name) if "probe" in event.get("message", "")]
    if not killed or not part.ended or not case.ended_now(part):
        return None
    return _probe_diagnosis(case, part, f"The kubelet restarted the container: {cut(killed[-1]['message'], 120)}.")


def crashed(case: Case, part: Part) -> Diagnosis | None:
    if (ends := case.ends(part)) < CRASHES or case.pod_age(part) < CRASH_PATIENCE or _may_have_missed_temporal(case, part):
        return None
    return Diagnosis(
        category=Category.CRASH,
        object=part.label,
        summary=f"The container has ended {ends} times; it {exit_words(int(part.ended.get('exitCode', -1)))}.",
        detail=detail("", case.log(part)),
        resolution="Read the last lines of the log, and run the image with the same command and environment.",
    )


def _may_have_missed_temporal(case: Case, part: Part) -> bool:
    """Whether the webapp's program that ended last began before its Temporal was ready. What is wrong there has a rule of its own."""
    temporal = next((each for each in case.snapshot.deployments if name_of(each) == TEMPORAL), None)
    if temporal is None or case.pod_age(part) >= TEMPORAL_PATIENCE or part.pod in case.snapshot.live_pods(temporal):
        return False
    if not temporal.get("status", {}).get("availableReplicas"):
        return True
    ready_at = time_of(condition(temporal, "Available").get("lastTransitionTime"))
    return ready_at is not None and case.pod_began(part) + case.ended_life_began(part) < ready_at


def probe_never_passed(case: Case, part: Part) -> Diagnosis | None:
    if not (running_since := part.running_since):
        return None
    began = case.now - case.pod_age(part) if part.ends else max(running_since, case.snapshot.since)
    deadline = case.snapshot.deadlines.get(part.name, DEFAULT_DEADLINE)
    if case.now - began <= deadline:
        return None
    return _probe_diagnosis(case, part, f"The container runs, but was not ready within {deadline.total_seconds():.0f} s.")


def _probe_diagnosis(case: Case, part: Part, summary: str) -> Diagnosis:
    said = case.snapshot.events_of(name_of(part.pod), "Unhealthy", part.name)
    return Diagnosis(
        category=Category.PROBE,
        object=part.label,
        summary=summary,
        detail=detail(said[-1].get("message", "") if said else "", case.log(part)),
        resolution="Let the program answer its readiness probe, or correct `readiness` (path, port, deadline) in the stack file.",
    )
