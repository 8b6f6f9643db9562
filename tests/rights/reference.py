"""The rules of rights in plain Python, each function one sentence of them: what every other evaluator must agree with.

Naive on purpose. It walks, it compares everything with everything, it remembers nothing and knows no code of the
product. When it disagrees with the product, one of the two has read the rules wrongly.
"""

from datetime import datetime

from facts import (
    ACTIVE,
    ALL,
    ATTACHED,
    CATALOGUE,
    GROUP,
    MINE,
    OF_EVERYBODY,
    PORTAL_RIGHTS,
    RIGHTS,
    WITHDRAWN,
    YES,
    Answer,
    Delegation,
    Facts,
    Limit,
    MembershipKind,
    Question,
)


def decide(facts: Facts, question: Question) -> Answer:
    """May they? With the first reason against it."""
    if question.kind == "portal":
        return _of_access(facts, question)
    if question.target == "product":
        return _of_product(facts, question)
    return _of_member(facts, question)


def objects(facts: Facts, kind: MembershipKind, who: int, right: str, at: datetime) -> frozenset[int]:
    """The contacts that a membership reaches with a right: all those that `decide` says yes to."""
    return frozenset(
        contact
        for contact in facts.contacts
        if decide(facts, Question(kind, who, right, "contact", contact, at)).allowed
    )


def subjects(facts: Facts, right: str, contact: int, at: datetime) -> frozenset[tuple[MembershipKind, int]]:
    """The memberships, of members and portal accesses, that reach a contact with a right."""
    return frozenset(
        (kind, who)
        for kind, who in everybody(facts)
        if decide(facts, Question(kind, who, right, "contact", contact, at)).allowed
    )


def holders(facts: Facts, right: str, at: datetime) -> frozenset[int]:
    """The members who hold a right, of their own or lent, whatever it reaches."""
    return frozenset(who for who in facts.members if decide(facts, Question("member", who, right, "", 0, at)).allowed)


def everybody(facts: Facts) -> list[tuple[MembershipKind, int]]:
    """All memberships."""
    return [*(("member", who) for who in facts.members), *(("portal", who) for who in facts.accesses)]


def _of_access(facts: Facts, question: Question) -> Answer:
    """An active access holds the rights of the portal over exactly the contacts that it acts for; nothing else."""
    access = facts.accesses[question.who]
    if access.state != ACTIVE:
        return Answer(allowed=False, reason="membership_ended")
    if not exists(facts, question.right):
        return Answer(allowed=False, reason="right_unknown")
    if question.right not in PORTAL_RIGHTS:
        return Answer(allowed=False, reason="right_missing")
    if question.target == "contact" and question.what not in access.contacts:
        return Answer(allowed=False, reason="out_of_scope")
    return YES


def _of_product(facts: Facts, question: Question) -> Answer:
    """A product is launched by the active members that it is assigned to, while their organisation subscribes it."""
    if facts.members[question.who].state != ACTIVE:
        return Answer(allowed=False, reason="membership_ended")
    if not facts.products[question.what].subscribed:
        return Answer(allowed=False, reason="not_subscribed")
    if (question.what, question.who) not in facts.assignments:
        return Answer(allowed=False, reason="not_assigned")
    return YES


def _of_member(facts: Facts, question: Question) -> Answer:
    if facts.members[question.who].state != ACTIVE:
        return Answer(allowed=False, reason="membership_ended")
    if not exists(facts, question.right):
        return Answer(allowed=False, reason="right_unknown")
    lent = givers(facts, question.who, question.right, question.at)
    if question.right not in own_rights(facts, question.who) and not lent:
        return Answer(allowed=False, reason="right_missing")
    if question.target == "contact" and not _reaches(facts, question, lent):
        return Answer(allowed=False, reason="out_of_scope")
    tiered = question.target == "member" and limited_by(facts, question.right) == "member"
    if tiered and not in_tier(facts, question.who, question.what):
        return Answer(allowed=False, reason="out_of_tier")
    return YES


def _reaches(facts: Facts, question: Question, lent: frozenset[int]) -> bool:
    """A right reaches what it reaches by itself, and what it reaches for each of those who lent it."""
    return any(reaches(facts, each, question.right, question.what) for each in (question.who, *lent))


def exists(facts: Facts, code: str) -> bool:
    """Rights of ours exist everywhere, some at the provider only; those of a product where it is subscribed, until it
    withdraws them.
    """
    if code in RIGHTS:
        return facts.provider or not RIGHTS[code].provider_only
    return any(
        each.code == code and not each.withdrawn and facts.products[each.product].subscribed
        for each in facts.product_rights
    )


def limited_by(facts: Facts, code: str) -> Limit:
    """Whether a right is over contacts, over members of a tier, or over neither."""
    if code in RIGHTS:
        return RIGHTS[code].limited_by
    return "contact" if any(each.code == code and each.scoped for each in facts.product_rights) else ""


def requires(facts: Facts, code: str) -> tuple[str, ...]:
    """The rights without which nobody is to hold another."""
    declared = {each.code: each.requires for each in facts.product_rights}
    return RIGHTS[code].requires if code in RIGHTS else declared.get(code, ())


def own_rights(facts: Facts, who: int) -> dict[str, int]:
    """What a member holds of its own: the rights of its profile, changed by its personal ones, as far as they exist.

    The administrator holds every right over everything, without personal difference; a personal right replaces the
    profile's scope, adds the right or, with scope 0, withdraws it. What is not over contacts reaches all that it is
    about. What concerns everybody is not held in a tier.
    """
    member = facts.members[who]
    profile = facts.profiles[member.profile]
    if profile.administrator:
        known = [right.code for right in CATALOGUE] + [each.code for each in facts.product_rights]
        held = dict.fromkeys(known, ALL)
    else:
        held = dict(profile.rights) | dict(member.personal)
        held = {code: scope for code, scope in held.items() if scope != WITHDRAWN}
    held = {code: scope if limited_by(facts, code) == "contact" else ALL for code, scope in held.items()}
    if member.tier is not None:
        held = {code: scope for code, scope in held.items() if code not in OF_EVERYBODY}
    return {code: scope for code, scope in held.items() if exists(facts, code)}


def superiors(facts: Facts, who: int) -> list[int]:
    """Everybody above a member, nearest first."""
    found = []
    above = facts.members[who].superior
    while above is not None:
        found.append(above)
        above = facts.members[above].superior
    return found


def below(facts: Facts, who: int) -> frozenset[int]:
    """Everybody attached to a member, at all levels and in any state."""
    return frozenset(each for each in facts.members if who in superiors(facts, each))


def adviser_set(facts: Facts, who: int, scope: int) -> frozenset[int]:
    """The members whose contacts a scope reaches. MINE: one's own; ATTACHED: and everybody's below; GROUP: and
    everybody's strictly below one's superior, whom somebody at the top does not have.
    """
    found = {who}
    if scope in {ATTACHED, GROUP}:
        found |= below(facts, who)
    superior = facts.members[who].superior
    if scope == GROUP and superior is not None:
        found |= below(facts, superior)
    return frozenset(found)


def reaches(facts: Facts, who: int, code: str, contact: int) -> bool:
    """Whether a right that a member holds of its own reaches a contact: one of its advisers, in any role, is in the
    scope's set. ALL reaches everything, also contacts without adviser.
    """
    scope = own_rights(facts, who).get(code)
    if scope is None:
        return False
    if scope == ALL:
        return True
    assert scope in {MINE, ATTACHED, GROUP}
    return any(each in adviser_set(facts, who, scope) for each in facts.contacts[contact].advisers)


def in_force(each: Delegation, at: datetime) -> bool:
    """A delegation begins with its first instant, and is over at its last; one that was ended is over."""
    return each.starts <= at < each.ends and each.ended is None


def givers(facts: Facts, who: int, code: str, at: datetime) -> frozenset[int]:
    """Those who lend a member a right at a moment: active, and holding it of their own, over contacts. What was lent to
    them they do not lend.
    """
    return frozenset(
        each.giver
        for each in facts.delegations
        if each.taker == who
        and code in each.codes
        and limited_by(facts, code) == "contact"
        and in_force(each, at)
        and facts.members[each.giver].state == ACTIVE
        and code in own_rights(facts, each.giver)
    )


def in_tier(facts: Facts, who: int, target: int) -> bool:
    """A member with a tier acts on members whose structure is that one or a part of it; others act on everybody."""
    tier = facts.members[who].tier
    if tier is None:
        return True
    structure = facts.members[target].structure
    while structure is not None:
        if structure == tier:
            return True
        structure = facts.structures[structure]
    return False
