"""Chance makes organisations and questions, fond of edges: long chains and loops of delegation, people at the top,
cut or invited, withdrawals, moments at which something begins or ends, contacts without adviser, rights that are gone.

One organisation serves many questions: what takes time is to write it into a database. A case is named by its seed.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal

from facts import (
    ACTIVE,
    ALL,
    CATALOGUE,
    CUT,
    INVITED,
    PORTAL_RIGHTS,
    RIGHTS,
    SCOPES,
    TAKEN_BACK,
    WITHDRAWN,
    Access,
    Contact,
    Delegation,
    Facts,
    Member,
    Product,
    ProductRight,
    Profile,
    Question,
)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
#: What two products may declare; `planning.move` requires what our own catalogue has, as well.
DECLARED = (
    ("agenda.read", 1, True, ()),
    ("agenda.write", 1, True, ("agenda.read",)),
    ("agenda.configure", 1, False, ()),
    ("planning.see", 2, True, ("contacts.read",)),
    ("planning.move", 2, True, ("planning.see",)),
)
CODES = [right.code for right in CATALOGUE]
OVER_CONTACTS = [right.code for right in CATALOGUE if right.limited_by == "contact"]
OVER_MEMBERS = [right.code for right in CATALOGUE if right.limited_by == "member"]
NEVER_DECLARED = "never.declared"
Shape = Literal["chain", "star", "forest", "flat"]


def organisation(seed: int, *, size: int | None = None, depth: int = 40) -> Facts:
    """The facts that a seed stands for. `size` members (by chance: mostly few), at most `depth` levels of them."""
    chance = Random(seed)
    count = size or chance.choice((1, 2, 3, 4, 5, 6, 6, 7, 8, 9, 12, 16, 24, 40))
    products = {each: Product(each, chance.random() < 0.75, chance.choice((None, 0, 1, 3))) for each in (1, 2)}
    declared = tuple(
        ProductRight(code, product, scoped, requires, withdrawn=chance.random() < 0.25)
        for code, product, scoped, requires in DECLARED
        if chance.random() < 0.8
    )
    structures = _structures(chance)
    profiles = _profiles(chance, [each.code for each in declared])
    members = _members(chance, count, depth, list(profiles), list(structures))
    assignable = [product for product, each in products.items() if each.subscribed]
    contacts = _contacts(chance, list(members), min(count, 14))
    return Facts(
        provider=chance.random() < 0.2,
        profiles=profiles,
        members=members,
        contacts=contacts,
        accesses=_accesses(chance, list(contacts)),
        structures=structures,
        delegations=_delegations(chance, list(members)),
        products=products,
        product_rights=declared,
        assignments=frozenset((each, who) for each in assignable for who in members if chance.random() < 0.3),
    )


def _structures(chance: Random) -> dict[int, int | None]:
    found: dict[int, int | None] = {}
    for each in range(1, chance.choice((0, 0, 1, 2, 3, 5, 7)) + 1):
        found[each] = chance.choice([None, *found]) if chance.random() < 0.3 else (each - 1 or None)
    return found


def _scopes(chance: Random, codes: Sequence[str]) -> dict[str, int]:
    """Rights with a scope each; those without scope have ALL, unless they had one when they were saved."""
    return {code: chance.choice(SCOPES) if _is_scoped(code) or chance.random() < 0.2 else ALL for code in codes}


def _is_scoped(code: str) -> bool:
    declared = next((scoped for each, _, scoped, _ in DECLARED if each == code), False)
    return code in OVER_CONTACTS or declared


def with_required(rights: dict[str, int]) -> dict[str, int]:
    """Rights with all that they require, as far as the requiring ones reach."""
    required = {each.code: each.requires for each in CATALOGUE} | {code: need for code, _, _, need in DECLARED}
    waiting = list(rights)
    while waiting:
        code = waiting.pop()
        for need in required.get(code, ()):
            least = (
                rights[code] if _is_scoped(code) and _is_scoped(need) else ALL if not _is_scoped(need) else SCOPES[0]
            )
            if need not in rights or SCOPES.index(rights[need]) < SCOPES.index(least):
                rights[need] = least
                waiting.append(need)
    return rights


def _profiles(chance: Random, declared: Sequence[str]) -> dict[int, Profile]:
    found = {1: Profile(1, administrator=True)}
    for each in range(2, chance.randint(2, 5) + 1):
        known = CODES + list(declared) + ([NEVER_DECLARED] if chance.random() < 0.1 else [])
        chosen = chance.sample(known, chance.choice((0, 1, 2, 4, 8, len(known))))
        rights = with_required(_scopes(chance, chosen))
        found[each] = Profile(each, inactive=chance.random() < 0.1, rights=rights)
    return found


def _members(chance: Random, count: int, depth: int, profiles: list[int], structures: list[int]) -> dict[int, Member]:
    shape: Shape = chance.choice(("chain", "star", "forest", "forest", "flat"))
    levels: dict[int, int] = {}
    found: dict[int, Member] = {}
    for each in range(1, count + 1):
        above = _superior(chance, shape, [who for who, level in levels.items() if level < depth])
        levels[each] = levels[above] + 1 if above else 1
        found[each] = Member(
            each,
            profile=chance.choice([*profiles, *profiles[1:], *profiles[1:]]),
            state=chance.choice((ACTIVE, ACTIVE, ACTIVE, ACTIVE, ACTIVE, ACTIVE, INVITED, CUT, TAKEN_BACK)),
            superior=above,
            structure=chance.choice([None, *structures]),
            tier=chance.choice(structures) if structures and chance.random() < 0.3 else None,
            personal=_personal(chance),
        )
    return found


def _superior(chance: Random, shape: Shape, possible: list[int]) -> int | None:
    if not possible or shape == "flat" or chance.random() < (0.03 if shape == "chain" else 0.1):
        return None
    return {"chain": possible[-1], "star": possible[0]}.get(shape) or chance.choice(possible)


def _personal(chance: Random) -> dict[str, int]:
    if chance.random() < 0.6:
        return {}
    codes = chance.sample([*CODES, *(code for code, *_ in DECLARED)], chance.choice((1, 1, 2, 3, 6)))
    return {code: scope if chance.random() < 0.6 else WITHDRAWN for code, scope in _scopes(chance, codes).items()}


def _contacts(chance: Random, members: list[int], most: int) -> dict[int, Contact]:
    """Names that are alike, so that pages are cut between equals."""
    found = {}
    for each in range(1, chance.randint(0, most) + 1):
        advisers = chance.sample(members, min(len(members), chance.choice((0, 1, 1, 1, 2, 3))))
        roles = [1 if chance.random() < 0.9 else 2, *(chance.choice((2, 3)) for _ in advisers)]
        key = chance.choice(("abel", "abel", "baron", "carre", "durand", "zola"))
        found[each] = Contact(each, chance.choice((1, 1, 1, 2, 3)), key, dict(zip(advisers, roles, strict=False)))
    return found


def _accesses(chance: Random, contacts: list[int]) -> dict[int, Access]:
    found = {}
    for each in range(1, (chance.randint(0, 3) if contacts else 0) + 1):
        state = chance.choice((ACTIVE, ACTIVE, ACTIVE, INVITED, CUT, TAKEN_BACK))
        found[each] = Access(each, state, frozenset(chance.sample(contacts, min(len(contacts), chance.randint(1, 3)))))
    return found


def _delegations(chance: Random, members: list[int]) -> tuple[Delegation, ...]:
    if len(members) < 2:
        return ()
    found: list[Delegation] = []
    possible = [*OVER_CONTACTS, *(code for code, *_ in DECLARED), "members.manage"]  # the last two lend nothing
    for each in range(1, chance.choice((0, 0, 1, 2, 3, 5)) + 1):
        giver, taker = chance.sample(members, 2)
        if found and chance.random() < 0.4:  # in a ring, or handed on
            giver, taker = found[-1].taker, chance.choice([who for who in members if who != found[-1].taker])
        starts = NOON + timedelta(hours=chance.choice((-48, -24, -1, 0, 0, 1, 24)))
        ends = starts + chance.choice((INSTANT, timedelta(hours=1), timedelta(hours=24), timedelta(days=30)))
        ended = chance.choice((None, None, None, None, None, None, starts, NOON - timedelta(hours=2), NOON))
        codes = tuple(chance.sample(possible, chance.choice((2, 4, len(possible), len(possible)))))
        found.append(Delegation(each, giver, taker, codes, starts, ends, ended))
    return tuple(found)


def moments(facts: Facts) -> list[datetime]:
    """Noon, and the edges of every delegation with the instants before and after them."""
    return [NOON, *(edge + step for edge in facts.moments() for step in (-INSTANT, timedelta(), INSTANT))]


def questions(facts: Facts, seed: int) -> Iterator[Question]:
    """Questions without end about an organisation."""
    chance = Random(f"questions {seed}")
    edges = moments(facts)
    known = [*CODES, *(each.code for each in facts.product_rights)]
    scoped = [code for code in known if _is_scoped(code)]
    likely = sorted({code for each in facts.profiles.values() for code in each.rights if _is_scoped(code)}) or scoped
    lent = sorted({code for each in facts.delegations for code in each.codes if code in known}) or scoped
    contacts, members, accesses = sorted(facts.contacts), sorted(facts.members), sorted(facts.accesses)
    takers = [each.taker for each in facts.delegations] or members
    active = [who for who in members if facts.members[who].state == ACTIVE] or members
    while True:
        at = chance.choice(edges) if chance.random() < 0.5 else NOON
        draw = chance.random()
        who = chance.choice(chance.choice((active, active, active, takers, members)))
        if contacts and facts.delegations and chance.random() < 0.25:
            loan = chance.choice(facts.delegations)
            held = facts.profiles[facts.members[loan.giver].profile]
            codes = [code for code in loan.codes if code in known and (held.administrator or code in held.rights)]
            codes = codes or scoped
            at = chance.choice((NOON, loan.starts, loan.ends, loan.ends - INSTANT))
            yield Question("member", loan.taker, chance.choice(codes), "contact", chance.choice(contacts), at)
        elif accesses and contacts and draw < 0.08:
            code = chance.choice([*sorted(PORTAL_RIGHTS), "contacts.edit", "members.read"])
            target: Literal["contact", ""] = "contact" if code in RIGHTS and _is_scoped(code) else ""
            what = chance.choice(contacts) if target else 0
            yield Question("portal", chance.choice(accesses), code, target, what, at)
        elif contacts and draw < 0.7:
            own = [code for code in facts.profiles[facts.members[who].profile].rights if _is_scoped(code)] or likely
            code = chance.choice(chance.choice((scoped, own, own, lent)) if chance.random() < 0.9 else known)
            yield Question("member", who, code, "contact", chance.choice(contacts), at)
        elif draw < 0.82:
            yield Question("member", who, chance.choice(OVER_MEMBERS), "member", chance.choice(members), at)
        elif draw < 0.9:
            yield Question("member", who, "", "product", chance.choice((1, 2)), at)
        else:
            yield Question("member", who, chance.choice(known), "", 0, at)
