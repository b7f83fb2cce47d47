"""Looks at every write at the moment when it is performed: there is never a second writer, not even for a moment.

1. Whoever Temporal waits for writes for the generation that the record says is accepted, and for no other.
   Excepted are `claim`, `settle`, `extend` and `clean_up`: what they write *is* the record, by compare-and-swap on the version that they
   read, so it cannot agree with them beforehand. They may write the record, and (`settle` and `extend`) the namespace's annotations that
   tell people when it expires: those decide nothing. `clean_up` drops databases of which there is no record: that is generation 0.
2. Whoever Temporal does not wait for any more (cut off, frozen, terminated) performs no write for an outdated generation on what a newer
   one has written, deletes nothing that a newer one has made, and sends no SQL after the newer one has confirmed under the lock.
   Excepted is *making* an object that was not there when the writer looked for it, which has no precondition (docs/reliability.md), even
   if a newer generation has made it since: such are counted in `late`, and one clean-up heals them.
"""

from collections.abc import Callable
from typing import Any, Final

from tests.simulation.lives import WRITER, Writer

RECORDERS: Final = {
    "claim": ("create ConfigMap", "replace ConfigMap"),
    "settle": ("replace ConfigMap", "annotate Namespace"),
    "extend": ("replace ConfigMap", "annotate Namespace"),
    "clean_up": ("delete ConfigMap", "SQL DROP", "SQL CALL"),
}
"""Activity → what it may write although it does not stand for the accepted generation."""
FOR_PEOPLE: Final = "annotate"
Get = Callable[[str, str, str], Any]
Perform = Callable[[], Any]


class Witness:
    """`problems` is empty as long as there was one writer."""

    def __init__(self, get: Get, everything_in: Callable[[str], list[Any]], accepted: Callable[[str], int]) -> None:
        """`accepted`: namespace → generation in its record now, 0 without one."""
        self._get, self._everything_in, self._accepted = get, everything_in, accepted
        self._written: dict[str, int] = {}
        """UID of an object → newest generation that wrote it."""
        self._missed: set[tuple[Writer | None, str, str, str | None]] = set()
        """Who has looked for which object, and there was none."""
        self._locked: set[Writer] = set()
        self._confirmed: dict[str, int] = {}
        """Namespace → newest generation that has looked at the record under the lock."""
        self.problems: list[str] = []
        self.late: list[str] = []
        """Objects that were made for a generation that had ended."""
        self.refused = 0
        """Writes of outdated writers that were not performed."""

    def call(self, what: str, perform: Perform) -> Any:
        """Any write at all: rule 1."""
        writer = WRITER.get()
        try:
            answer = perform()
        except Exception:
            self.refused += writer is not None and self._is_outdated(writer)
            raise
        if writer is not None and answer is not False:
            self._judge_call(writer, what)
        return answer

    def read(self, kind: str, name: str, namespace: str | None, found: Any) -> None:
        """Somebody looks for an object."""
        looked = (WRITER.get(), kind, name, namespace)
        self._missed.discard(looked) if found else self._missed.add(looked)

    def change(self, verb: str, kind: str, name: str, namespace: str | None, perform: Perform) -> Any:
        """A write to the cluster: rule 2."""
        writer = WRITER.get()
        making = (writer, kind, name, namespace) in self._missed
        before = self._get(kind, name, namespace or "")
        newest = self._newest(before, kind, name, namespace)
        answer = perform()
        after = self._get(kind, name, namespace or "")
        if writer is None or after is before or verb == FOR_PEOPLE or subject_of(writer) is None:
            return answer
        generation = subject_of(writer)[1]  # type: ignore[index]
        if newest > generation and not making:
            self._tell(writer, f"{verb} {kind} {name}, which generation {newest} has written")
        if (making or before is None) and self._is_outdated(writer):
            self.late.append(f"{kind} {name} of generation {generation}")
        if after is not None:
            uid = after["metadata"]["uid"]
            self._written[uid] = max(generation, self._written.get(uid, 0))
        return answer

    def look(self, namespace: str) -> None:
        """Somebody reads the record of that namespace. Under the lock it is what makes the databases theirs."""
        writer = WRITER.get()
        subject = writer and subject_of(writer)
        if writer in self._locked and subject == (namespace, self._accepted(namespace)):
            self._confirmed[namespace] = self._accepted(namespace)

    def lock(self) -> None:
        """The current writer has got the lock."""
        if (writer := WRITER.get()) is not None:
            self._locked.add(writer)

    def statement(self, text: str, perform: Perform) -> Any:
        """SQL that changes something: rule 2."""
        answer = perform()
        writer = WRITER.get()
        if writer is not None and (subject := subject_of(writer)) is not None:
            namespace, generation = subject
            if (newest := self._confirmed.get(namespace, 0)) > generation:
                self._tell(writer, f"{text} after generation {newest} had confirmed under the lock")
            elif writer in self._locked and generation == self._accepted(namespace):
                self._confirmed[namespace] = generation  # whether it has looked or not: from now on they are its own
        return answer

    def _judge_call(self, writer: Writer, what: str) -> None:
        if any(what.startswith(allowed) for allowed in RECORDERS.get(writer.activity, ())):
            return
        if (subject := subject_of(writer)) is None:
            self._tell(writer, f"{what}, and no generation stands for that")
        elif writer.is_awaited() and subject[1] != self._accepted(subject[0]):
            self._tell(writer, f"{what}, although it is awaited and generation {self._accepted(subject[0])} is the accepted one")

    def _newest(self, item: Any, kind: str, name: str, namespace: str | None) -> int:
        """The newest generation that has written it, or anything in it. What a controller made is its Deployment's."""
        if item is None:
            return 0
        held = [item, *(self._everything_in(name) if kind == "Namespace" else ())]
        if kind == "Pod" and (owners := item["metadata"].get("ownerReferences")):
            owner = self._get("ReplicaSet", owners[0]["name"], namespace or "")
            held += [owner and self._get("Deployment", owner["metadata"]["ownerReferences"][0]["name"], namespace or "")]
        return max(self._written.get(each["metadata"]["uid"], 0) for each in held if each)

    def _is_outdated(self, writer: Writer) -> bool:
        subject = subject_of(writer)
        return subject is not None and subject[1] < self._accepted(subject[0])

    def _tell(self, writer: Writer, did: str) -> None:
        self.problems.append(
            f"{writer.activity} of generation {(subject_of(writer) or ('', '?'))[1]} on process {writer.life.number}: {did}"
        )


def subject_of(writer: Writer) -> tuple[str, int] | None:
    """Namespace and generation that the activity was told to work for; None for one that works for none."""
    given = writer.arguments[0] if writer.arguments else None
    given = getattr(given, "attempt", None) or getattr(given, "entry", None) or given
    namespace, generation = getattr(given, "namespace", None), getattr(given, "generation", None)
    return None if namespace is None or generation is None else (namespace, generation)
