"""What is stale: from what is known of one namespace to what should be done about it, if anything.

The rules err on the side of leaving alone. What is not ours is never touched, nor what no name of this installation could be; where a run
is open, that run is responsible. Requests that come of it mean the generation that was seen, so whatever is accepted meanwhile wins.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from stack.cleanup import Action, Category, Entry
from stack.models import Condition, DeployRequest, Record, Repository, TeardownRequest
from stack.names import ANNOTATION_REPOSITORY, LABEL_PR, MANAGED_BY, MANAGER
from stack.namespace import is_terminating
from stack.ordering import has_expired

KEPT_RECORDS: Final = timedelta(days=30)
"""How long a record outlives everything else, so that a late job of an old commit is refused."""

PrState = Literal["open", "closed", "unknown"]
"""Of a pull request at the forge; unknown is never taken for closed."""


@dataclass(frozen=True)
class NamespaceFacts:
    """What a Namespace object says."""

    ours: bool
    terminating: bool = False
    repository: str = ""
    """Empty when its annotation is no repository's name."""
    pr: int = 0
    """0 when its label is no number. Whoever may label namespaces may write anything there."""

    @classmethod
    def of(cls, namespace: Any) -> "NamespaceFacts":
        """From the object as the API has it."""
        metadata = namespace["metadata"]
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        pr, repository = labels.get(LABEL_PR, ""), annotations.get(ANNOTATION_REPOSITORY, "")
        return cls(
            ours=labels.get(MANAGED_BY) == MANAGER,
            terminating=is_terminating(namespace),
            repository=repository if _is(Repository, repository) else "",
            pr=int(pr) if re.fullmatch("[1-9][0-9]{0,8}", pr) else 0,
        )


def _is(kind: Any, value: str) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@dataclass(frozen=True)
class Facts:
    """All that is known of one namespace at one moment."""

    namespace: str
    object: NamespaceFacts | None = None
    record: Record | None = None
    stored: tuple[str, ...] = ()
    """Databases and roles that bear our mark for this namespace."""
    generations: frozenset[int] = frozenset()
    """Of the objects in the namespace, where they were looked at."""
    is_open: bool = False
    """A run works on it."""
    forge: PrState = "unknown"

    @property
    def exists(self) -> bool:
        """Whether anything of ours is there that costs something."""
        return self.object is not None or bool(self.stored)

    @property
    def is_foreign(self) -> bool:
        """Whether the namespace is somebody else's: then its databases and its record are a person's to look at."""
        if self.object is None:
            return False
        another = self.record is not None and self.record.repository.casefold() != self.object.repository.casefold()
        return not self.object.ours or another

    @property
    def subject(self) -> tuple[str, int] | None:
        """Repository and number of the pull request, as far as anything tells."""
        if self.record is not None:
            return self.record.repository, self.record.pr
        if self.object is not None and self.object.repository and self.object.pr:
            return self.object.repository, self.object.pr
        return None

    @property
    def generation(self) -> int:
        return 0 if self.record is None else self.record.generation

    @property
    def deployed(self) -> Record | None:
        """The record, if the last accepted request asked for a preview."""
        return self.record if self.record is not None and self.record.kind == "deploy" else None

    @property
    def lives(self) -> bool:
        """Whether the last verdict said that something good answers, be it what was good before."""
        record = self.deployed
        return record is not None and record.good is not None and record.outcome is not None and record.outcome.urls is not None

    @property
    def without_verdict(self) -> bool:
        """Whether the record says that its request is being worked on."""
        return self.record is not None and self.record.state in {"running", "superseded"}


def judge(facts: Facts, now: datetime) -> Entry | None:
    """What to do about one namespace; None: leave it alone."""
    if facts.is_foreign:
        return None
    for rule in ALWAYS if facts.is_open else (*ALWAYS, *WITHOUT_A_RUN):
        if entry := rule(facts, now):
            return entry
    return None


def problem(facts: Facts) -> str:
    """Why something that bears our mark cannot be judged by the rules, or empty."""
    if facts.is_foreign and (facts.record is not None or facts.stored):
        return f"Namespace {facts.namespace} is not ours, but there is a record or a database of that name: neither is touched"
    if facts.object is not None and facts.object.ours and facts.subject is None:
        return f"Namespace {facts.namespace} does not say for which pull request of which repository it was made: it is not touched"
    return ""


def worth_asking(facts: Facts, now: datetime) -> bool:
    """Whether it matters if the pull request is closed: it would be left alone otherwise, and is not on its way out already."""
    if facts.is_foreign or facts.subject is None or judge(facts, now) is not None:
        return False
    return facts.deployed is not None or (facts.exists and not facts.is_open)


def _closed(facts: Facts, now: datetime) -> Entry | None:  # noqa: ARG001 (all rules look the same)
    """Also while a run is open: the request waits until the attempt has ended, and then it counts. A run that takes away is not told."""
    if facts.forge != "closed" or facts.subject is None or not (facts.deployed or (facts.exists and not facts.is_open)):
        return None
    return _entry(facts, Category.CLOSED, Action.TEARDOWN, "the pull request is closed at the forge")


def _expired(facts: Facts, now: datetime) -> Entry | None:
    record = facts.deployed
    if record is None or record.expires_at is None or not has_expired(record, now) or not (facts.exists or facts.without_verdict):
        return None
    return _entry(facts, Category.EXPIRED, Action.TEARDOWN, f"expired at {record.expires_at:%Y-%m-%d %H:%M} UTC")


def _unfinished_deploy(facts: Facts, now: datetime) -> Entry | None:  # noqa: ARG001
    record = facts.deployed
    if record is None:
        return None
    if facts.without_verdict and record.good is not None:
        why = f"the run of generation {record.generation} ended without a verdict; it goes back to generation {record.good.generation}"
        return _entry(facts, Category.UNFINISHED, Action.REDEPLOY, why)
    if facts.without_verdict:
        return _entry(facts, Category.UNFINISHED, Action.TEARDOWN, "the run that made it ended without a verdict")
    if record.state == "cancelled" and record.good is None and facts.exists:
        return _entry(facts, Category.UNFINISHED, Action.TEARDOWN, "the deploy was cancelled, and something of it is left")
    return None


def _unfinished_teardown(facts: Facts, now: datetime) -> Entry | None:  # noqa: ARG001
    record = facts.record
    if record is None or record.kind != "teardown" or record.state == "gone":
        return None
    return _entry(facts, Category.UNFINISHED, Action.TEARDOWN, f"the teardown ended without a receipt ({record.state})")


def _deleted(facts: Facts, now: datetime) -> Entry | None:  # noqa: ARG001
    """Databases go with their namespace: its Secret held their passwords."""
    if facts.deployed is None or not facts.exists or not (facts.object is None or facts.object.terminating):
        return None
    return _entry(facts, Category.DELETED, Action.TEARDOWN, "somebody deleted its namespace")


def _orphaned(facts: Facts, now: datetime) -> Entry | None:  # noqa: ARG001
    if not facts.exists or facts.deployed is not None:
        return None
    if facts.record is None and facts.object is None:
        return _entry(facts, Category.ORPHANED, Action.DROP, "databases or roles without a namespace and a record")
    if facts.subject is None:
        return None
    why = "a namespace without a record" if facts.record is None else "its record says that it is gone"
    return _entry(facts, Category.ORPHANED, Action.TEARDOWN, why)


def _overwritten(facts: Facts, now: datetime) -> Entry | None:  # noqa: ARG001
    """Writes re-check their generation, but making an object has no precondition: a worker that froze right there comes too late."""
    if not facts.lives or not facts.generations - {facts.generation}:
        return None
    why = f"generation {min(facts.generations)} was written over generation {facts.generation}"
    return _entry(facts, Category.OVERWRITTEN, Action.REDEPLOY, why)


def _forgotten(facts: Facts, now: datetime) -> Entry | None:
    """A record of something that is not there any more says nothing after a while, whatever its state."""
    if facts.record is None or facts.exists or now - facts.record.changed_at < KEPT_RECORDS:
        return None
    return _entry(facts, Category.FORGOTTEN, Action.FORGET, f"nothing is left, and nothing happened for {KEPT_RECORDS.days} days")


Rule = Callable[[Facts, datetime], Entry | None]
ALWAYS: Final[tuple[Rule, ...]] = (_closed,)
WITHOUT_A_RUN: Final[tuple[Rule, ...]] = (
    _expired,
    _unfinished_deploy,
    _unfinished_teardown,
    _deleted,
    _orphaned,
    _overwritten,
    _forgotten,
)
"""The first that applies counts."""


def _entry(facts: Facts, category: Category, action: Action, why: str) -> Entry:
    repository, pr = facts.subject or (None, None)
    return Entry(
        namespace=facts.namespace,
        category=category,
        action=action,
        generation=facts.generation,
        why=why,
        pr=pr,
        repository=repository,
    )


def request_for(entry: Entry, record: Record | None, *, request_id: str, now: datetime) -> DeployRequest | TeardownRequest:
    """The request that an entry with the action TEARDOWN or REDEPLOY makes. Its time orders nothing: it is conditional."""
    condition = Condition(generation=entry.generation, expired=entry.category is Category.EXPIRED)
    if entry.action is Action.REDEPLOY:
        assert record is not None
        assert record.good is not None
        return record.good.request.model_copy(update={"id": request_id, "condition": condition})
    assert entry.pr is not None
    assert entry.repository is not None
    return TeardownRequest(
        id=request_id, pr=entry.pr, repository=entry.repository, requested_at=now, reason=entry.category.value, condition=condition
    )


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """By category as they are declared, then by name: what a bound cuts off is the same each time, and least urgent."""
    order = {category: number for number, category in enumerate(Category)}
    return sorted(entries, key=lambda entry: (order[entry.category], entry.namespace))
