"""Everything that exists for a pull request, for assertions and for people."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Residue:
    """What there is of one pull request. Equal stacks have equal values, whatever happened on the way."""

    namespaces: Sequence[str] = field(default_factory=list)
    """With the generation that is written on it."""
    objects: Sequence[str] = field(default_factory=list)
    """`Kind/name`, without what controllers made."""
    workloads: Sequence[str] = field(default_factory=list)
    """Each with its images and how many pods of it are ready."""
    of_another_generation: Sequence[str] = field(default_factory=list)
    """Objects that say so, which must be none: they are not what the last request asked for."""
    databases: Sequence[str] = field(default_factory=list)
    """Each with its owner, and with what is not as it should be."""
    roles: Sequence[str] = field(default_factory=list)
    locks: Sequence[str] = field(default_factory=list)
    open_runs: Sequence[str] = field(default_factory=list)

    def unlike(self, other: "Residue") -> str:
        """What is different, for people; empty if nothing is."""
        return "; ".join(f"{name}: {mine} and not {vars(other)[name]}" for name, mine in vars(self).items() if mine != vars(other)[name])

    @property
    def is_nothing(self) -> bool:
        return self == Residue()
