"""Env files: `KEY=VALUE` by line. Values arrive byte for byte, nothing in them is expanded.

# a comment                     PLAIN=up to the end of the line, spaces around it cut  # and a comment after a space
export KEY=value                SINGLE='everything up to the next quote, $, # and line breaks included'
                                DOUBLE="the same, with \\n \\r \\t \\" \\\\ \\$ for what they stand for"
"""

import re
from collections.abc import Iterator
from typing import Final

KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
BLANK: Final = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)")
ENTRY: Final = re.compile(
    r"""
    [ \t]* (?:export[ \t]+)? (?P<key>[^\s=\#'"]+) [ \t]*=[ \t]*
    (?: '(?P<single>[^']*)'
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | (?P<plain>(?!['"])[^\n]*?) )
    [ \t]* (?:(?<=[ \t])\#[^\n]*)? \r?(?:\n|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "$": "$"}


class EnvFileError(ValueError):
    """The file cannot be understood. Names lines and keys, never values."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def parse_env_file(text: str) -> dict[str, str]:
    """Key → value, in the order of the file. Raises EnvFileError that lists every problem."""
    values: dict[str, str] = {}
    problems: list[str] = []
    for line, entry in _entries(text):
        if problem := _problem(entry, values):
            problems.append(f"line {line}: {problem}")
        elif entry is not None:
            values[entry["key"]] = _value(entry)
    if problems:
        raise EnvFileError(problems)
    return values


def _entries(text: str) -> Iterator[tuple[int, re.Match[str] | None]]:
    """Line number and entry, None for a line that is none; blank lines and comments are left out."""
    position = 0
    while position < len(text):
        line = text.count("\n", 0, position) + 1
        if blank := BLANK.match(text, position):
            position = blank.end()
            continue
        entry = ENTRY.match(text, position)
        yield line, entry
        position = entry.end() if entry else (text.find("\n", position) + 1 or len(text))


def _problem(entry: re.Match[str] | None, seen: dict[str, str]) -> str:
    if entry is None:
        return "expected KEY=VALUE, and a quote that begins a value to end it"
    if not KEY.fullmatch(entry["key"]):
        return "the name before = is not one of letters, digits and _"
    if "\0" in entry[0]:
        return f"{entry['key']} holds a NUL character, which no environment can"
    return f"{entry['key']} is there twice" if entry["key"] in seen else ""


def _value(entry: re.Match[str]) -> str:
    if (double := entry["double"]) is not None:
        return re.sub(r"\\(.)", lambda match: ESCAPES.get(match[1], match[0]), double, flags=re.DOTALL)
    return entry["single"] if entry["single"] is not None else entry["plain"]
