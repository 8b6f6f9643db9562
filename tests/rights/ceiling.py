"""The law of the ceiling: nobody grants what they do not hold, by any path.

An act turns facts into others. Whatever it was, for every member and right: what the member reaches afterwards and did
not before is reached by whoever acted, with that right, of their own, at least as far. What was lent to somebody is no
ceiling of theirs. Whoever is new reaches and is reached as from the beginning; whoever is invited counts as if they
had come, since nobody asks again then.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import reference
from facts import ACTIVE, ALL, INVITED, SCOPES, Delegation, Facts

Reach = frozenset[int]


def broken(before: Facts, after: Facts, actor: int) -> list[str]:
    """What an act of a member lifted above the ceiling, a line each; empty when it kept the law."""
    return [line for who in after.members for line in _lifted(before, after, actor, who)]


def outside_tier(before: Facts, after: Facts, actor: int) -> list[str]:
    """Members that an act changed although they are not in the tier of whoever acted."""
    return [
        f"member {who} was changed from outside the tier of member {actor}"
        for who, member in after.members.items()
        if who in before.members and member != before.members[who] and not reference.in_tier(before, actor, who)
    ]


def administrators(facts: Facts) -> list[int]:
    """Active members who hold everything, everywhere: one must always remain."""
    return [
        who
        for who, member in facts.members.items()
        if facts.profiles[member.profile].administrator and member.state == ACTIVE and member.tier is None
    ]


def _lifted(before: Facts, after: Facts, actor: int, who: int) -> Iterator[str]:
    for code in sorted({*_held(after, who), *_borrowed(after, who)}):
        gained = _reach(after, who, code) & frozenset(before.members) - _reach(before, who, code) - {who}
        scope, earlier = _widest(after, who, code), _widest(before, who, code)
        widened = scope is not None and (earlier is None or SCOPES.index(scope) > SCOPES.index(earlier))
        if not gained and not widened:
            continue
        ceiling = _held(before, actor).get(code)
        if ceiling is None:
            yield f"member {who} gained {code} from member {actor}, who does not hold it"
        elif widened and scope is not None and SCOPES.index(scope) > SCOPES.index(ceiling):
            yield f"member {who} got {code} with scope {scope} from member {actor}, who has {ceiling}"
        elif beyond := gained - _own_reach(before, actor, code):
            yield f"member {who} gained {code} over {sorted(beyond)} from member {actor}, who does not reach them"


def _counts(facts: Facts, who: int) -> bool:
    return who in facts.members and facts.members[who].state in {ACTIVE, INVITED}


def _held(facts: Facts, who: int) -> dict[str, int]:
    return reference.own_rights(facts, who) if _counts(facts, who) else {}


def _borrowed(facts: Facts, who: int) -> dict[str, frozenset[int]]:
    """Rights that are lent to a member, now or later, with those who lend them."""
    found: dict[str, frozenset[int]] = {}
    for loan in facts.delegations if _counts(facts, who) else ():
        if loan.taker != who or loan.ended is not None or not _counts(facts, loan.giver):
            continue
        for code in set(loan.codes) & _held(facts, loan.giver).keys():
            if reference.limited_by(facts, code) == "contact":
                found[code] = found.get(code, frozenset()) | {loan.giver}
    return found


def _widest(facts: Facts, who: int, code: str) -> int | None:
    """The scope that reaches furthest, of one's own or of those who lend it."""
    holders = (who, *_borrowed(facts, who).get(code, ()))
    scopes = [_held(facts, each)[code] for each in holders if code in _held(facts, each)]
    return max(scopes, key=SCOPES.index, default=None)


def _reach(facts: Facts, who: int, code: str) -> Reach:
    """The members whom a right is about, of one's own and of those who lend it."""
    own = _own_reach(facts, who, code)
    return own.union(*(_own_reach(facts, each, code) for each in _borrowed(facts, who).get(code, ())))


def _own_reach(facts: Facts, who: int, code: str) -> Reach:
    """The members whom a right, held of one's own, is about: whose contacts it reaches, or whom it administers."""
    scope = _held(facts, who).get(code)
    if scope is None:
        return frozenset()
    if reference.limited_by(facts, code) == "member":
        return frozenset(each for each in facts.members if reference.in_tier(facts, who, each))
    return frozenset(facts.members) if scope == ALL else reference.adviser_set(facts, who, scope)


def reaching_more(before: Facts, after: Facts, at: datetime) -> dict[int, set[str]]:
    """The rights with which members reach more than before, at a moment; who reaches no more is left out."""
    was, becomes = (replace(each, delegations=_standing(each, at)) for each in (before, after))
    found = {
        who: {
            code
            for code in {*_held(becomes, who), *_borrowed(becomes, who)}
            if _reach(becomes, who, code) - _reach(was, who, code) - {who}
        }
        for who in after.members
    }
    return {who: codes for who, codes in found.items() if codes}


def _standing(facts: Facts, at: datetime) -> tuple[Delegation, ...]:
    return tuple(each for each in facts.delegations if reference.in_force(each, at))


def settled(facts: Facts) -> list[str]:
    """Members who hold a right without one that it requires, or over more (requirement O18); empty when nobody does."""
    return [
        f"member {who} holds {code} without {need} as far"
        for who in facts.members
        for code, scope in reference.own_rights(facts, who).items()
        for need in reference.requires(facts, code)
        if reference.exists(facts, need) and not _reaches_as_far(facts, who, code, scope, need)
    ]


def _reaches_as_far(facts: Facts, who: int, code: str, scope: int, need: str) -> bool:
    held = reference.own_rights(facts, who).get(need)
    if held is None:
        return False
    both = reference.limited_by(facts, code) == reference.limited_by(facts, need) == "contact"
    return not both or SCOPES.index(held) >= SCOPES.index(scope)
