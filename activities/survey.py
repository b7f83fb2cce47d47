"""Looking at everything that the clean-up judges by, or at one namespace right before it acts."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from gateways.cluster import Cluster
from gateways.database import Databases
from gateways.records import Records, Stored, Unreadable
from gateways.runs import Runs
from stack.cleanup import Seen
from stack.errors import ConflictError
from stack.names import KINDS_OF_A_STACK, OURS, STACK_ROLE, Names, could_be
from stack.namespace import generation_of
from stack.staleness import Facts, NamespaceFacts


@dataclass(frozen=True)
class Sources:
    """Where the parts of previews are."""

    cluster: Cluster
    records: Records
    databases: Databases
    runs: Runs


@dataclass(frozen=True)
class Everything:
    """What one look found."""

    facts: tuple[Facts, ...]
    unreadable: tuple[str, ...]
    """Why a record could not be understood; its namespace is not among the facts."""
    seen: Seen


class Survey:
    """Reads only. Names that the template cannot give belong to others and are left out."""

    def __init__(self, sources: Sources, template: str) -> None:
        self._cluster, self._records = sources.cluster, sources.records
        self._databases, self._runs = sources.databases, sources.runs
        self._template = template

    async def everything(self) -> Everything:
        """The four lists are not of one moment: whoever acts looks again."""
        records, namespaces, stored, opened = await asyncio.gather(
            self._records.all(), self._namespaces(), self._databases.survey(), self._runs.open_namespaces()
        )
        facts = await asyncio.gather(*map(self._with_workloads, self._facts(records, namespaces, stored, opened)))
        unreadable = tuple(found.why for name, found in records.items() if isinstance(found, Unreadable) and self._is_ours(name))
        seen = Seen(
            records=sum(each.record is not None for each in facts),
            namespaces=sum(each.object is not None and each.object.ours for each in facts),
            databases=sum(len(each.stored) for each in facts),
            runs=sum(self._is_ours(name) for name in opened),
        )
        return Everything(tuple(facts), unreadable, seen)

    async def one(self, namespace: str) -> tuple[Facts, Stored | None]:
        """As it is now. ConflictError when the record changed meanwhile.

        A run moves the record before it changes anything else and again when it ends. So if the record is the same before and after the
        look for a run, none began or ended in between, and what was seen goes together.
        """
        names = Names(namespace)
        before = await self._records.read(names)
        found = await self._cluster.read("Namespace", namespace)
        facts = Facts(
            namespace=namespace,
            object=None if found is None else NamespaceFacts.of(found),
            record=None if before is None else before.record,
            stored=(await self._databases.survey()).get(namespace, ()),
            is_open=await self._runs.is_open(namespace),
        )
        if before != await self._records.read(names):
            raise ConflictError("looking at", obj=namespace, answer="its record has just changed", remedy="it is looked at again")
        return await self._with_workloads(facts), before

    async def _with_workloads(self, facts: Facts) -> Facts:
        """With the generations of its objects, where a preview should just live. Without the binding we have no rights there."""
        ours = facts.object is not None and facts.object.ours
        if facts.is_open or not facts.lives or not ours or await self._cluster.read("RoleBinding", STACK_ROLE, facts.namespace) is None:
            return facts
        kinds = await asyncio.gather(*(self._cluster.list_objects(kind, facts.namespace, selector=OURS) for kind in KINDS_OF_A_STACK))
        return replace(facts, generations=frozenset(generation_of(item) for items in kinds for item in items))

    async def _namespaces(self) -> Mapping[str, NamespaceFacts]:
        found = await self._cluster.list_objects("Namespace")
        return {namespace["metadata"]["name"]: NamespaceFacts.of(namespace) for namespace in found}

    def _facts(
        self,
        records: Mapping[str, Stored | Unreadable],
        namespaces: Mapping[str, NamespaceFacts],
        stored: Mapping[str, tuple[str, ...]],
        opened: set[str],
    ) -> Iterator[Facts]:
        ours = {name for name, facts in namespaces.items() if facts.ours}
        for name in sorted(filter(self._is_ours, {*records, *ours, *stored})):
            record = records.get(name)
            if not isinstance(record, Unreadable):
                yield Facts(
                    namespace=name,
                    object=namespaces.get(name),
                    record=None if record is None else record.record,
                    stored=stored.get(name, ()),
                    is_open=name in opened,
                )

    def _is_ours(self, namespace: str) -> bool:
        return could_be(namespace, self._template)
