"""My account: devices that are signed out, applications that are taken back; a device's code; a sign-in given up."""

import re

import pytest
from people import KARIM, LUCIE, PHONE, Person
from playwright.sync_api import expect

ORSEL = "/o/cabinet-orsel"


@pytest.fixture
def lucie(person) -> Person:
    return person(LUCIE)


def english(someone: Person) -> Person:
    someone.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": someone.portal}])
    return someone


def test_all_other_devices_are_signed_out_at_once(lucie, person):
    elsewhere = person(LUCIE)
    lucie.open(f"{ORSEL}/account")
    lucie.press("Déconnecter tous les autres appareils", within=lucie.section("Mes appareils connectés"))
    lucie.press("Déconnecter tous les autres appareils", within=lucie.page.get_by_role("dialog"))
    lucie.is_told(re.compile(r"autres? appareils? (est déconnecté|sont déconnectés)"))
    expect(lucie.section("Mes appareils connectés").get_by_role("listitem")).to_have_count(1)

    elsewhere.open(f"{ORSEL}/account")
    elsewhere.page.wait_for_url(re.compile("/login"))


def test_on_a_phone_in_english_too(person):
    here, elsewhere = english(person(LUCIE, PHONE)), person(LUCIE)
    here.open(f"{ORSEL}/account")
    here.press("Sign all other devices out", within=here.section("Where I am signed in"))
    here.press("Sign all other devices out", within=here.page.get_by_role("dialog"))
    here.is_told(re.compile(r"other devices? (is|are) signed out"))
    elsewhere.open(f"{ORSEL}/")
    elsewhere.page.wait_for_url(re.compile("/login"))


def test_an_application_that_was_opened_is_listed_and_taken_back(person):
    karim = person(KARIM)
    karim.open(f"{ORSEL}/applications")
    opens = karim.page.get_by_role("link", name=re.compile("Démarrer")).first
    karim.open(opens.get_attribute("href") or "")
    karim.open(f"{ORSEL}/account")
    known = karim.section("Applications connectées à mon compte")
    expect(known.get_by_role("listitem")).to_have_count(1)
    karim.sees(re.compile(r"Informations transmises : votre nom"), within=known)
    karim.press("Retirer", within=known)
    karim.press("Retirer", within=karim.page.get_by_role("dialog"))
    karim.is_told("L’application est déconnectée")
    karim.sees("Aucune application n’est connectée à votre compte.", within=known)


def test_an_application_is_taken_back_in_english_on_a_phone(person):
    karim = english(person(KARIM, PHONE))
    karim.open(f"{ORSEL}/applications")
    karim.open(karim.page.get_by_role("link", name=re.compile("Start")).first.get_attribute("href") or "")
    karim.open(f"{ORSEL}/account")
    known = karim.section("Applications that know me")
    expect(known.get_by_role("listitem")).to_have_count(1)
    karim.press("Withdraw", within=known)
    karim.press("Withdraw", within=karim.page.get_by_role("dialog"))
    karim.is_told("The application is signed out")
    karim.sees("No application knows you.", within=known)


@pytest.mark.parametrize("seat", [None, PHONE], ids=["desk", "phone"])
def test_a_code_that_no_device_shows_is_said_to_be_wrong(person, seat):
    lucie = person(LUCIE, seat) if seat else person(LUCIE)
    lucie.open("/device")
    lucie.page.get_by_role("textbox").first.fill("BCDF-GHJK")
    lucie.page.locator("main form button[type=submit], main form button:not([type])").first.click()
    lucie.page.wait_for_load_state()
    expect(
        lucie.page.get_by_role("alert").or_(lucie.page.locator(".field-error, [aria-invalid=true]")).first
    ).to_be_visible()
