"""How far a right reaches: each scope is declared here once, as relations between members.

From this the rest is made: sets of advisers (`Hierarchy.reached`), answers to "is this one reached?" by going up from
an adviser (`Hierarchy.relates`), SQL (`store.decisions`), and explanations.
"""

from collections.abc import Iterator, Mapping
from enum import IntEnum, StrEnum
from functools import cached_property
from types import MappingProxyType
from uuid import UUID


class Scope(IntEnum):
    """How far a right reaches, with the numbers of the contract and of the tables; `rank` has their order."""

    MINE = 1
    ALL = 2
    ATTACHED = 3
    GROUP = 4

    @property
    def rank(self) -> int:
        """Wider scopes have higher ranks: MINE, ATTACHED, GROUP, ALL."""
        return _ORDER.index(self)


class Relation(StrEnum):
    """How an adviser stands to the member who asks."""

    #: It is the member.
    SELF = "self"
    #: Attached to the member, at any depth.
    BELOW = "below"
    #: Attached to the member's superior, at any depth: the member's group. At the top there is none.
    BESIDE = "beside"


_ORDER = (Scope.MINE, Scope.ATTACHED, Scope.GROUP, Scope.ALL)

#: The advisers whose contacts a scope reaches; None: every contact, also one without adviser.
REACHES: Mapping[Scope, tuple[Relation, ...] | None] = MappingProxyType({
    Scope.MINE: (Relation.SELF,),
    Scope.ATTACHED: (Relation.SELF, Relation.BELOW),
    Scope.GROUP: (Relation.SELF, Relation.BELOW, Relation.BESIDE),
    Scope.ALL: None,
})  # fmt: skip


def widest(scopes: Iterator[Scope] | tuple[Scope, ...]) -> Scope:
    """The one that reaches furthest. Raises ValueError when there is none."""
    return max(scopes, key=lambda scope: scope.rank)


class Hierarchy:
    """Who is attached to whom: a forest, given as each member's superior. Whoever is not named is at the top."""

    def __init__(self, superiors: Mapping[UUID, UUID | None]) -> None:
        self.superiors = superiors

    def above(self, member: UUID) -> Iterator[UUID]:
        """The superiors of a member, nearest first."""
        superior = self.superiors.get(member)
        while superior is not None:
            yield superior
            superior = self.superiors.get(superior)

    def below(self, member: UUID) -> frozenset[UUID]:
        """Everybody attached to a member, at any depth."""
        found: list[UUID] = list(self._attached.get(member, ()))
        for each in found:  # grows while it is gone through
            found.extend(self._attached.get(each, ()))
        return frozenset(found)

    @cached_property
    def _attached(self) -> Mapping[UUID, list[UUID]]:
        attached: dict[UUID, list[UUID]] = {}
        for member, superior in self.superiors.items():
            if superior is not None:
                attached.setdefault(superior, []).append(member)
        return attached

    def related(self, relation: Relation, member: UUID) -> frozenset[UUID]:
        """Everybody who stands to a member in this relation."""
        if relation is Relation.SELF:
            return frozenset((member,))
        top = member if relation is Relation.BELOW else self.superiors.get(member)
        return self.below(top) if top is not None else frozenset()

    def relates(self, relation: Relation, member: UUID, adviser: UUID) -> bool:
        """Whether an adviser stands to a member in this relation: asked from the adviser upwards."""
        if relation is Relation.SELF:
            return member == adviser
        top = member if relation is Relation.BELOW else self.superiors.get(member)
        return top is not None and top in self.above(adviser)

    def reached(self, scope: Scope, member: UUID) -> frozenset[UUID] | None:
        """The advisers whose contacts a scope reaches; None: every contact."""
        relations = REACHES[scope]
        if relations is None:
            return None
        return frozenset().union(*(self.related(relation, member) for relation in relations))

    def moves_in_a_circle(self, member: UUID, superior: UUID | None) -> bool:
        """Whether somebody would be above themself if a member were attached to `superior`."""
        return superior is not None and (superior == member or member in self.above(superior))
