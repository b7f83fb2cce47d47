"""The text of a stack file → StackFile, or every reason why not, each with its line."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any, Final

from pydantic import ValidationError

from stack.errors import InvalidInputError
from stack.stackfile import StackFile
from stack.stackfile_rules import Finding, findings
from stack.stackfile_words import KEY_ERROR, dotted, problem_words
from stack.yaml_lines import Document, Path, read_document

ROUNDS: Final = 12
"""Mending goes from the outside in, a level per round; the schema has six."""

CONTAINER: Final = {"name": "stand-in", "image": "stand-in", "port": 65535}
WORKER: Final = {"image": "stand-in", "taskQueues": ["stand-in"]}
STAND_INS: Final[dict[str, Any]] = {
    "app": "stand-in",
    "host": "pr-{pr}.stand-in",
    "webapp": {"containers": [CONTAINER]},
    "containers": [CONTAINER],
    "temporal": {"server": "1.32.2", "worker": WORKER},
    "server": "1.32.2",
    "worker": WORKER,
    "taskQueues": ["stand-in"],
}
"""Stand for required values that are missing or wrong, so that the rest of the file can still be checked; they never leave this module."""


def load_stack_file(text: str, *, namespace_template: str) -> StackFile:
    """Reads a stack file. Raises InvalidInputError with all its problems, in the order of the lines."""
    document = read_document(text)
    problems = dict(document.problems)
    stack = _mended(document, problems)
    if stack:
        for finding in _certain(findings(stack, namespace_template), problems):
            problems.setdefault(finding.path, finding.text)
    if problems or stack is None:
        raise InvalidInputError(_listed(problems, document))
    return stack


def _listed(problems: dict[Path, str], document: Document) -> list[str]:
    by_line = sorted(problems, key=lambda path: (document.line(path), dotted(path)))
    return [f"line {document.line(path)}: {dotted(path)}: {problems[path]}".replace(": :", ":") for path in by_line]


def _certain(found: Iterator[Finding], problems: dict[Path, str]) -> Iterator[Finding]:
    """Leaves out what may only follow from a stand-in."""
    broken = tuple(problems)
    for finding in found:
        if not any(_overlap(path, place) for path in broken for place in (finding.path, *finding.also)):
            yield finding


def _overlap(one: Path, other: Path) -> bool:
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _mended(document: Document, problems: dict[Path, str]) -> StackFile | None:
    """The stack file, with stand-ins where something is wrong; what is wrong is added to `problems`. None: beyond mending."""
    value = deepcopy(document.value)
    for _ in range(ROUNDS):
        try:
            return StackFile.model_validate_json(json.dumps(value), strict=True, by_alias=True, by_name=False)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                if item["type"] == "too_short" and item["input"]:
                    continue  # pydantic counts only the good elements; the bad ones are listed themselves
                kind = KEY_ERROR if item["loc"][-1] == KEY_ERROR else item["type"]
                path = tuple(part for part in item["loc"] if part != KEY_ERROR)
                if not any(_overlap(path, known) for known in problems if len(known) <= len(path)):
                    problems[path] = problem_words(kind, path, item["input"], document)
                _mend(value, path)
    return None


def _mend(value: Any, path: Path) -> None:
    """Takes away what is wrong there, or puts the stand-in of a required value in its place."""
    for part in path[:-1]:
        value = value[part]
    last = path[-1]
    if isinstance(last, int):
        value[last] = CONTAINER | {"name": f"stand-in-{last}"} if "containers" in path else "stand-in"
    elif last in value:
        del value[last]
    else:
        value[last] = deepcopy(STAND_INS.get(str(last), "stand-in"))
