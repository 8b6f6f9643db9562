"""Explanations are carried out in the facts of the rules: nothing of the product decides whether they were right.

A chain alone must give the answer that it explains: an organisation in which nothing else is true. A remedy must give
a yes once it is made, and no part of it may be enough.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import reference
from facts import ACTIVE, CUT, Access, Delegation, Facts, Member, Profile, Question, kind_of, number_of

from parvis_tenancy.domain.explanations import Change, ChangeKind, Fact, FactKind

_NOTHING = 0
_TIER = 1
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def alone(facts: Facts, question: Question, chain: Sequence[Fact]) -> Facts:
    """An organisation in which the links of a chain are true, and nothing else but which rights exist."""
    bare = replace(
        facts,
        profiles={_NOTHING: Profile(_NOTHING)},
        members={
            who: Member(who, _NOTHING, CUT, tier=_TIER if member.tier else None)
            for who, member in facts.members.items()
        },
        contacts={each: replace(contact, advisers={}) for each, contact in facts.contacts.items()},
        accesses={each: Access(each, CUT, frozenset()) for each in facts.accesses},
        delegations=(),
        structures={_TIER: None},
        assignments=frozenset(),
    )
    if question.target == "product":
        bare = replace(bare, products={each: replace(it, subscribed=False) for each, it in facts.products.items()})
    for link in chain:
        bare = _true(bare, link)
    return bare


def _true(facts: Facts, link: Fact) -> Facts:
    subject, other, scope = _numbers(link)
    if link.kind in _ALIKE:
        return _alike(facts, _ALIKE[link.kind], link, subject, other)
    if link.kind is FactKind.DELEGATED:
        assert link.until is not None
        loan = Delegation(1, other, subject, (link.right,), _EVER, link.until)
        return replace(facts, delegations=(*facts.delegations, loan))
    if link.kind in {FactKind.ADMINISTRATOR, FactKind.PROFILE}:
        administrator = link.kind is FactKind.ADMINISTRATOR
        return _holding(facts, subject, Profile(100 + subject, administrator, rights={link.right: scope}))
    if link.kind is FactKind.PERSONAL:
        return _member(facts, subject, personal={link.right: scope})
    if link.kind is FactKind.WITHIN:
        return _member(facts, other, structure=_TIER)
    assert link.kind is FactKind.ATTACHED, link
    return _member(facts, subject, superior=other)


def made(facts: Facts, change: Change) -> Facts:
    """The facts after a change of a remedy."""
    subject, other, scope = _numbers(change)
    if change.kind is ChangeKind.GRANT:
        return _member(facts, subject, personal={**facts.members[subject].personal, change.right: scope})
    if change.kind is ChangeKind.ATTACH:
        return _member(facts, other, superior=subject)
    if change.kind is ChangeKind.LIFT_TIER:
        return _member(facts, subject, tier=None)
    return _alike(facts, change.kind, change, subject, other)


#: Facts that a change of a remedy makes true.
_ALIKE = {
    FactKind.ACTIVE: ChangeKind.OPEN,
    FactKind.ACTS_FOR: ChangeKind.ACT_FOR,
    FactKind.ADVISES: ChangeKind.ADVISE,
    FactKind.SUBSCRIBED: ChangeKind.SUBSCRIBE,
    FactKind.ASSIGNED: ChangeKind.ASSIGN,
}


def _alike(facts: Facts, kind: ChangeKind, link: Fact | Change, subject: int, other: int) -> Facts:
    if kind is ChangeKind.SUBSCRIBE:
        return replace(facts, products={**facts.products, other: replace(facts.products[other], subscribed=True)})
    if kind is ChangeKind.ASSIGN:
        return replace(facts, assignments=facts.assignments | {(other, subject)})
    if kind is ChangeKind.ADVISE:
        return _advised(facts, other, subject)
    if kind is ChangeKind.ACT_FOR:
        access = facts.accesses[subject]
        return _access(facts, replace(access, contacts=access.contacts | {other}))
    assert kind is ChangeKind.OPEN, kind
    if kind_of(link.subject) == "portal":
        return _access(facts, replace(facts.accesses[subject], state=ACTIVE))
    return _member(facts, subject, state=ACTIVE)


def _numbers(link: Fact | Change) -> tuple[int, int, int]:
    """Subject, object and scope."""
    return number_of(link.subject), 0 if link.object is None else number_of(link.object), int(link.scope or 0)


def enough(facts: Facts, question: Question, changes: Sequence[Change]) -> bool:
    """Whether changes turn the answer to a question into a yes."""
    for change in changes:
        facts = made(facts, change)
    return reference.decide(facts, question).allowed


def _member(facts: Facts, who: int, **changes: object) -> Facts:
    member = replace(facts.members[who], **changes)  # type: ignore[arg-type] # fields of Member
    return replace(facts, members={**facts.members, who: member})


def _access(facts: Facts, access: Access) -> Facts:
    return replace(facts, accesses={**facts.accesses, access.id: access})


def _holding(facts: Facts, who: int, profile: Profile) -> Facts:
    return _member(replace(facts, profiles={**facts.profiles, profile.id: profile}), who, profile=profile.id)


def _advised(facts: Facts, contact: int, adviser: int) -> Facts:
    found = facts.contacts[contact]
    advised = replace(found, advisers={**found.advisers, adviser: 2})
    return replace(facts, contacts={**facts.contacts, contact: advised})
