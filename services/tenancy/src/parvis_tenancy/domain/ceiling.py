"""The ceiling: what an act gives to whom, measured on the facts before and after it, and whether whoever acts may give
so much: by profiles, personal rights, hierarchy, tiers, delegations or what else there will be.

For every member and every right, at every moment from now on: a right that is given, or given further, is held as far
by whoever acts, of their own; and what it reaches, but for the member's own contacts, was reached by the member before
or is reached by whoever acts. Who is invited counts as active: nobody is asked again when they arrive.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from uuid import UUID

from parvis_tenancy.domain.catalogue import Right
from parvis_tenancy.domain.decisions import Grant, grants_of
from parvis_tenancy.domain.facts import Facts, Member
from parvis_tenancy.domain.scopes import REACHES, Relation, Scope

#: The advisers whose contacts are reached, or the members and structures; None: everything.
Reached = frozenset[UUID] | None


class _Place(Enum):
    """From where a reach goes down."""

    ITSELF = auto()
    BELOW = auto()
    PART = auto()


#: A reach before it is gathered: whole branches by their tops. None: everything.
_Branches = frozenset[tuple[_Place, UUID]] | None
_NOTHING: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Gain:
    """What a member has more of with a right. `scope`: how far the right is given, where it is given or given further;
    None where only its reach grew. `more`: what is reached and was not; `had`: what was.
    """

    member: UUID
    right: str
    at: datetime
    scope: Scope | None
    had: Reached
    more: Reached


class _State:
    """One state of the facts, and what was gathered in it."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._gathered: dict[tuple[_Place, UUID], frozenset[UUID]] = {}

    def grants(self, member: Member | None, right: str, at: datetime) -> tuple[Grant, ...]:
        """How a member holds a right."""
        if member is None or not member.active or right not in self.facts.catalogue:
            return ()
        return tuple(grants_of(self.facts, member, right, at))

    def branches(self, right: Right, grants: Collection[Grant]) -> _Branches:
        """What grants of a right reach together."""
        found: set[tuple[_Place, UUID]] = set()
        for grant in grants:
            branches = self._of_grant(right, grant)
            if branches is None:
                return None
            found |= branches
        return frozenset(found)

    def _of_grant(self, right: Right, grant: Grant) -> _Branches:
        if right.limited_by == "member":
            return frozenset({(_Place.PART, grant.holder.tier)}) if grant.holder.tier is not None else None
        relations = REACHES[grant.scope]
        if relations is None:
            return None
        superior = grant.holder.superior
        if Relation.BESIDE in relations and superior is not None:
            return frozenset({(_Place.BELOW, superior)})  # where the member is, with everybody below
        found = {(_Place.ITSELF, grant.holder.id)}
        if Relation.BELOW in relations:
            found.add((_Place.BELOW, grant.holder.id))
        return frozenset(found)

    def reached(self, branches: _Branches) -> Reached:
        """Everybody whom branches hold."""
        if branches is None:
            return None
        return _NOTHING.union(*map(self._gather, branches))

    def _gather(self, branch: tuple[_Place, UUID]) -> frozenset[UUID]:
        place, top = branch
        if place is _Place.ITSELF:
            return frozenset((top,))
        if branch not in self._gathered:
            self._gathered[branch] = self.facts.hierarchy.below(top) if place is _Place.BELOW else self._part(top)
        return self._gathered[branch]

    def _part(self, tier: UUID) -> frozenset[UUID]:
        structures = self.facts.structures_within(tier)
        return structures | {member.id for member in self.facts.members.values() if member.structure in structures}


def as_when_all_arrived(facts: Facts, invited: Collection[UUID]) -> Facts:
    """The facts with everybody active who is `invited`."""
    arrived = {each: replace(facts.members[each], active=True) for each in invited}
    return replace(facts, members={**facts.members, **arrived})


def gains(before: Facts, after: Facts, now: datetime, codes: Collection[str] | None = None) -> Iterator[Gain]:
    """What members reach more of (with these rights only), at each moment at which that may differ.

    Nothing is gained by the arrival of somebody whom nobody knew before.
    """
    was, becomes = _State(before), _State(after)
    known = frozenset(before.members) | frozenset(before.structures)
    changes = _Changes(before, after)
    differences: dict[tuple[_Branches, _Branches], tuple[Reached, Reached]] = {}
    for member in after.members.values():
        old = before.members.get(member.id)
        if not member.active or not changes.may_concern(old, member):
            continue
        for at in _moments(before, after, member.id, now):
            for code, right in after.catalogue.items():
                if codes is not None and code not in codes:
                    continue
                new_grants = becomes.grants(member, code, at)
                if not new_grants:
                    continue
                old_grants = was.grants(old, code, at)
                key = was.branches(right, old_grants), becomes.branches(right, new_grants)
                if key not in differences:
                    reached = was.reached(key[0])
                    differences[key] = reached, _more(reached, becomes.reached(key[1]), known)
                had, more = differences[key]
                given = _given(old_grants, new_grants)
                if more is not None:
                    more -= {member.id}
                if given is not None or more is None or more:
                    yield Gain(member.id, code, at, given, had, more)


def beyond(before: Facts, after: Facts, actor: UUID | None, now: datetime) -> tuple[str, ...]:
    """The codes of the rights of which an act gives somebody more than whoever acts could give."""
    state = _State(before)
    acting = before.members.get(actor) if actor is not None else None
    held = before.own_rights(acting) if acting is not None and acting.active else {}
    found = set()
    for gain in gains(before, after, now, codes=after.catalogue.keys() - unlimited(before, acting)):
        scope = held.get(gain.right)
        if acting is None or scope is None or (gain.scope is not None and scope.rank < gain.scope.rank):
            found.add(gain.right)
            continue
        own = state.reached(state.branches(before.catalogue[gain.right], [Grant(scope, acting)]))
        if own is not None and (gain.more is None or not gain.more <= own):
            found.add(gain.right)
    return tuple(sorted(found))


def unlimited(facts: Facts, member: Member | None) -> frozenset[str]:
    """The rights that a member may give to anybody, as far as can be."""
    if member is None or not member.active:
        return frozenset()
    return frozenset(
        code
        for code, scope in facts.own_rights(member).items()
        if scope is Scope.ALL and not (member.tier is not None and facts.catalogue[code].limited_by == "member")
    )


def _more(was: Reached, becomes: Reached, known: frozenset[UUID]) -> Reached:
    if was is None:
        return _NOTHING
    return None if becomes is None else (becomes & known) - was


def _given(old: Collection[Grant], new: Collection[Grant]) -> Scope | None:
    widest = max((grant.scope for grant in new), key=lambda scope: scope.rank)
    if all(grant.scope.rank < widest.rank for grant in old):
        return widest
    return None


class _Changes:
    """What an act changed around members, so that those whom it cannot concern are passed over."""

    def __init__(self, before: Facts, after: Facts) -> None:
        self._lent = before.lent.keys() | after.lent.keys()
        #: Those below whom somebody is, or was, who has another place now.
        self._above: set[UUID] = set()
        self._placed = before.structures != after.structures
        for member in after.members.values():
            old = before.members.get(member.id)
            if old is None or old.superior != member.superior:
                self._above.update(before.hierarchy.above(member.id), after.hierarchy.above(member.id))
            self._placed |= old is None or old.structure != member.structure

    def may_concern(self, old: Member | None, member: Member) -> bool:
        """Whether a member could reach something else than before."""
        if old != member or member.id in self._lent or not self._above.isdisjoint((member.id, member.superior)):
            return True
        return self._placed and member.tier is not None


def _moments(before: Facts, after: Facts, member: UUID, now: datetime) -> list[datetime]:
    """Now, and when something that is lent to a member begins or ends."""
    lent = (*before.lent.get(member, ()), *after.lent.get(member, ()))
    coming = {moment for each in lent for moment in (each.starts_at, each.ends_at) if moment > now}
    return [now, *sorted(coming)]
