"""Decisions: what a membership may do, compiled to a grant set, and single questions answered with their reasons.

Both say the same; they are made in two ways. A grant set gathers everybody whom a scope reaches, once; a question is
followed from the advisers of one contact upwards.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from parvis_tenancy.domain.catalogue import PORTAL_RIGHTS, Right
from parvis_tenancy.domain.facts import Delegation, Facts, Member, Portal
from parvis_tenancy.domain.scopes import REACHES, Relation, Scope

#: Why not.
Reason = Literal[
    "", "membership_ended", "right_missing", "out_of_scope", "out_of_tier", "not_subscribed", "not_assigned"
]
#: What is asked about: a contact, a member, a product; "" when only whether the right is held.
ResourceType = Literal["", "contact", "member", "product"]


@dataclass(frozen=True, slots=True)
class Question:
    """May this membership do this (to that)? A product is asked about without a right: may they open it?"""

    membership: UUID
    right: str
    type: ResourceType = ""
    resource: UUID | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """A right that somebody has: of their own, or of `holder` for whom they stand in."""

    scope: Scope
    holder: Member
    delegation: Delegation | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """How a grant reaches a contact: through one of its advisers, who stands so to the holder of the grant. One over
    everything needs none.
    """

    grant: Grant
    relation: Relation | None = None
    adviser: UUID | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Why, or why not. `path`: how the right is held, and how it reaches the contact."""

    reason: Reason = ""
    path: Path | None = None

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        return not self.reason


def grants_of(facts: Facts, member: Member, right: str, at: datetime) -> Iterator[Grant]:
    """How a member has a right at a moment: of their own first, then through each delegation."""
    scope = facts.own_rights(member).get(right)
    if scope is not None:
        yield Grant(scope, member)
    if not facts.catalogue[right].scoped:
        return
    for delegation in facts.lent.get(member.id, ()):
        if right not in delegation.codes or not delegation.holds(at):
            continue
        delegator = facts.members.get(delegation.delegator)
        if delegator is not None and delegator.active and (lent := facts.own_rights(delegator).get(right)) is not None:
            yield Grant(lent, delegator, delegation)


def decide(facts: Facts, question: Question, at: datetime) -> Answer:
    """The answer to a question whose right exists (a product is asked about without one)."""
    portal = facts.portals.get(question.membership)
    if portal is not None:
        return Answer(_against_portal(portal, question))
    member = facts.members.get(question.membership)
    if member is None or not member.active:
        return Answer("membership_ended")
    if question.type == "product":
        return Answer(_against_product(facts, member, question.resource))
    return _of_member(facts, member, question, at)


def _of_member(facts: Facts, member: Member, question: Question, at: datetime) -> Answer:
    grants = list(grants_of(facts, member, question.right, at))
    if not grants:
        return Answer("right_missing")
    right = facts.catalogue[question.right]
    if question.type == "member":
        return _over_a_member(facts, member, right, question.resource, grants[0])
    if question.type != "contact" or not right.scoped:
        return Answer(path=Path(grants[0]))
    advisers = facts.advisers.get(question.resource, frozenset()) if question.resource else frozenset[UUID]()
    path = next((path for grant in grants if (path := path_to(facts, grant, advisers)) is not None), None)
    return Answer(path=path) if path is not None else Answer("out_of_scope")


def path_to(facts: Facts, grant: Grant, advisers: frozenset[UUID]) -> Path | None:
    """How a grant reaches a contact with these advisers; None when it does not. The nearest relation counts."""
    relations = REACHES[grant.scope]
    if relations is None:
        return Path(grant)
    for relation in relations:
        for adviser in sorted(advisers):
            if facts.hierarchy.relates(relation, grant.holder.id, adviser):
                return Path(grant, relation, adviser)
    return None


def _against_portal(portal: Portal, question: Question) -> Reason:
    if not portal.active:
        return "membership_ended"
    if question.right not in PORTAL_RIGHTS:
        return "right_missing"
    return "out_of_scope" if question.type == "contact" and question.resource not in portal.contacts else ""


def _against_product(facts: Facts, member: Member, product: UUID | None) -> Reason:
    if product not in facts.subscribed:
        return "not_subscribed"
    return "" if product in member.products else "not_assigned"


def _over_a_member(facts: Facts, member: Member, right: Right, other: UUID | None, grant: Grant) -> Answer:
    subject = facts.members.get(other) if other is not None else None
    if right.limited_by != "member" or member.tier is None:
        return Answer(path=Path(grant))
    within = subject is not None and facts.is_within(subject.structure, member.tier)
    return Answer(path=Path(grant)) if within else Answer("out_of_tier")


@dataclass(frozen=True, slots=True)
class CompiledRight:
    """A right as services apply it: to everything (`advisers` is None), or to what carries one of the advisers; to
    members of these structures only, where there are any.
    """

    code: str
    advisers: frozenset[UUID] | None
    structures: frozenset[UUID] | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """What one membership may do from a moment on, and before `valid_until`, when that is set.

    Staff hold rights and products; portal accesses hold contacts, each with its folder templates (none: all).
    """

    rights: tuple[CompiledRight, ...] = ()
    products: tuple[UUID, ...] = ()
    contacts: Mapping[UUID, tuple[UUID, ...]] = field(default_factory=dict)
    valid_until: datetime | None = None


def compile_staff(facts: Facts, member: Member, at: datetime) -> Compiled:
    """All that a member may do, with scopes resolved to advisers."""
    tier = facts.structures_within(member.tier) if member.tier is not None else None
    reached: dict[tuple[Scope, UUID], frozenset[UUID] | None] = {}
    rights = []
    for code, right in facts.catalogue.items():
        grants = list(grants_of(facts, member, code, at))
        if not grants:
            continue
        sets: list[frozenset[UUID] | None] = []
        for grant in grants if right.scoped else grants[:1]:
            key = (grant.scope, grant.holder.id)
            if key not in reached:  # one set for all rights of this reach
                reached[key] = facts.hierarchy.reached(*key)
            sets.append(reached[key])
        rights.append(CompiledRight(code, _union(sets), tier if right.limited_by == "member" else None))
    return Compiled(
        rights=tuple(rights),
        products=tuple(sorted(member.products & facts.subscribed)),
        valid_until=min(
            (
                moment
                for delegation in facts.delegations
                if delegation.deputy == member.id
                for moment in (delegation.starts_at, delegation.ends_at)
                if moment > at
            ),
            default=None,
        ),
    )


def _union(sets: list[frozenset[UUID] | None]) -> frozenset[UUID] | None:
    if len(sets) == 1:
        return sets[0]
    found: set[UUID] = set()
    for each in sets:
        if each is None:
            return None
        found |= each
    return frozenset(found)
