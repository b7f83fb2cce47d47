"""What diagnoses have in common: log tails without secrets, exit codes as people know them."""

import re
from typing import Final

from stack.errors import cut

TAIL_LINES: Final = 15
LINE_LIMIT: Final = 300
"""Characters of one log line: a stack trace fits, a dumped page does not bury the rest."""
TAIL_LIMIT: Final = 2000

SECRETS: Final = (
    (re.compile(r"(\w+://[^\s:/@]*:)[^\s@]+@"), r"\1***@"),
    (
        re.compile(r"(?i)\b([\w-]*(?:password|passwd|pwd|secret|token|api[_-]?key)[\"']?\s*[=:]\s*[\"']?)(?!authentication)[^\s\"',;&]+"),
        r"\1***",
    ),
)
"""Diagnoses are kept in histories and shown in pull requests, and applications log their connection strings."""

EXITS: Final = {
    0: "ended by itself with exit code 0, although it is meant to go on running",
    126: "could not be executed (exit code 126)",
    127: "is a command that does not exist in the image (exit code 127)",
    134: "aborted (exit code 134, SIGABRT)",
    137: "was killed (exit code 137, SIGKILL)",
    139: "crashed in native code (exit code 139, SIGSEGV)",
    143: "was stopped (exit code 143, SIGTERM)",
}


def without_secrets(text: str) -> str:
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


def tail(log: str) -> str:
    """The last lines of a log, each cut, without what looks like a secret."""
    lines = [line.rstrip()[:LINE_LIMIT] for line in without_secrets(log).splitlines() if line.strip()]
    return "\n".join(lines[-TAIL_LINES:])[-TAIL_LIMIT:]


def detail(message: str, log: str = "") -> str:
    """What the server said, then the last lines of the log."""
    parts = [cut(without_secrets(message)), f"last lines of the log:\n{tail(log)}" if log.strip() else ""]
    return "\n".join(part for part in parts if part)


def exit_words(code: int) -> str:
    return EXITS.get(code, f"ended with exit code {code}")
