"""What is wrong with one value of a stack file, in words: what is there, what is expected, what was probably meant."""

import difflib
from typing import Any, Final, get_args

from pydantic import BaseModel

from stack.errors import cut
from stack.stackfile import StackFile
from stack.yaml_lines import Document, Path

EXPECTED: Final = {
    "app": "a lower-case name of letters, digits and dashes that begins with a letter, at most 40 characters",
    "name": "a lower-case name of letters, digits and dashes that begins with a letter, at most 40 characters",
    "public": "the name of the container whose port is public",
    "host": "a host name with {pr} in it, such as pr-{pr}.preview.example.com, at most 200 characters",
    "webapp": "a mapping with `containers`",
    "containers": "a list of one to eight containers, each with at least `name` and `image`",
    "image": "the NAME of one of the images given by --image NAME=REF",
    "command": "a list of words, such as [python, app.py]",
    "workingDir": "an absolute path without a colon, such as /app",
    "path": "an absolute path, such as /api/health",
    "writable": "a list of absolute paths without a colon, such as [/tmp]",
    "env": "names (letters, digits, underscores) with text values of at most 8192 characters; numbers and true/false need quotes",
    "port": "a whole number from 1024 to 65535 (containers run without privileges and cannot use lower ones)",
    "readiness": "a mapping with `path` or `command`",
    "deadline": "a duration with a unit, such as 90s or 2m",
    "ttl": "a duration with a unit, such as 72h or 3d",
    "failedTtl": "a duration with a unit, such as 1h",
    "resources": "a mapping with `memory` and `cpu`",
    "quota": "a mapping with `memory`, `cpu` and `pods`",
    "memory": "a quantity as text, such as 256Mi or 1Gi",
    "cpu": 'a quantity as text, such as 50m or "1" in quotes',
    "pods": "a whole number from 2 to 50",
    "user": "a whole number from 1 to 2147483647 (0 is root, which Pod Security refuses)",
    "temporal": "a mapping with `server` and `worker`",
    "server": 'a version in quotes, such as "1.32.2"',
    "worker": "a mapping with at least `image` and `taskQueues`",
    "taskQueues": "a list of 1 to 16 names of task queues, such as [default]",
    "taskQueue": "the name of one of the worker's task queues",
    "smoke": "a mapping with `workflow` and `taskQueue`",
    "workflow": "the name of a workflow type, at most 200 characters",
    "database": "a mapping such as {app: true, connections: 5}",
    "connections": "a whole number from 1 to 100",
    "urlVariable": "the name of an environment variable: letters, digits and underscores",
    "secrets": "a mapping such as {doppler: {project: shop, config: preview}, as: env}",
    "doppler": "a mapping with `project` and `config`",
    "project": "the name of a project in Doppler: letters, digits, dashes and underscores",
    "config": "the name of a config in Doppler: letters, digits, dashes and underscores",
    "secret": "the name of a Secret in the deployer's own namespace: lower-case letters, digits, dots and dashes",
    "file": "the name of an env file (no path) of letters, digits, dots, dashes and underscores",
    "as": "env or files",
    "forks": "a mapping with one source, such as {file: forks.env}",
    "required": "a list of names of environment variables: letters, digits and underscores",
    "network": "a mapping such as {internet: true}",
    "internet": "true or false",
}
"""Key of the stack file → what a value must be like. A test holds it against the models."""
POWERS: Final = {
    "allowPrivilegeEscalation",
    "capabilities",
    "hostAliases",
    "hostIPC",
    "hostNetwork",
    "hostPID",
    "hostPath",
    "hostPort",
    "hostUsers",
    "namespace",
    "nodeName",
    "nodeSelector",
    "privileged",
    "procMount",
    "runAsRoot",
    "runAsUser",
    "securityContext",
    "serviceAccount",
    "serviceAccountName",
    "tolerations",
    "volumeMounts",
    "volumes",
}
"""Kubernetes' words for more than a preview has. Each is an unknown key; whoever writes it should not be told of one that looks like it."""
POWERLESS: Final = "no stack file can ask for this: containers run unprivileged, with nothing of their node, in a namespace of their own"

ITEM: Final = "a mapping with at least `name` and `image`"
"""The same for one element of `containers`."""

BAD_VARIABLE: Final = "is not the name of an environment variable: letters, digits and underscores, no digit first"
KEY_ERROR: Final = "[key]"
"""How pydantic ends the location of a key, rather than a value, that is wrong."""


def dotted(path: Path) -> str:
    return ".".join(map(str, path))


def problem_words(kind: str, path: Path, value: object, document: Document) -> str:
    """One problem that pydantic found (its error type and input), for a person."""
    expected = ITEM if path[-2:-1] == ("containers",) else EXPECTED.get(_key(path), "another value")
    if kind in {"extra_forbidden", KEY_ERROR}:
        return _unknown(path) if kind == "extra_forbidden" else BAD_VARIABLE
    if kind == "missing":
        return f"is missing; write {expected}"
    if value is None:
        return f"nothing is written here; write {expected}, or leave the key out to take the default"
    if kind == "string_type" and isinstance(value, bool | int | float):
        return _not_text(path, value, document)
    lacks_unit = isinstance(value, int) and not isinstance(value, bool) and expected.startswith("a duration")
    return f"{_shown(value, path, document)} {'has no unit' if lacks_unit else 'cannot be used'}; write {expected}"


def _key(path: Path) -> str:
    """The key that tells what is expected: the last one of the schema, not a name inside `env` nor a position in a list."""
    words = [part for part in path if isinstance(part, str)]
    return "env" if "env" in words else words[-1] if words else ""


def _shown(value: object, path: Path, document: Document) -> str:
    """The value as the file has it: `on`, not True."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    written = document.places[path].written if path in document.places else ""
    return f"`{cut(written or str(value), 60)}`"


def _unknown(path: Path) -> str:
    if str(path[-1]) in POWERS:
        return POWERLESS
    known = known_keys(path[:-1])
    near = difflib.get_close_matches(str(path[-1]), known, n=1, cutoff=0.5)
    return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known here: {', '.join(known)}"


def _not_text(path: Path, value: object, document: Document) -> str:
    """YAML 1.1 reads `no`, `on`, `1.10` and `5432` as something else than text."""
    written = _shown(value, path, document)
    kind = "a truth value" if isinstance(value, bool) else "a number"
    return f'YAML reads {written} as {kind}, but text is expected; put it in quotes: "{written.strip("`")}"'


def known_keys(path: Path) -> list[str]:
    """The keys that the schema has at this place; an empty list for a place that it does not have."""
    model: type[BaseModel] | None = StackFile
    for part in path:
        if isinstance(part, str) and model is not None:
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            model = _model_in(fields[part].annotation) if part in fields else None
    return [field.alias or name for name, field in model.model_fields.items()] if model else []


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model within `Model | None`, `tuple[Model, ...]` and the like."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
