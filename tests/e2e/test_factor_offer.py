"""A firm that offers a second factor says so on the home page of who has none: once a month, and never in the way."""

from collections.abc import Iterator

import pytest
from people import PHONE, SOPHIE
from playwright.sync_api import expect
from test_door import POLICY, VALMER, Records, add_phone, records, valmer

from parvis_local.suite import Suite

__all__ = ["records", "valmer"]
OFFER = "Activez la double authentification"


@pytest.fixture(autouse=True)
def nothing_said_before(suite: Suite, records: Records) -> Iterator[None]:
    forget = "UPDATE accounts SET factor_put_off_at = NULL, factor_always = false WHERE mail = $1"
    records.run(forget, SOPHIE.identifier)
    yield
    records.run(forget, SOPHIE.identifier)
    records.forget_factors(SOPHIE)


@pytest.mark.usefixtures("valmer")
def test_a_second_factor_is_turned_on_from_the_home_page(person):
    sophie = person(SOPHIE)
    sophie.open(f"{VALMER}/")
    expect(sophie.page.get_by_text(OFFER)).to_have_count(0)
    sophie.open(VALMER + POLICY)
    sophie.page.get_by_role("group", name="Double authentification").get_by_label("Proposée à tous").check()
    sophie.press("Enregistrer ces exigences")

    again = person(SOPHIE)
    again.open(f"{VALMER}/")
    again.sees(OFFER)
    again.sees("Valmer Patrimoine vous la recommande")
    again.page.get_by_role("link", name="Activer", exact=True).focus()
    again.page.keyboard.press("Tab")
    expect(again.page.get_by_role("button", name="Plus tard")).to_be_focused()
    again.follow("Activer", exact=True)
    again.reads_title("Activez la double authentification")
    add_phone(again)
    again.page.wait_for_url(f"**{VALMER}/")
    expect(again.page.get_by_text(OFFER)).to_have_count(0)


def test_whoever_says_later_is_left_alone(person, valmer: str, records: Records):
    records.run(
        "INSERT INTO sign_in_policies (organisation_id, sso, factors, required_profiles, break_glass, version,"
        " changed_at) VALUES ($1, 'off', 'offered', '{}', '{}', 1, now())",
        valmer,
    )
    sophie = person(SOPHIE, PHONE)
    sophie.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": sophie.portal}])
    sophie.open(f"{VALMER}/")
    sophie.sees("Protect your account with a second factor")
    sophie.press("Later")
    sophie.is_told("You will be asked again in a month. Until then you can turn it on in your account.")
    expect(sophie.page.get_by_text("Protect your account with a second factor")).to_have_count(0)
    elsewhere = person(SOPHIE, PHONE)
    elsewhere.open(f"{VALMER}/")
    expect(elsewhere.page.get_by_text(OFFER)).to_have_count(0)
