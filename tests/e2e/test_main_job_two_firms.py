"""The main job, step 5: one person in two firms, and those who belong to neither."""

import re

import pytest
from people import ANNE, CLAIRE, KARIM, SOPHIE, Person
from playwright.sync_api import expect

ORSEL = "/o/cabinet-orsel"
VALMER = "/o/valmer-patrimoine"


@pytest.fixture(scope="module")
def karim(person) -> Person:
    """Signed in once; he belongs to both firms and has not chosen yet."""
    karim = person(KARIM)
    karim.reads_title("Choisissez une organisation")
    karim.follow("Cabinet Orsel")
    karim.reads_title("Bonjour Karim")
    return karim


@pytest.fixture(scope="module")
def sophie(person) -> Person:
    """She belongs to the other firm only."""
    return person(SOPHIE)


@pytest.fixture(scope="module")
def valmer_tab(karim) -> Person:
    """A second tab of the same browser, which he takes to the other firm through the switch at the top."""
    tab = karim.tab()
    tab.open(f"{ORSEL}/")
    with tab.watching() as seen:
        tab.page.get_by_label("Cabinet Orsel : changer d’organisation").filter(visible=True).click()
        tab.follow("Valmer Patrimoine")
        tab.page.wait_for_url(re.compile(VALMER))
    assert not [each.url for each in seen if "/login" in each.url], "he was asked to sign in again"
    return tab


def test_karim_switches_without_signing_in(valmer_tab):
    valmer_tab.reads_title("Bonjour Karim")
    expect(valmer_tab.page.get_by_label("Valmer Patrimoine : changer d’organisation").first).to_be_visible()


def test_each_tab_acts_for_its_own_firm(karim, valmer_tab):
    karim.go_to("Clients")
    valmer_tab.go_to("Clients")
    karim.sees("Menuiserie Kervella")
    karim.does_not_see("Famille Rochebrune")
    valmer_tab.sees("Famille Rochebrune")
    valmer_tab.does_not_see("Menuiserie Kervella")


def test_the_first_tab_stays_with_its_firm_after_the_second_moved(karim, valmer_tab):
    valmer_tab.go_to("Documents")
    karim.page.reload()
    karim.sees("Menuiserie Kervella")
    karim.go_to("Accueil")
    expect(karim.page).to_have_url(re.compile(f"{ORSEL}/$"))


def record_of(someone: Person, firm: str, client: str) -> str:
    """The address of a client's record."""
    someone.open(f"{firm}/contacts")
    link = someone.page.get_by_role("link", name=client).first
    address = link.get_attribute("href")
    assert address
    return address


def test_a_record_of_the_other_firm_is_not_found_under_his_own(karim, valmer_tab):
    theirs = record_of(valmer_tab, VALMER, "Famille Rochebrune").removeprefix(VALMER)
    assert karim.open(ORSEL + theirs).status == 404
    karim.reads_title("Cette page n’existe pas, ou ne vous est pas ouverte")


def test_his_rights_reach_only_his_own_clients(person, karim):
    others = record_of(person(CLAIRE), ORSEL, "SCI du Quai")
    assert karim.open(others).status == 404


@pytest.mark.parametrize("page", ["/", "/contacts", "/documents", "/invoices", "/settings/people"])
def test_an_outsider_finds_nothing(sophie, page):
    assert sophie.open(ORSEL + page).status == 404
    sophie.reads_title("Cette page n’existe pas, ou ne vous est pas ouverte")
    sophie.does_not_see("Orsel")


def test_a_member_without_the_right_reads_the_reason(karim):
    assert karim.open(f"{ORSEL}/settings/folders").status == 403
    karim.reads_title("Il vous manque un droit pour cette page")
    karim.sees("Configurer les dossiers")
    karim.sees(re.compile("adressez-vous à.*Claire Orsel"))


def test_a_client_finds_none_of_the_firm_s_pages(person):
    anne = person(ANNE)
    for page in ("/contacts", "/settings/people", "/settings/folders", "/notifications"):
        assert anne.open(ORSEL + page).status in {403, 404}, page
