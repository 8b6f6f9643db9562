"""The main job by keyboard alone, step 5: one person in two firms, and those who belong to neither."""

import re

import pytest
from keys import Keyboard
from people import KARIM, SOPHIE
from playwright.sync_api import expect

ORSEL = "/o/cabinet-orsel"
VALMER = "/o/valmer-patrimoine"


@pytest.fixture(scope="module")
def karim(person) -> Keyboard:
    """Signed in once, in the first of his two firms."""
    karim = Keyboard(person(KARIM, signed_in=False))
    karim.person.open("/")
    karim.answer_sign_in("Choisissez une organisation")
    karim.follow(re.compile("^Cabinet Orsel"))
    karim.person.reads_title("Bonjour Karim")
    return karim


@pytest.fixture(scope="module")
def second_tab(karim) -> Keyboard:
    """A tab of the same browser, which he takes to the other firm through the switch at the top."""
    tab = Keyboard(karim.person.tab())
    tab.person.open(f"{ORSEL}/")
    tab.open_menu("Cabinet Orsel : changer d’organisation")
    tab.is_on(re.compile("^Cabinet Orsel"), "link")
    tab.page.keyboard.press("ArrowDown")
    tab.is_on(re.compile("^Valmer Patrimoine"), "link")
    with tab.person.watching() as seen:
        tab.go("Enter")
    assert not [each.url for each in seen if "/login" in each.url], "he was asked to sign in again"
    return tab


def test_each_tab_acts_for_its_own_firm(karim, second_tab):
    expect(second_tab.page).to_have_url(re.compile(VALMER))
    second_tab.person.reads_title("Bonjour Karim")
    second_tab.follow("Clients")
    karim.page.bring_to_front()
    karim.follow("Clients")
    karim.person.sees("Menuiserie Kervella")
    karim.person.does_not_see("Famille Rochebrune")
    second_tab.person.sees("Famille Rochebrune")
    second_tab.person.does_not_see("Menuiserie Kervella")
    karim.follow("Accueil")
    expect(karim.page).to_have_url(re.compile(f"{ORSEL}/$"))


def test_who_lacks_the_right_reads_the_reason_and_can_ask(karim):
    assert karim.person.open(f"{ORSEL}/settings/folders").status == 403
    karim.person.sees(re.compile("adressez-vous à.*Claire Orsel"))
    karim.skip_to_content()
    karim.reach("Demander par mail", "link")


def test_an_outsider_finds_nothing_and_the_way_back(person):
    sophie = Keyboard(person(SOPHIE, signed_in=False))
    sophie.sign_in()
    assert sophie.person.open(f"{ORSEL}/contacts").status == 404
    sophie.person.reads_title("Cette page n’existe pas, ou ne vous est pas ouverte")
    sophie.follow("Mes organisations")
    expect(sophie.page).to_have_url(re.compile(f"{VALMER}/$|/organisations$"))


def test_the_switch_closes_when_one_walks_on(karim):
    karim.person.open(f"{ORSEL}/")
    karim.open_menu("Cabinet Orsel : changer d’organisation")
    karim.reach("Accueil", "link")
    expect(karim.page.get_by_role("link", name="Valmer Patrimoine")).to_have_count(0)


def test_he_signs_out_through_his_own_menu(karim, second_tab):
    karim.sign_out()
    second_tab.page.bring_to_front()
    second_tab.follow("Documents")
    second_tab.person.reads_title("Votre espace Valmer Patrimoine")
