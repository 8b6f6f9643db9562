"""The switch of organisation, from two on: by mouse and by keys, with and without script."""

import re

import pytest
from people import KARIM, PHONE, Person, Seat
from playwright.sync_api import expect


def test_the_switch_leads_to_the_other_organisation(person):
    karim = person(KARIM)
    karim.open("/o/valmer-patrimoine/")
    karim.page.get_by_label(re.compile(r"Valmer Patrimoine\s:")).filter(visible=True).click()
    karim.page.get_by_role("link", name=re.compile("Cabinet Orsel")).filter(visible=True).first.click()
    karim.page.wait_for_url("**/o/cabinet-orsel/")


@pytest.mark.parametrize(
    "seat", [Seat(), Seat(390, 844, touch=True), Seat(script=False)], ids=["desk", "phone", "plain"]
)
def test_organisations_are_found_by_name(person, seat):
    karim: Person = person(KARIM, seat)
    karim.open("/organisations?q=orsel")
    expect(karim.page.get_by_role("main").get_by_role("listitem")).to_have_count(1)
    karim.page.get_by_role("searchbox", name="Nom de l’organisation").fill("valmer")
    karim.page.keyboard.press("Enter")
    karim.page.wait_for_url("**/organisations?q=valmer")
    karim.follow("Valmer Patrimoine")
    karim.page.wait_for_url("**/o/valmer-patrimoine/")


def test_the_other_organisation_is_found_in_english_on_a_phone(person):
    karim: Person = person(KARIM, PHONE)
    karim.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": karim.portal}])
    karim.open("/o/valmer-patrimoine/")
    karim.page.get_by_label(re.compile(r"Valmer Patrimoine\s?:")).filter(visible=True).click()
    karim.page.get_by_role("link", name=re.compile("Cabinet Orsel")).filter(visible=True).first.click()
    karim.page.wait_for_url("**/o/cabinet-orsel/")
    karim.open("/organisations?q=orsel")
    karim.page.get_by_role("searchbox", name="Name of the organisation").fill("valmer")
    karim.page.keyboard.press("Enter")
    karim.follow("Valmer Patrimoine")
    karim.page.wait_for_url("**/o/valmer-patrimoine/")
