"""The rules of rights, without any server: what exists, what a profile holds, what carries what, and the ceiling."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_tenancy.domain import catalogue, rights
from parvis_tenancy.domain.catalogue import CATALOGUE, Right
from parvis_tenancy.domain.scopes import Hierarchy, Scope

FIRM, PROVIDER = catalogue.existing(provider=False), catalogue.existing(provider=True)


@st.composite
def right_sets(draw):
    chosen = draw(st.sets(st.sampled_from(CATALOGUE)))
    return {
        right.code: draw(st.sampled_from(list(Scope))) if right.scoped else Scope.ALL
        for right in sorted(chosen, key=lambda right: right.code)
    }


@st.composite
def hierarchies(draw, most=12):
    """A forest: each member's superior, if any, comes before them."""
    count = draw(st.integers(1, most))
    places = [draw(st.integers(-1, place - 1)) for place in range(count)]
    return {UUID(int=place + 1): UUID(int=above + 1) if above >= 0 else None for place, above in enumerate(places)}


def test_rights_have_one_code_each():
    assert len({right.code for right in CATALOGUE}) == len(CATALOGUE)


def test_what_a_right_requires_exists_and_nothing_requires_itself():
    def required(code, seen=()):
        assert code not in seen
        for each in PROVIDER[code].requires:
            required(each, (*seen, code))

    for right in CATALOGUE:
        required(right.code)


def test_starter_profiles_hold_rights_that_exist_with_what_they_require():
    for starter in catalogue.STARTER_PROFILES:
        pairs = [(code, int(scope)) for code, scope in starter.rights.items()]
        assert rights.wrong_rights(pairs, FIRM) == ()
        assert rights.settle({}, starter.rights, FIRM) == (dict(starter.rights), ())


def test_an_administrator_holds_every_right_of_its_organisation():
    firm = rights.of_profile("administrator", [], FIRM)
    provider = rights.of_profile("administrator", [], PROVIDER)
    assert set(provider) == {right.code for right in CATALOGUE}
    assert set(provider) - set(firm) == {"organisations.manage", "products.manage"}


def test_a_right_that_was_withdrawn_from_the_catalogue_is_held_no_more():
    assert rights.of_profile("", [("gone.right", 2), ("members.read", 2)], FIRM) == {"members.read": Scope.ALL}


def test_scopes_have_an_order_that_is_not_that_of_their_numbers():
    assert sorted(Scope, key=lambda scope: scope.rank) == [Scope.MINE, Scope.ATTACHED, Scope.GROUP, Scope.ALL]


@given(hierarchies())
def test_wider_scopes_reach_at_least_as_much(superiors):
    hierarchy = Hierarchy(superiors)
    for member in superiors:
        mine, attached, group = (
            hierarchy.reached(scope, member) for scope in (Scope.MINE, Scope.ATTACHED, Scope.GROUP)
        )
        assert {member} == mine <= attached <= group
        assert hierarchy.reached(Scope.ALL, member) is None


@given(hierarchies(), st.data())
def test_going_up_from_an_adviser_finds_what_going_down_gathers(superiors, data):
    hierarchy = Hierarchy(superiors)
    member, adviser = (data.draw(st.sampled_from(sorted(superiors))) for _ in range(2))
    for relation in {relation for relations in rights_relations() for relation in relations}:
        assert hierarchy.relates(relation, member, adviser) is (adviser in hierarchy.related(relation, member))


def rights_relations():
    from parvis_tenancy.domain.scopes import REACHES

    return [relations for relations in REACHES.values() if relations is not None]


@given(hierarchies())
def test_at_the_top_there_is_no_group(superiors):
    hierarchy = Hierarchy(superiors)
    for member, superior in superiors.items():
        if superior is None:
            assert hierarchy.reached(Scope.GROUP, member) == hierarchy.reached(Scope.ATTACHED, member)


@given(hierarchies(), st.data())
def test_a_circle_is_noticed_before_it_is_closed(superiors, data):
    member, superior = (data.draw(st.sampled_from(sorted(superiors))) for _ in range(2))
    circle = Hierarchy(superiors).moves_in_a_circle(member, superior)
    assert circle is (superior in {member, *Hierarchy(superiors).below(member)})


def test_all_is_above_mine():
    assert rights.above({"contacts.read": Scope.ALL}, {"contacts.read": Scope.MINE}) == ("contacts.read",)
    assert rights.above({"contacts.read": Scope.MINE}, {"contacts.read": Scope.ALL}) == ()


@given(right_sets(), right_sets())
def test_below_the_ceiling_means_every_right_is_held_as_far(wanted, held):
    covered = all(code in held and held[code].rank >= scope.rank for code, scope in wanted.items())
    assert (rights.above(wanted, held) == ()) is covered


@given(right_sets(), right_sets())
def test_saving_a_profile_unchanged_needs_nothing(profile, held):
    assert rights.above_when_saving(profile, profile, held) == ()


@given(right_sets(), right_sets())
def test_a_difference_from_a_profile_leads_to_what_was_wanted(profile, wanted):
    assert rights.with_difference(profile, rights.difference(profile, wanted), PROVIDER) == wanted
    assert rights.difference(profile, profile) == {}


def is_settled(held):
    return all(
        each in held and (not PROVIDER[each].scoped or not PROVIDER[code].scoped or held[each].rank >= scope.rank)
        for code, scope in held.items()
        for each in PROVIDER[code].requires
    )


@given(right_sets(), right_sets())
def test_what_was_settled_holds_all_that_it_requires_and_stays_so(old, wanted):
    old = rights.settle({}, old, PROVIDER)[0]
    settled, carried = rights.settle(old, wanted, PROVIDER)
    assert is_settled(settled)
    assert rights.settle(old, settled, PROVIDER)[0] == settled
    assert {each.code for each in carried} == {
        code for code in settled.keys() | wanted.keys() if settled.get(code) != wanted.get(code)
    }


@given(right_sets(), right_sets())
def test_nothing_that_was_just_granted_is_dropped(old, wanted):
    old = rights.settle({}, old, PROVIDER)[0]
    settled, _ = rights.settle(old, wanted, PROVIDER)
    for code, scope in wanted.items():
        if code not in old or old[code].rank < scope.rank:
            assert settled[code].rank >= scope.rank


@pytest.mark.parametrize(
    ("old", "wanted", "settled"),
    [
        ({}, {"contacts.edit": Scope.ALL}, {"contacts.edit": Scope.ALL, "contacts.read": Scope.ALL}),
        ({"contacts.edit": Scope.ALL, "contacts.read": Scope.ALL}, {"contacts.edit": Scope.ALL}, {}),
        (
            {"contacts.edit": Scope.ALL, "contacts.read": Scope.ALL},
            {"contacts.edit": Scope.ALL, "contacts.read": Scope.MINE},
            {"contacts.edit": Scope.MINE, "contacts.read": Scope.MINE},
        ),
    ],
    ids=["granting carries", "withdrawing carries away", "narrowing narrows"],
)
def test_one_right_carries_others(old, wanted, settled):
    assert rights.settle(old, wanted, FIRM)[0] == settled


def test_a_right_of_a_product_can_require_one_of_ours():
    existing = catalogue.existing(
        provider=False, declared=[Right("agenda.team", "agenda", "contact", requires=("contacts.read",))]
    )
    settled, carried = rights.settle({}, {"agenda.team": Scope.GROUP}, existing)
    assert settled == {"agenda.team": Scope.GROUP, "contacts.read": Scope.GROUP}
    assert carried == (rights.Carried("contacts.read", Scope.GROUP, "agenda.team"),)
