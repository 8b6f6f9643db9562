"""The rules of tenancy, without any server."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_tenancy.domain import records, rights
from parvis_tenancy.domain.rights import Scope
from parvis_tenancy.store.search import sort_key

CODES = [right.code for right in rights.CATALOGUE]
MEMBER = UUID(int=7)


@st.composite
def right_sets(draw):
    chosen = draw(st.sets(st.sampled_from(rights.CATALOGUE)))
    return {
        right.code: draw(st.sampled_from(list(Scope))) if right.scoped else Scope.ALL
        for right in sorted(chosen, key=lambda right: right.code)
    }


def test_rights_have_one_code_each():
    assert len(set(CODES)) == len(CODES)


def test_starter_profiles_hold_rights_that_exist():
    for starter in rights.STARTER_PROFILES:
        pairs = [(code, int(scope)) for code, scope in starter.rights.items()]
        assert rights.wrong_rights(pairs, provider=False) == ()


def test_an_administrator_holds_every_right_of_its_organisation():
    firm = rights.effective("administrator", [], provider=False)
    provider = rights.effective("administrator", [], provider=True)
    assert set(provider) == set(CODES)
    assert set(provider) - set(firm) == {"organisations.manage", "products.manage"}


def test_a_right_that_was_withdrawn_from_the_catalogue_is_held_no_more():
    assert rights.effective("", [("gone.right", 2), ("members.read", 2)], provider=False) == {"members.read": Scope.ALL}


def test_mine_compiles_to_the_member_and_all_to_everything():
    compiled = rights.compile_staff(MEMBER, {"contacts.read": Scope.MINE, "members.read": Scope.ALL}, [])
    assert {each.code: each.advisers for each in compiled.rights} == {
        "contacts.read": frozenset({MEMBER}),
        "members.read": None,
    }


def test_all_is_above_mine():
    assert rights.above({"contacts.read": Scope.ALL}, {"contacts.read": Scope.MINE}) == ("contacts.read",)
    assert rights.above({"contacts.read": Scope.MINE}, {"contacts.read": Scope.ALL}) == ()


@given(right_sets(), right_sets())
def test_below_the_ceiling_means_every_right_is_held_as_far(wanted, held):
    covered = all(code in held and held[code] >= scope for code, scope in wanted.items())
    assert (rights.above(wanted, held) == ()) is covered


@given(right_sets(), right_sets())
def test_saving_a_profile_unchanged_needs_nothing(profile, held):
    assert rights.above_when_saving(profile, profile, held) == ()


@given(
    st.lists(right_sets(), min_size=2, max_size=5),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), right_sets()), max_size=30),
)
def test_no_sequence_of_acts_lifts_anyone_above_the_ceiling_of_those_who_act(profiles, acts):
    """Member 0 and member 1 act; whatever they do, nobody who was at or below them both gets above both."""
    profiles = [*profiles]
    members = [place % len(profiles) for place in range(5)]
    ceiling = {}
    for actor in (0, 1):
        for code, scope in profiles[members[actor]].items():
            ceiling[code] = max(scope, ceiling.get(code, scope))
    below = [not rights.above(profiles[profile], ceiling) for profile in members]

    for actor, member, profile, wanted in acts:
        held = profiles[members[actor % 2]]
        target = profile % len(profiles)
        if member % 2 and not rights.above_when_saving(profiles[target], wanted, held):
            profiles[target] = wanted
        elif not rights.above_when_moving(profiles[members[member]], profiles[target], held):
            members[member] = target

    lifted = [rights.above(profiles[profile], ceiling) for profile in members]
    assert [codes for codes, was_below in zip(lifted, below, strict=True) if was_below and codes] == []


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Cabinet Élan & Fils", "cabinet-elan-fils"), ("Œuvre  d'Art", "oeuvre-d-art"), ("株式会社", ""), ("-x-", "x")],
)
def test_a_slug_is_proposed_from_a_name(name, slug):
    assert records.slug_of(name) == slug


@given(st.text(max_size=80))
def test_every_name_has_a_slug_that_is_right(name):
    tried = records.slugs_from(name)
    assert all(records.slug_is_right(next(tried)) for _ in range(3))


@pytest.mark.parametrize("slug", ["", "Été", "a--b", "-a", "a-", "login", "o", "x" * 49, "a_b", "a b"])
def test_a_wrong_slug_is_wrong(slug):
    assert not records.slug_is_right(slug)


def test_registration_numbers_are_checked_by_their_keys():
    assert records.siren("404 833 048") == "404833048"
    assert records.siren("404833049") is None
    assert records.vat_number("FR 83 404833048") == "FR83404833048"
    assert records.vat_number("FR84404833048") is None
    assert records.iban("FR76 3000 6000 0112 3456 7890 189") == "FR7630006000011234567890189"
    assert records.iban("FR7630006000011234567890188") is None


@pytest.mark.parametrize("mail", ["", "a", "a@b", "a b@c.fr", "a@c.fr\n", "<a@c.fr>", "a@-c.fr", "a@c..fr", "é@é.fr"])
def test_what_cannot_be_an_address_is_refused(mail):
    assert records.mail(mail) is None or records.mail(mail) == mail.strip()
    assert records.mail(mail) is None or "\n" not in (records.mail(mail) or "")


def test_the_domain_of_an_address_is_folded_and_its_mailbox_is_not():
    assert records.mail(" Anne.Kervella@Armor.EXAMPLE ") == "Anne.Kervella@armor.example"


def test_codes_grow_with_their_numbers():
    assert [records.contact_code(1, number) for number in (1, 42, 9999, 10000)] == [
        "C0001",
        "C0042",
        "C9999",
        "C10000",
    ]


def test_an_individual_states_neither_capital_nor_register():
    record = records.LegalRecord("Anne Kervella", "EI", "", "404833048", "", "FR83404833048", address_complete=True)
    company = records.LegalRecord("Armor", "SAS", "", "404833048", "", "", address_complete=False)
    assert records.missing_mentions(record) == ()
    assert records.missing_mentions(company) == ("vat_number", "address", "capital", "registry")


def test_numbers_sort_by_value():
    assert sort_key("Lot 9") < sort_key("Lot 10")
