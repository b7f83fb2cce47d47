"""The words of a command line → requests, or every reason why not. Nothing is started before all of them have been checked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import TypeAdapter, ValidationError

from stack.errors import InvalidInputError, cut
from stack.hosts import LAST_PR, template_problem
from stack.image_reference import reference_problem
from stack.loading import load_stack_file
from stack.model import parse_duration
from stack.models import DeployRequest, ExtendRequest, TeardownRequest
from stack.stackfile import Label, StackFile

CLOCKS_MAY_DIFFER: Final = timedelta(hours=1)
"""A request from further ahead would beat every later one of its pull request."""
LONGEST_DURATION: Final = timedelta(days=90)
REASON_LIMIT: Final = 200


@dataclass(frozen=True)
class DeployWords:
    """What the command line of `deploy` says, as text."""

    pr: str
    repository: str
    commit: str
    images: Sequence[str]
    """NAME=REF each."""
    stack_text: str | None
    """None: there is none here, the worker is to read it."""
    stack_name: str
    """Path of the stack file, for messages."""
    requested_at: str | None = None
    """Time of the forge's event; without it, now."""


@dataclass(frozen=True)
class TeardownWords:
    """What the command line of `teardown` says, as text."""

    pr: str
    repository: str
    requested_at: str | None = None
    reason: str = "closed"


@dataclass(frozen=True)
class ExtendWords:
    """What the command line of `extend` says, as text."""

    pr: str
    repository: str
    ttl: str | None = None
    pin: bool = False
    unpin: bool = False


@dataclass
class _Problems:
    """Collects what is wrong, so that all of it can be told at once."""

    found: list[str] = field(default_factory=list)

    def add(self, option: str, value: str, text: str) -> None:
        """What was given is shown as it is where that is unmistakable, else with its escapes: a full-width digit looks like a digit."""
        plain = value.isprintable() and value.isascii() and value == value.strip()
        shown = value if plain else ascii(value)
        self.found.append(f"{option} {cut(shown, 60) if value else '(empty)'}: {text}")

    def refuse(self) -> None:
        if self.found:
            raise InvalidInputError(self.found)


def deploy_request(words: DeployWords, *, request_id: str, now: datetime, namespace_template: str) -> DeployRequest:
    """The request for a deploy. Raises InvalidInputError with the problems of all options and of the stack file."""
    problems = _Problems()
    pr = _pr(words.pr, problems)
    repository = _repository(words.repository, problems)
    commit = _commit(words.commit, problems)
    requested_at = _time(words.requested_at, now, problems)
    images = _images(words.images, problems)
    stack = _stack(words.stack_text, words.stack_name, namespace_template, problems) if words.stack_text is not None else None
    if stack:
        _match_images(images, stack, words.stack_name, problems)
    problems.refuse()
    return DeployRequest(id=request_id, pr=pr, repository=repository, requested_at=requested_at, commit=commit, images=images, stack=stack)


def teardown_request(words: TeardownWords, *, request_id: str, now: datetime) -> TeardownRequest:
    """The request for a teardown. Raises InvalidInputError with all problems."""
    problems = _Problems()
    pr = _pr(words.pr, problems)
    repository = _repository(words.repository, problems)
    requested_at = _time(words.requested_at, now, problems)
    if len(words.reason) > REASON_LIMIT or not words.reason.isprintable() or not words.reason.strip():
        problems.add("--reason", words.reason, f"write one line of at most {REASON_LIMIT} characters")
    problems.refuse()
    return TeardownRequest(id=request_id, pr=pr, repository=repository, requested_at=requested_at, reason=words.reason)


def extend_request(words: ExtendWords, *, request_id: str, now: datetime) -> ExtendRequest:
    """The request for an extension, which does not say yet which generation it means. Raises InvalidInputError with all problems."""
    problems = _Problems()
    pr = _pr(words.pr, problems)
    repository = _repository(words.repository, problems)
    given = [f"--ttl {words.ttl}"] * (words.ttl is not None) + ["--pin"] * words.pin + ["--unpin"] * words.unpin
    if len(given) != 1:
        problems.found.append(f"give one of --ttl, --pin and --unpin, not {' and '.join(given) or 'none'}")
    ttl = None
    if words.ttl is not None:
        try:
            ttl = duration(words.ttl, "--ttl")
        except InvalidInputError as error:
            problems.found += error.problems
    problems.refuse()
    pinned = True if words.pin else False if words.unpin else None
    return ExtendRequest(id=request_id, pr=pr, repository=repository, requested_at=now, generation=0, ttl=ttl, pinned=pinned)


def pr_number(text: str) -> int:
    """A pull request's number. Raises InvalidInputError."""
    problems = _Problems()
    number = _pr(text, problems)
    problems.refuse()
    return number


def app_name(text: str, namespace_template: str) -> str:
    """The app's name where no stack file says it, by the same rules. Raises InvalidInputError."""
    problems = _Problems()
    try:
        TypeAdapter(Label).validate_python(text)
    except ValidationError:
        problems.add("--app", text, "write it as in the stack file: at most 40 lower-case letters, digits and dashes, first a letter")
    else:
        if "{app}" in namespace_template and (problem := template_problem(namespace_template, text)):
            problems.add("--app", text, problem)
    problems.refuse()
    return text


def duration(text: str, option: str) -> timedelta:
    """'90s', '15m', '1h30m' → timedelta, more than nothing and at most 90 days. Raises InvalidInputError that names the option."""
    value = parse_duration(text)
    if not isinstance(value, timedelta) or not timedelta(0) < value <= LONGEST_DURATION:
        raise InvalidInputError([f"{option} {cut(ascii(text), 60)}: write a duration with a unit, such as 90s, 15m or 1h30m, at most 90d"])
    return value


def _pr(text: str, problems: _Problems) -> int:
    if re.fullmatch("[0-9]{1,9}", text) and int(text) and text[0] != "0":
        return int(text)
    problems.add("--pr", text, f"write the number of the pull request in plain digits, from 1 to {LAST_PR}")
    return 1


def _repository(text: str, problems: _Problems) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}", text):
        looks_like_a_url = "://" in text or text.startswith("git@")
        problems.add("--repo", text, f"write OWNER/NAME, such as octo/shop{', not an address' if looks_like_a_url else ''}")
    elif {".", ".."} & set(text.split("/")):
        problems.add("--repo", text, "neither the owner nor the name can be `.` or `..`")
    elif text.endswith(".git"):
        problems.add("--repo", text, f"leave .git away: {text.removesuffix('.git')}")
    return text


def _commit(text: str, problems: _Problems) -> str:
    """Full, or abbreviated to 7 or more: git's own abbreviation has at least seven."""
    if re.fullmatch(r"([0-9a-f]{7,40}|[0-9a-f]{64})", text):
        return text
    if re.fullmatch(r"([0-9A-Fa-f]{7,40}|[0-9A-Fa-f]{64})", text):
        problems.add("--sha", text, f"write it in lower case: {text.lower()}")
    elif re.fullmatch("[0-9A-Fa-f]+", text):
        problems.add("--sha", text, f"has {len(text)} characters; a commit has 40 (or 64), abbreviated at least 7")
    else:
        problems.add("--sha", text, "write the commit's hash, 40 hexadecimal digits; not a branch or a tag")
    return text


def _time(text: str | None, now: datetime, problems: _Problems) -> datetime:
    """RFC 3339 with a time zone, as forges write it. A time without a zone would be off by hours on some machines."""
    if text is None:
        return now.astimezone(UTC)
    example = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        time = _parsed(text)
    except (ValueError, OverflowError):
        problems.add("--requested-at", text, f"write date, time and time zone, such as {example}")
        return now
    if time > now + CLOCKS_MAY_DIFFER:
        problems.add("--requested-at", text, f"is more than an hour ahead (it is {example} now); give the time of the event itself")
    return time


def _parsed(text: str) -> datetime:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})", text):
        raise ValueError(text)
    seconds, point, rest = text.partition(".")
    if point:  # Python 3.11 reads three or six digits of a second only
        digits = re.match("[0-9]+", rest)
        assert digits
        text = f"{seconds}.{digits[0]:0<6}{rest[digits.end() :]}"
    return datetime.fromisoformat(text).astimezone(UTC)


def _images(pairs: Sequence[str], problems: _Problems) -> dict[str, str]:
    images: dict[str, str] = {}
    for pair in pairs:
        name, equals, reference = pair.partition("=")
        if not equals or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
            problems.add("--image", pair, "write NAME=REF, such as webapp=registry.example.com/shop/webapp:1.4")
            continue
        if name in images:
            problems.add("--image", pair, f"`{name}` is given twice; give it once")
        elif problem := reference_problem(reference):
            problems.add("--image", pair, problem)
        images.setdefault(name, reference)
    return images


def _stack(text: str, name: str, namespace_template: str, problems: _Problems) -> StackFile | None:
    try:
        return load_stack_file(text, namespace_template=namespace_template)
    except InvalidInputError as error:
        problems.found += [f"{name}, {problem}" for problem in error.problems]
    return None


def _match_images(images: dict[str, str], stack: StackFile, stack_name: str, problems: _Problems) -> None:
    """Every image that the file names, and no other: a mistyped name would leave an old image running."""
    needed = dict.fromkeys([*(container.image for container in stack.webapp.containers), stack.temporal.worker.image])
    problems.found += [f"--image {name}=REF is missing: {stack_name} names this image" for name in needed if name not in images]
    for name, reference in images.items():
        if name not in needed:
            problems.add("--image", f"{name}={reference}", f"{stack_name} names no image `{name}`, only {', '.join(needed)}")
