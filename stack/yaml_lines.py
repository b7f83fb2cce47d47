"""YAML text as plain values, each with the line and the words it was written in, so that a problem can name its place.

Stricter than YAML itself, because a stack file is short and comes from a pull request: no aliases (a few lines of them expand to gigabytes,
or never end), no tags, no duplicate keys, one document, and no number that YAML 1.1 reads in base 8 or 60.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode

from stack.errors import InvalidInputError, cut

Path = tuple[str | int, ...]
Value = object
"""None, bool, int, float, str, or a list or a dict of such."""

STANDARD: Final = "tag:yaml.org,2002:"
SIZE_LIMIT: Final = 64 * 1024
"""Bytes. The longest sensible stack file has a tenth of it."""
DEPTH_LIMIT: Final = 20
PLAIN_NUMBER: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{1,17})?")
TEXT_TAGS: Final = {"str", "timestamp", "merge", "value"}
"""YAML's names for what is kept as the text that was written."""
BOOLEANS: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Place:
    """Where a value stands: its line, counted from 1, and for a plain scalar the words of the file."""

    line: int
    written: str = ""


@dataclass
class Document:
    """What a text says: the value, the place of everything in it, and what is wrong already at this level."""

    value: Value = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: dict[Path, str] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of the path, or of the nearest thing around it that the file has."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places[path].line if path in self.places else 1


def read_document(text: str) -> Document:
    """Parses one YAML document. Raises InvalidInputError when there is no such document at all; finer problems are in the result."""
    text = text.removeprefix("\ufeff")
    _refuse_unbounded(text)
    try:
        node = _compose(text)
    except yaml.YAMLError as error:
        raise InvalidInputError([_syntax(error)]) from None
    if not isinstance(node, MappingNode):
        raise InvalidInputError([f"line {_line(node)}: the file must hold keys and values, such as `app: shop`"] if node else [EMPTY])
    document = Document()
    document.value = _convert(node, (), document)
    return document


EMPTY: Final = "line 1: the file is empty; it must say what the stack consists of, beginning with `app:`"


def _refuse_unbounded(text: str) -> None:
    """Bounds that must hold before the parser runs."""
    if (size := len(text.encode(errors="replace"))) > SIZE_LIMIT:
        raise InvalidInputError([f"line 1: the file has {size} bytes; at most {SIZE_LIMIT} are read"])
    if wrong := re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]", text):
        line = text.count("\n", 0, wrong.start()) + 1
        raise InvalidInputError([f"line {line}: the character {wrong[0]!a} cannot be in YAML; the file must be text in UTF-8"])


def _compose(text: str) -> Node | None:
    """The node tree, after a pass over the flat events that refuses whatever could grow: composing recurses and follows aliases."""
    _refuse_growth(text)
    return yaml.compose(text, Loader=yaml.CSafeLoader)


def _refuse_growth(text: str) -> None:
    depth, documents = 0, 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        line = _line(event)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if isinstance(event, yaml.AliasEvent):
            raise InvalidInputError([f"line {line}: aliases (*{event.anchor}) are not read; write the value out"])
        if depth > DEPTH_LIMIT:
            raise InvalidInputError([f"line {line}: more than {DEPTH_LIMIT} levels inside one another; a stack file needs six"])
        if documents > 1:
            raise InvalidInputError([f"line {line}: a second document begins here; a stack file is one, so remove the `---`"])


def _syntax(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = cut(getattr(error, "problem", None) or str(error), 120)
    line = mark.line + 1 if mark else 1
    if "character that cannot start any token" in problem:
        problem += " (a tab? YAML indents with spaces; text that begins with @, ` or % needs quotes)"
    return f"line {line}: this is not YAML: {problem}"


def _line(part: Node | yaml.Event) -> int:
    return part.start_mark.line + 1 if part.start_mark else 1


def _convert(node: Node, path: Path, document: Document) -> Value:
    document.places[path] = Place(_line(node), node.value if isinstance(node, ScalarNode) and not node.style else "")
    if isinstance(node, ScalarNode):
        return _scalar(node, path, document)
    if not node.tag.startswith(STANDARD) or _tag(node) not in {"map", "seq"}:
        document.problems[path] = f"the tag `{cut(node.tag, 40)}` is not read; write plain keys and values"
    if isinstance(node, MappingNode):
        return {key: _convert(child, (*path, key), document) for key, child in _pairs(node, path, document)}
    return [_convert(child, (*path, number), document) for number, child in enumerate(node.value)]


def _tag(node: Node) -> str:
    return node.tag.removeprefix(STANDARD)


def _pairs(node: MappingNode, path: Path, document: Document) -> Iterator[tuple[str, Node]]:
    """Keys are text as written (`on`, `no` and `1` too): no YAML 1.1 surprise can rename an environment variable."""
    seen: dict[str, int] = {}
    for key, child in node.value:
        if not isinstance(key, ScalarNode):
            document.problems[(*path, "?")] = "a key must be one word, not a list or a mapping"
            document.places[(*path, "?")] = Place(_line(key))
        elif key.value in seen:
            document.problems[(*path, key.value)] = f"the key is here twice, in lines {seen[key.value]} and {_line(key)}; keep one"
        else:
            seen[key.value] = _line(key)
            yield key.value, child


def _scalar(node: ScalarNode, path: Path, document: Document) -> Value:
    written, kind = str(node.value), _tag(node)
    if kind in TEXT_TAGS:
        return written
    if kind == "null":
        return None
    if kind == "bool" and written.lower() in BOOLEANS:
        return BOOLEANS[written.lower()]
    if kind in {"int", "float"} and PLAIN_NUMBER.fullmatch(written):
        return float(written) if "." in written else int(written)
    unreadable = kind in {"int", "float", "bool"}
    document.problems[path] = _odd(written) if unreadable else f"the tag `{cut(node.tag, 40)}` is not read; write a plain value"
    return written


def _odd(written: str) -> str:
    """What YAML 1.1 makes of 8:30 (510), 0755 (493), 1_000 or .inf, and what to write."""
    shown = cut(written, 40)
    how = "in base 60" if ":" in written else "in base 8" if re.fullmatch("0[0-7]+", written) else "in a notation of its own"
    return f'`{shown}` is a number that YAML reads {how}; write it in plain decimals, or "{shown}" in quotes if it is text'
