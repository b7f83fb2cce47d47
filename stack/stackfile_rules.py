"""Rules of the stack file that no single value shows: what must fit together, and what Kubernetes would refuse minutes later."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from pathlib import PurePosixPath
from typing import Final

from stack.hosts import host_problem, template_problem
from stack.names import FRONTEND_PORT, SERVER_CONTAINER, UI_CONTAINER, UI_PORT, WORKER_CONTAINER
from stack.quantities import number, unit
from stack.stackfile import Process, SecretsSource, StackFile
from stack.yaml_lines import Path

RESERVED_CONTAINERS: Final = (SERVER_CONTAINER, UI_CONTAINER, WORKER_CONTAINER)
OWN_VARIABLES: Final = {
    "TEMPORAL_SERVER_ADDRESS": "it is the preview's own Temporal, or the address that the secrets give",
    "PREVIEW_PR": "it is the number of the pull request",
    "PREVIEW_COMMIT": "it is the commit that runs",
}
"""Variables that the product sets in the app's containers; an `env` entry would be dropped, so it is refused."""

SMALLEST_MEMORY: Final = 4 * 1024**2
"""Bytes. Less starts no process, and is a unit forgotten: `256` are 256 bytes."""
LONGEST_TTL: Final = timedelta(days=90)
LONGEST_DEADLINE: Final = timedelta(hours=1)
SYSTEM_FOLDERS: Final = ("/proc", "/sys", "/dev")


@dataclass(frozen=True)
class Finding:
    """One problem: where it is, what it is, and which other places it was concluded from."""

    path: Path
    text: str
    also: tuple[Path, ...] = ()


def findings(stack: StackFile, namespace_template: str) -> Iterator[Finding]:
    """All problems of a stack file that is well-formed."""
    yield from _names_of_the_installation(stack, namespace_template)
    yield from chain.from_iterable(rule(stack) for rule in RULES)


def _names_of_the_installation(stack: StackFile, namespace_template: str) -> Iterator[Finding]:
    if problem := template_problem(namespace_template, stack.app):
        yield Finding(("app",), problem)


def _processes(stack: StackFile) -> Iterator[tuple[Path, Process]]:
    for position, container in enumerate(stack.webapp.containers):
        yield ("webapp", "containers", position), container
    yield ("temporal", "worker"), stack.temporal.worker


def _host(stack: StackFile) -> Iterator[Finding]:
    if problem := host_problem(stack.host, stack.app):
        yield Finding(("host",), f"`{stack.host}` cannot be used: {problem}", (("app",),))


def _container_names(stack: StackFile) -> Iterator[Finding]:
    names = [container.name for container in stack.webapp.containers]
    for position, name in enumerate(names):
        place: Path = ("webapp", "containers", position, "name")
        if name in RESERVED_CONTAINERS:
            yield Finding(place, f"`{name}` is a container of the temporal pod; choose another name")
        elif name in names[:position]:
            yield Finding(place, f"`{name}` is the name of two containers; every container needs a name of its own")


def _images(stack: StackFile) -> Iterator[Finding]:
    for path, process in _processes(stack):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", process.image):
            remedy = "; write a name here and give the reference by --image NAME=REF" if re.search("[:/@]", process.image) else ""
            yield Finding((*path, "image"), f"`{process.image[:60]}` is not a name of letters, digits, dots and dashes{remedy}")


def _public_port(stack: StackFile) -> Iterator[Finding]:
    names = [container.name for container in stack.webapp.containers]
    with_port = [container.name for container in stack.webapp.containers if container.port]
    public, place = stack.webapp.public, ("webapp", "public")
    also: tuple[Path, ...] = (("webapp", "containers"),)
    if public and public not in names:
        yield Finding(place, f"there is no container `{public}`; the containers are: {', '.join(names)}", also)
    elif public and public not in with_port:
        yield Finding(place, f"container `{public}` has no port; give it a `port`", also)
    elif not with_port:
        yield Finding(("webapp", "containers"), "no container has a port; give the one that serves the page a `port`")
    elif not public and len(with_port) > 1:
        yield Finding(place, f"{' and '.join(with_port)} have a port; say which one is public, such as `public: {with_port[0]}`", also)


def _ports(stack: StackFile) -> Iterator[Finding]:
    """Containers of one pod share its ports."""
    ports = [container.port for container in stack.webapp.containers]
    for position, port in enumerate(ports):
        if port and port in ports[:position]:
            text = f"{port} is the port of two containers, which share one address; give each its own"
            yield Finding(("webapp", "containers", position, "port"), text)
    readiness = stack.temporal.worker.readiness
    if readiness and readiness.port in {FRONTEND_PORT, UI_PORT}:
        text = f"{readiness.port} is the port of another container of the temporal pod; use another one"
        yield Finding(("temporal", "worker", "readiness", "port"), text)


def _readiness(stack: StackFile) -> Iterator[Finding]:
    for path, process in _processes(stack):
        if not (readiness := process.readiness):
            continue
        place = (*path, "readiness")
        if (readiness.path is None) == (readiness.command is None):
            yield Finding(place, "needs exactly one of `path` (an HTTP request) and `command`")
        elif readiness.path and not (readiness.port or getattr(process, "port", None)):
            yield Finding((*place, "path"), "a path needs a port: write `port:` beside it", ((*path, "port"), (*place, "port")))
        elif readiness.command and readiness.port:
            yield Finding((*place, "port"), "a `command` uses no port; remove it")
        elif readiness.command == ():
            yield Finding((*place, "command"), "is empty; write a list of words, such as [test, -f, /tmp/ready]")
        if not timedelta(0) < readiness.deadline <= LONGEST_DEADLINE:
            yield Finding((*place, "deadline"), "must be longer than 0s and at most 1h")


def _environment(stack: StackFile) -> Iterator[Finding]:
    own = dict(OWN_VARIABLES)
    if stack.database.app:
        own[stack.database.url_variable] = "it is the address of the app's database (`database.urlVariable` names it)"
    required = set(stack.secrets.required) if stack.secrets else set()
    for path, process in _processes(stack):
        for name in process.env:
            if name in own:
                yield Finding((*path, "env", name), f"is set by the preview itself: {own[name]}; remove it here")
            elif name in required:
                yield Finding((*path, "env", name), "is also in `secrets.required`; a variable can come from one place only")
    if stack.database.app and stack.database.url_variable in OWN_VARIABLES:
        yield Finding(("database", "urlVariable"), f"`{stack.database.url_variable}` is set to something else; choose another name")


def _source_of_secrets(stack: StackFile) -> Iterator[Finding]:
    if stack.secrets is None:
        return
    yield from _one_source(("secrets",), stack.secrets)
    if forks := stack.secrets.forks:
        yield from _one_source(("secrets", "forks"), forks)
        if forks.source == stack.secrets.source:
            yield Finding(("secrets", "forks"), f"is the {forks.source}, the team's own; name one whose values strangers may have")


def _one_source(place: Path, secrets: SecretsSource) -> Iterator[Finding]:
    named = [key for key in SecretsSource.model_fields if getattr(secrets, key) is not None]
    if not named:
        text = "names no source; write one of `doppler: {project: NAME, config: NAME}`, `file: NAME` and `secret: NAME`"
        yield Finding(place, text)
    for key in named[1:]:
        yield Finding((*place, key), f"`{named[0]}` is there as well; secrets come from one source only, so remove one")


def _writable_folders(stack: StackFile) -> Iterator[Finding]:
    mounts = [stack.secrets.path] if stack.secrets and stack.secrets.as_ == "files" else []
    for path, process in _processes(stack):
        for position, folder in enumerate(process.writable):
            place: Path = (*path, "writable", position)
            if problem := _folder_problem(folder):
                yield Finding(place, problem)
            for other in (*process.writable[:position], *mounts):
                if _inside(folder, other) or _inside(other, folder):
                    yield Finding(place, f"`{folder}` and `{other}` lie inside one another; keep the outer one", (("secrets", "path"),))
    for folder in mounts:
        if problem := _folder_problem(folder):
            yield Finding(("secrets", "path"), problem)


def _folder_problem(folder: str) -> str:
    if not folder.strip("/"):
        return "the whole root cannot be covered by an empty folder; name the folders, such as /tmp"
    if {".", ".."} & set(folder.split("/")) or "//" in folder:
        return f"`{folder}` must be written without `.`, `..` and `//`"
    if any(_inside(folder, system) for system in SYSTEM_FOLDERS):
        return f"`{folder}` belongs to the system; choose another folder"
    return ""


def _inside(folder: str, other: str) -> bool:
    return PurePosixPath(folder).is_relative_to(PurePosixPath(other))


def _quantities(stack: StackFile) -> Iterator[Finding]:
    places = [((*path, "resources"), process.resources.memory, process.resources.cpu) for path, process in _processes(stack)]
    for path, memory, cpu in [*places, (("quota",), stack.quota.memory, stack.quota.cpu)]:
        if unit(memory) == "m" or number(memory) < SMALLEST_MEMORY:
            yield Finding((*path, "memory"), f"`{memory}` is less than 4Mi; memory is in bytes, so write a unit such as 256Mi")
        if unit(cpu) not in {"", "m"}:
            yield Finding((*path, "cpu"), f'`{cpu}` is not an amount of CPU; write 250m for a quarter of a core, or "1"')
        elif number(cpu) * 1000 % 1 or not number(cpu):
            yield Finding((*path, "cpu"), f"`{cpu}` must be a multiple of 1m (a thousandth of a core) and not 0")


def _sum_within_quota(stack: StackFile) -> Iterator[Finding]:
    """Only what can never fit: our own containers and an update's second pod are counted by the quota itself."""
    resources = [process.resources for _, process in _processes(stack)]
    yield from _sum(stack.quota.memory, [each.memory for each in resources], "memory", {"m"})
    yield from _sum(stack.quota.cpu, [each.cpu for each in resources], "cpu", set("kMGT") | {"Ki", "Mi", "Gi", "Ti"})


def _sum(quota: str, amounts: list[str], key: str, wrong_units: set[str]) -> Iterator[Finding]:
    if {unit(quota), *map(unit, amounts)} & wrong_units or sum(map(number, amounts)) <= number(quota):
        return
    text = f"`{quota}` is less than the app's containers ask for together; raise it or lower theirs"
    yield Finding(("quota", key), text, (("webapp", "containers"), ("temporal", "worker")))


def _lifetimes(stack: StackFile) -> Iterator[Finding]:
    if not timedelta(0) < stack.ttl <= LONGEST_TTL:
        yield Finding(("ttl",), "must be longer than 0s and at most 90d")
    if not timedelta(0) < stack.failed_ttl <= LONGEST_TTL:
        yield Finding(("failedTtl",), "must be longer than 0s and at most 90d")
    elif stack.failed_ttl > stack.ttl > timedelta(0) and "failed_ttl" in stack.model_fields_set:
        yield Finding(("failedTtl",), "must not be longer than `ttl`: a failed preview is kept only to be looked at", (("ttl",),))


def _task_queues(stack: StackFile) -> Iterator[Finding]:
    worker = stack.temporal.worker
    for position, queue in enumerate(worker.task_queues):
        if queue in worker.task_queues[:position]:
            yield Finding(("temporal", "worker", "taskQueues", position), f"`{queue}` is in the list twice; keep one")
    if worker.smoke and worker.smoke.task_queue not in worker.task_queues:
        text = f"`{worker.smoke.task_queue}` is not one of the worker's taskQueues ({', '.join(worker.task_queues)})"
        yield Finding(("temporal", "worker", "smoke", "taskQueue"), text, (("temporal", "worker", "taskQueues"),))


RULES: Final[tuple[Callable[[StackFile], Iterator[Finding]], ...]] = (
    _host,
    _container_names,
    _images,
    _public_port,
    _ports,
    _readiness,
    _environment,
    _source_of_secrets,
    _writable_folders,
    _quantities,
    _sum_within_quota,
    _lifetimes,
    _task_queues,
)
