"""Why, and why not: the facts that lead to an answer, and the smallest changes that would turn a no into a yes.

A chain is enough by itself: an organisation in which nothing but its facts is true gives the same answer. A remedy is
found by making the change to the facts and asking again, so it is right by construction.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from itertools import combinations
from uuid import UUID

from parvis_tenancy.domain.catalogue import ADMINISTRATOR, PORTAL_RIGHTS
from parvis_tenancy.domain.decisions import Answer, Grant, Path, Question, decide
from parvis_tenancy.domain.facts import Facts, Member, Portal
from parvis_tenancy.domain.rights import WITHDRAWN
from parvis_tenancy.domain.scopes import Relation, Scope


class FactKind(StrEnum):
    """What a link of a chain says of its subject (and object)."""

    #: The membership is in use.
    ACTIVE = "active"
    #: The member's profile is *Administrator*, which holds everything.
    ADMINISTRATOR = "administrator"
    #: The member's profile (object) grants the right.
    PROFILE = "profile"
    #: The member has the right beyond their profile.
    PERSONAL = "personal"
    #: The subject stands in for the object with the right, until a moment.
    DELEGATED = "delegated"
    #: The subject is an adviser of the contact (object).
    ADVISES = "advises"
    #: The subject is attached to the object.
    ATTACHED = "attached"
    #: The portal access acts for the contact (object).
    ACTS_FOR = "acts_for"
    #: The member (object) belongs to the structure that the subject administers.
    WITHIN = "within"
    #: The organisation has the product (object).
    SUBSCRIBED = "subscribed"
    #: The product (object) is assigned to the member.
    ASSIGNED = "assigned"


@dataclass(frozen=True, slots=True)
class Fact:
    """A link of a chain."""

    kind: FactKind
    subject: UUID
    object: UUID | None = None
    right: str = ""
    scope: Scope | None = None
    until: datetime | None = None


class ChangeKind(StrEnum):
    """What could be done, from what opens least to what opens most."""

    #: Open or accept the membership.
    OPEN = "open"
    #: Assign the product (object) to the member.
    ASSIGN = "assign"
    #: Let the portal access act for the contact (object).
    ACT_FOR = "act_for"
    #: Make the member an adviser of the contact (object).
    ADVISE = "advise"
    #: Give the member the right, as far as the scope.
    GRANT = "grant"
    #: Attach the object, an adviser of the contact, to the member.
    ATTACH = "attach"
    #: End the limit of the member's administration to a structure.
    LIFT_TIER = "lift_tier"
    #: Subscribe the product (object).
    SUBSCRIBE = "subscribe"


@dataclass(frozen=True, slots=True)
class Change:
    """Something that could be done for `subject`."""

    kind: ChangeKind
    subject: UUID
    object: UUID | None = None
    right: str = ""
    scope: Scope | None = None


#: Changes that together turn a no into a yes.
Remedy = tuple[Change, ...]
_MOST_REMEDIES = 3
_MOST_CHANGES = 3


def chain(facts: Facts, question: Question, answer: Answer) -> tuple[Fact, ...]:
    """The facts that an answer of yes rests on, from who asks to what is asked about."""
    if question.membership in facts.portals:
        active = Fact(FactKind.ACTIVE, question.membership)
        if question.type != "contact":
            return (active,)
        return active, Fact(FactKind.ACTS_FOR, question.membership, question.resource)
    if question.type == "product":
        return (
            Fact(FactKind.ACTIVE, question.membership),
            Fact(FactKind.SUBSCRIBED, question.membership, question.resource),
            Fact(FactKind.ASSIGNED, question.membership, question.resource),
        )
    if answer.path is None:
        return ()
    grant = answer.path.grant
    links = [Fact(FactKind.ACTIVE, question.membership)]
    if grant.delegation is not None:
        lent = grant.delegation
        links += [
            Fact(FactKind.DELEGATED, lent.deputy, lent.delegator, question.right, grant.scope, lent.ends_at),
            Fact(FactKind.ACTIVE, lent.delegator),
        ]
    links.append(_held(facts, grant, question.right))
    links += _to_contact(facts, answer.path, question.resource)
    member = facts.members[question.membership]
    limited = facts.catalogue[question.right].limited_by == "member" and member.tier is not None
    if question.type == "member" and limited:
        links.append(Fact(FactKind.WITHIN, member.id, question.resource))
    return tuple(links)


def _held(facts: Facts, grant: Grant, right: str) -> Fact:
    holder = grant.holder
    if holder.profile.built_in == ADMINISTRATOR:
        return Fact(FactKind.ADMINISTRATOR, holder.id, holder.profile.id, right, grant.scope)
    if holder.personal.get(right, WITHDRAWN) != WITHDRAWN:
        return Fact(FactKind.PERSONAL, holder.id, None, right, grant.scope)
    return Fact(FactKind.PROFILE, holder.id, holder.profile.id, right, facts.of_profile(holder.profile)[right])


def _to_contact(facts: Facts, path: Path, contact: UUID | None) -> Iterator[Fact]:
    if path.adviser is None:
        return
    holder, superiors = path.grant.holder, facts.hierarchy.superiors
    if path.relation is Relation.BESIDE:
        yield Fact(FactKind.ATTACHED, holder.id, holder.superior)
    top = {Relation.SELF: path.adviser, Relation.BELOW: holder.id, Relation.BESIDE: holder.superior}[
        path.relation or Relation.SELF
    ]
    step: UUID | None = path.adviser
    steps = []
    while step is not None and step != top:
        steps.append(Fact(FactKind.ATTACHED, step, superiors.get(step)))
        step = superiors.get(step)
    yield from reversed(steps)
    yield Fact(FactKind.ADVISES, path.adviser, contact)


def remedies(facts: Facts, question: Question, at: datetime) -> tuple[Remedy, ...]:
    """The smallest sets of changes that would allow what is refused: those first that open least, then fewest changes.

    Nothing in a remedy is there in vain: no part of it would be enough. None where nothing that can be changed would
    help: a portal access has no rights but those over its contacts.
    """
    candidates = list(_candidates(facts, question))
    found: list[Remedy] = []
    for count in range(1, _MOST_CHANGES + 1):
        for changes in combinations(candidates, count):
            if any(set(each) <= set(changes) for each in found):
                continue
            changed = facts
            for change in changes:
                changed = apply(changed, change)
            if decide(changed, question, at).allowed:
                found.append(changes)
    found.sort(key=lambda each: (sum(map(_opens, each)), len(each)))
    return tuple(_without_wider(found))[:_MOST_REMEDIES]


def _opens(change: Change) -> int:
    """How much a change opens, roughly: what concerns one contact, one member's contacts, a team's, everybody's."""
    if change.scope is not None:
        return {Scope.MINE: 2, Scope.ATTACHED: 10, Scope.GROUP: 20, Scope.ALL: 100}[change.scope]
    return {ChangeKind.ATTACH: 10, ChangeKind.LIFT_TIER: 50, ChangeKind.SUBSCRIBE: 50}.get(change.kind, 1)


def _without_wider(found: Sequence[Remedy]) -> Iterator[Remedy]:
    """One remedy of each sort: where a shorter scope is enough, wider ones are not proposed."""
    seen: set[tuple[ChangeKind, ...]] = set()
    for each in found:
        sort = tuple(sorted(change.kind for change in each))
        if sort not in seen:
            seen.add(sort)
            yield each


def _candidates(facts: Facts, question: Question) -> Iterator[Change]:
    who, what = question.membership, question.resource
    holder = facts.portals.get(who) or facts.members.get(who)
    if holder is None:
        return
    if not holder.active:
        yield Change(ChangeKind.OPEN, who)
    if isinstance(holder, Portal):
        if question.type == "contact" and question.right in PORTAL_RIGHTS:
            yield Change(ChangeKind.ACT_FOR, who, what)
    elif question.type == "product":
        yield Change(ChangeKind.ASSIGN, who, what)
        yield Change(ChangeKind.SUBSCRIBE, who, what)
    else:
        yield from _closer(facts, question)
        yield from _wider(facts, question, holder)


def _closer(facts: Facts, question: Question) -> Iterator[Change]:
    """Changes that bring the contact nearer to the member."""
    who, what = question.membership, question.resource
    if question.type != "contact" or what is None or not facts.catalogue[question.right].scoped:
        return
    yield Change(ChangeKind.ADVISE, who, what)
    for adviser in sorted(facts.advisers.get(what, ())):
        if not facts.hierarchy.moves_in_a_circle(adviser, who):
            yield Change(ChangeKind.ATTACH, who, adviser)


def _wider(facts: Facts, question: Question, member: Member) -> Iterator[Change]:
    """Changes that let the member's rights reach further."""
    scoped = facts.catalogue[question.right].scoped
    if member.profile.built_in != ADMINISTRATOR:
        for scope in sorted(Scope, key=lambda each: each.rank) if scoped else (Scope.ALL,):
            yield Change(ChangeKind.GRANT, member.id, None, question.right, scope)
    if member.tier is not None:
        yield Change(ChangeKind.LIFT_TIER, member.id, member.tier)


def apply(facts: Facts, change: Change) -> Facts:
    """The facts as they would be after a change."""
    if (portal := facts.portals.get(change.subject)) is not None:
        if change.kind is ChangeKind.ACT_FOR and change.object is not None:
            changed = replace(portal, contacts=portal.contacts | {change.object})
        else:
            changed = replace(portal, active=True)
        return replace(facts, portals={**facts.portals, portal.id: changed})
    if change.kind is ChangeKind.SUBSCRIBE and change.object is not None:
        return replace(facts, subscribed=facts.subscribed | {change.object})
    if change.kind is ChangeKind.ADVISE and change.object is not None:
        advisers = facts.advisers.get(change.object, frozenset()) | {change.subject}
        return replace(facts, advisers={**facts.advisers, change.object: advisers})
    if change.kind is ChangeKind.ATTACH and change.object is not None:
        if (below := facts.members.get(change.object)) is not None:
            return _with(facts, replace(below, superior=change.subject))
        return replace(facts, superiors={**facts.superiors, change.object: change.subject})
    return _with(facts, _changed(facts.members[change.subject], change))


def _changed(member: Member, change: Change) -> Member:
    if change.kind is ChangeKind.OPEN:
        return replace(member, active=True)
    if change.kind is ChangeKind.ASSIGN and change.object is not None:
        return replace(member, products=member.products | {change.object})
    if change.kind is ChangeKind.GRANT and change.scope is not None:
        return replace(member, personal={**member.personal, change.right: int(change.scope)})
    return replace(member, tier=None)


def _with(facts: Facts, member: Member) -> Facts:
    return replace(facts, members={**facts.members, member.id: member})
