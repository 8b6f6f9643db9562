"""The rules of tenancy, without any server."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parvis_tenancy.domain import records
from parvis_tenancy.store.search import sort_key


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
