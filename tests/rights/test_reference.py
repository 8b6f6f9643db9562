"""The reference reads the rules as they are written: each test is one of their sentences, on a family of seven.

1 Ada, at the top         5 Eve, at the top, administrator
├─ 2 Bob ── 4 Dan         6 Flo, cut, below Eve
└─ 3 Cid                  7 Gil, invited, below Dan
"""

from dataclasses import replace
from datetime import timedelta

import pytest
import reference
from facts import (
    ACTIVE,
    ALL,
    ATTACHED,
    CUT,
    GROUP,
    INVITED,
    MINE,
    WITHDRAWN,
    Access,
    Answer,
    Contact,
    Delegation,
    Facts,
    Member,
    Product,
    ProductRight,
    Profile,
    Question,
)
from generator import INSTANT, NOON

ADA, BOB, CID, DAN, EVE, FLO, GIL = range(1, 8)
NOBODYS = 9
HOUR = timedelta(hours=1)


def family(scope: int = MINE, **changes: object) -> Facts:
    """Everybody but Eve reads contacts with this scope. Each is the adviser of the contact of their own number."""
    superiors = {BOB: ADA, CID: ADA, DAN: BOB, FLO: EVE, GIL: DAN}
    states = {FLO: CUT, GIL: INVITED}
    facts = Facts(
        provider=False,
        profiles={
            1: Profile(1, administrator=True),
            2: Profile(2, rights={"contacts.read": scope, "members.read": ALL}),
        },
        members={
            who: Member(who, 1 if who == EVE else 2, states.get(who, ACTIVE), superiors.get(who))
            for who in range(ADA, GIL + 1)
        },
        contacts={who: Contact(who, 1, "abel", {who: 1} if who <= GIL else {}) for who in range(1, NOBODYS + 1)},
        accesses={1: Access(1, ACTIVE, frozenset({CID}))},
        structures={1: None, 2: 1, 3: 2, 4: 1},
        delegations=(),
        products={1: Product(1, subscribed=True), 2: Product(2, subscribed=False)},
        product_rights=(ProductRight("agenda.read", 1, scoped=True), ProductRight("plan.see", 2, scoped=True)),
        assignments=frozenset({(1, BOB)}),
    )
    return replace(facts, **changes)  # type: ignore[arg-type] # fields of Facts


def changed(facts: Facts, who: int, **changes: object) -> Facts:
    """The same with another Bob, say."""
    member = replace(facts.members[who], **changes)  # type: ignore[arg-type] # fields of Member
    return replace(facts, members={**facts.members, who: member})


def reached(facts: Facts, who: int, right: str = "contacts.read") -> set[int]:
    return set(reference.objects(facts, "member", who, right, NOON))


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (MINE, {BOB}),
        (ATTACHED, {BOB, DAN, GIL}),
        (GROUP, {BOB, DAN, GIL, CID}),
        (ALL, set(range(1, NOBODYS + 1))),
    ],
)
def test_a_scope_reaches_oneself_then_those_attached_then_the_group_then_everything(scope, expected):
    assert reached(family(scope), BOB) == expected


def test_at_the_top_there_is_no_group():
    assert reached(family(GROUP), ADA) == reached(family(ATTACHED), ADA) == {ADA, BOB, CID, DAN, GIL}


@pytest.mark.parametrize("who", [FLO, GIL])
def test_who_is_not_active_may_nothing(who):
    asked = Question("member", who, "contacts.read", "contact", who, NOON)

    assert reference.decide(family(ALL), asked) == Answer(allowed=False, reason="membership_ended")


def test_a_personal_right_replaces_adds_or_withdraws():
    widened = changed(family(MINE), BOB, personal={"contacts.read": ATTACHED})
    added = changed(family(MINE), BOB, personal={"invoices.read": ALL})
    withdrawn = changed(family(MINE), BOB, personal={"contacts.read": WITHDRAWN})

    assert reached(widened, BOB) == {BOB, DAN, GIL}
    assert reached(added, BOB, "invoices.read") == set(range(1, NOBODYS + 1))
    assert reached(withdrawn, BOB) == set()


def test_an_administrator_has_no_personal_difference():
    assert reached(changed(family(), EVE, personal={"contacts.read": WITHDRAWN}), EVE) == set(range(1, NOBODYS + 1))


def lent(giver: int, taker: int, codes: tuple[str, ...] = ("contacts.read",)) -> Delegation:
    return Delegation(1, giver, taker, codes, NOON, NOON + HOUR)


@pytest.mark.parametrize(
    ("after", "lends"), [(-INSTANT, False), (timedelta(), True), (HOUR - INSTANT, True), (HOUR, False)]
)
def test_a_delegation_begins_with_its_first_instant_and_is_over_at_its_last(after, lends):
    facts = changed(family(MINE, delegations=(lent(BOB, CID),)), BOB, personal={"contacts.read": ATTACHED})

    found = set(reference.objects(facts, "member", CID, "contacts.read", NOON + after))

    assert found == ({CID, BOB, DAN, GIL} if lends else {CID})


def test_what_was_lent_is_not_lent_on():
    facts = family(MINE, delegations=(lent(EVE, BOB, ("invoices.read",)), lent(BOB, CID, ("invoices.read",))))

    assert reached(facts, BOB, "invoices.read")
    assert not reached(facts, CID, "invoices.read")


@pytest.mark.parametrize("giver", [FLO, GIL])
def test_who_is_not_active_lends_nothing(giver):
    assert reached(family(MINE, delegations=(lent(giver, CID),)), CID) == {CID}


def test_only_rights_over_contacts_are_lent():
    facts = family(delegations=(lent(EVE, CID, ("members.manage", "organisation.manage")),))

    assert reference.holders(facts, "members.manage", NOON) == {EVE}


def test_a_tier_limits_to_its_structure_and_the_parts_of_it():
    facts = changed(family(), EVE, tier=2)
    for who, structure in {ADA: 1, BOB: 2, CID: 3, DAN: 4}.items():
        facts = changed(facts, who, structure=structure)

    def acts_on(who: int) -> bool:
        return reference.decide(facts, Question("member", EVE, "members.manage", "member", who, NOON)).allowed

    assert {who for who in facts.members if acts_on(who)} == {BOB, CID}
    assert not reference.holders(facts, "profiles.manage", NOON)


def test_a_portal_access_reaches_its_contacts_with_the_rights_of_the_portal():
    reaches = {
        right: set(reference.objects(family(), "portal", 1, right, NOON))
        for right in ("contacts.read", "documents.file", "contacts.edit")
    }

    assert reaches == {"contacts.read": {CID}, "documents.file": {CID}, "contacts.edit": set()}


@pytest.mark.parametrize(("right", "reason"), [("agenda.read", ""), ("plan.see", "right_unknown")])
def test_a_right_of_a_product_exists_where_it_is_subscribed(right, reason):
    assert reference.decide(family(), Question("member", EVE, right, "", 0, NOON)).reason == reason


@pytest.mark.parametrize(
    ("who", "product", "reason"), [(BOB, 1, ""), (CID, 1, "not_assigned"), (BOB, 2, "not_subscribed")]
)
def test_a_product_is_launched_by_whom_it_is_assigned_to(who, product, reason):
    assert reference.decide(family(), Question("member", who, "", "product", product, NOON)).reason == reason
