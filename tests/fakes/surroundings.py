"""What the clean-up looks at beside the cluster, in memory: databases by their marks, open runs, the forge."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateways.database import Guard
from stack.databases import DatabasePlan
from stack.errors import PreviewError
from stack.models import ReceiptItem, Request
from stack.names import Names
from stack.staleness import PrState


@dataclass
class MarkedDatabases:
    """`Databases` that only knows what bears which mark."""

    stored: dict[str, tuple[str, ...]] = field(default_factory=dict)
    held: dict[str, str] = field(default_factory=dict)
    """Object → what holds it when it is dropped."""
    away: bool = False

    async def answers(self) -> bool:
        return not self.away

    async def create(self, plan: DatabasePlan, guard: Guard) -> None:
        raise NotImplementedError

    async def drop(self, names: Names, guard: Guard) -> tuple[ReceiptItem, ...]:
        await guard()
        found = self.stored.pop(names.namespace, ())
        if left := tuple(name for name in found if name in self.held):
            self.stored[names.namespace] = left
        return tuple(
            ReceiptItem(object=name, existed=True, seen_gone=name not in self.held, seconds=0, held_by=self.held.get(name, ""))
            for name in found
        )

    async def survey(self) -> Mapping[str, tuple[str, ...]]:
        return dict(self.stored)


@dataclass
class OpenRuns:
    """`Runs` that keeps what is requested; whoever is asked for has an open run from then on."""

    opened: set[str] = field(default_factory=set)
    seen: set[str] | None = None
    """What the visibility store still shows, if not the truth."""
    requests: list[tuple[str, Request]] = field(default_factory=list)

    async def is_open(self, namespace: str) -> bool:
        return namespace in self.opened

    async def open_namespaces(self) -> set[str]:
        return set(self.opened if self.seen is None else self.seen)

    async def request(self, namespace: str, request: Request) -> None:
        self.requests.append((namespace, request))
        self.opened.add(namespace)


@dataclass
class ToldForge:
    """`Forge` by heart."""

    states: dict[tuple[str, int], PrState] = field(default_factory=dict)
    failures: list[PreviewError] = field(default_factory=list)
    """Raised first, one after the other."""
    asked: int = 0

    async def state_of(self, repository: str, pr: int) -> PrState:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return self.states.get((repository, pr), "unknown")
