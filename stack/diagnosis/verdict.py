"""The judgement: ready, waiting for something, or a diagnosis.

Call it whenever something changed and at least every second: some rules only need time to pass. A rule gives a diagnosis only for what
waiting cannot heal, so the first one is final; their order is from causes to consequences.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from stack.diagnosis import containers, placement
from stack.diagnosis.containers import Case
from stack.diagnosis.rollout import unfinished
from stack.diagnosis.snapshot import Object, Part, Snapshot, name_of, parts
from stack.diagnosis.words import detail
from stack.models import Category, Diagnosis


@dataclass(frozen=True)
class Ready:
    """Both Deployments have rolled out and their pods are ready."""


@dataclass(frozen=True)
class Waiting:
    """Not ready, and nothing says that it will not be."""

    reason: str
    """A sentence about what is waited for."""


Judgement = Ready | Waiting | Diagnosis
OF_AN_ABSENT_DATABASE: Final = {Category.DATABASE, Category.CRASH, Category.PROBE, Category.DEADLINE}
"""What a stack that is well may look like while the shared PostgreSQL is away."""
DATABASE_AWAY: Final = Waiting("PostgreSQL does not answer; what is there goes on when it does")
Rule = Callable[[Case], Diagnosis | None]


def judge(snapshot: Snapshot, now: datetime) -> Judgement:
    """Says whether the stack is ready, or why it never will be, or what is waited for."""
    case = Case(snapshot, now)
    for rule in RULES:
        if diagnosis := rule(case):
            return diagnosis
    waited_for = unfinished(case)
    return Waiting(waited_for) if waited_for else Ready()


def needs_logs(snapshot: Snapshot) -> list[tuple[str, str, bool]]:
    """(pod, container, previous) of the logs that matter: of containers that ended, or run without being ready."""
    return [(name_of(part.pod), part.name, part.ended_before) for part in _unready_parts(snapshot) if part.ended or part.running_since]


def out_of_time(snapshot: Snapshot, now: datetime, limit: timedelta) -> Diagnosis:
    """The diagnosis when a stack was only ever waited for, and the caller's own time limit is over."""
    case = Case(snapshot, now)
    logs = [(part, case.log(part)) for part in _unready_parts(snapshot) if case.log(part)]
    part, log = logs[0] if logs else (None, "")
    return Diagnosis(
        category=Category.DEADLINE,
        object=part.label if part else "Namespace",
        summary=f"The stack was not ready within {limit.total_seconds():.0f} s.",
        detail=detail(unfinished(case), log),
        resolution="Look at what it was waiting for; deploy again when the cause is gone.",
    )


def _unready_parts(snapshot: Snapshot) -> Iterator[Part]:
    for deployment in snapshot.in_order():
        for pod in snapshot.live_pods(deployment):
            yield from (part for part in parts(pod) if not part.is_ready)


def _each_container(rule: Callable[[Case, Part], Diagnosis | None]) -> Rule:
    return lambda case: next((found for part in _unready_parts(case.snapshot) if (found := rule(case, part))), None)


def _each_pod(rule: Callable[[Case, Object], Diagnosis | None]) -> Rule:
    def first(case: Case) -> Diagnosis | None:
        pods = [pod for deployment in case.snapshot.in_order() for pod in case.snapshot.live_pods(deployment)]
        return next((found for pod in pods if (found := rule(case, pod))), None)

    return first


def _each_deployment(rule: Callable[[Case, Object], Diagnosis | None]) -> Rule:
    return lambda case: next((found for deployment in case.snapshot.in_order() if (found := rule(case, deployment))), None)


RULES: Final[tuple[Rule, ...]] = (
    _each_deployment(placement.pod_refused),
    *map(_each_container, containers.IMAGE_RULES),
    _each_container(containers.configuration_missing),
    _each_pod(placement.volume_missing),
    _each_container(containers.command_not_startable),
    _each_container(containers.container_not_created),
    _each_container(containers.out_of_memory),
    _each_container(containers.database_refused),
    _each_container(containers.killed_by_probe),
    _each_container(containers.crashed),
    _each_deployment(placement.pods_fail),
    _each_pod(placement.node_lost),
    _each_pod(placement.unschedulable),
    _each_container(containers.probe_never_passed),
    _each_deployment(placement.progress_deadline),
)
