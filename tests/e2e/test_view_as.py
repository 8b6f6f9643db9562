"""The portal as a client or a colleague sees it: on a desk in French, on a phone in English."""

import re

import pytest
from acts import ORSEL, open_record
from people import CLAIRE, PHONE, Person
from playwright.sync_api import Locator, expect

REASON = "Appel au sujet du relevé de juillet"


@pytest.fixture(scope="module")
def claire(person) -> Person:
    return person(CLAIRE)


@pytest.fixture(scope="module")
def on_a_phone(person) -> Person:
    claire = person(CLAIRE, PHONE)
    claire.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": claire.portal}])
    return claire


def banner(claire: Person) -> Locator:
    return claire.page.get_by_role("region", name=re.compile("Vous voyez le portail|You see the portal"))


def view(claire: Person, reason: str = REASON) -> None:
    """From the record of a client to the portal as Anne Le Goff sees it."""
    open_record(claire, "Boulangerie Le Goff")
    claire.row("Anne Le Goff").get_by_label("Actions pour Anne Le Goff").click()
    claire.follow("Voir le portail comme Anne Le Goff")
    claire.reads_title("Voir le portail comme Anne Le Goff")
    claire.write({"Motif": reason})
    claire.press("Voir le portail comme Anne Le Goff")


def leave(claire: Person) -> None:
    if banner(claire).count():
        claire.press("Quitter", within=banner(claire))


@pytest.fixture(autouse=True)
def _as_oneself(claire):
    yield
    claire.open(f"{ORSEL}/")
    leave(claire)


def test_a_client_is_seen_with_their_own_pages_under_a_banner(claire):
    view(claire)
    claire.sees("Vous voyez le portail comme Anne Le Goff.", within=banner(claire))
    claire.sees(re.compile("vous êtes Claire Orsel"), within=banner(claire))
    claire.sees(re.compile(r"Encore (29|30) minutes"), within=banner(claire))
    assert claire.main_navigation.get_by_role("link").all_inner_texts() == ["Accueil", "Documents", "Factures"]


def test_a_reason_is_needed(claire):
    open_record(claire, "Boulangerie Le Goff")
    claire.row("Anne Le Goff").get_by_label("Actions pour Anne Le Goff").click()
    claire.follow("Voir le portail comme Anne Le Goff")
    claire.page.locator("form").evaluate_all("forms => forms.forEach((form) => form.noValidate = true)")
    claire.press("Voir le portail comme Anne Le Goff")
    claire.sees("Ce champ est nécessaire.")
    expect(banner(claire)).to_have_count(0)


def test_a_document_that_is_looked_at_so_stays_unread(claire, person):
    view(claire)
    claire.go_to("Documents")
    before = claire.page.get_by_role("main").inner_text()
    claire.follow("Bilan 2025")
    claire.sees("Le document lui-même ne s’ouvre pas ici")
    claire.go_to("Documents")
    assert claire.page.get_by_role("main").inner_text() == before


def test_what_is_the_persons_alone_is_not_shown(claire):
    view(claire)
    answer = claire.open(f"{ORSEL}/account")
    assert answer.status == 403
    claire.reads_title("Pas pendant que vous voyez le portail comme Anne Le Goff")
    expect(banner(claire)).to_be_visible()


def test_a_form_of_ones_own_in_another_tab_waits_until_one_has_left(claire):
    other = claire.tab()
    other.open(f"{ORSEL}/contacts/new")
    other.page.get_by_role("textbox", name="Nom", exact=True).fill("Atelier Morvan")
    view(claire)
    other.press("Créer le client")
    other.reads_title("Pas pendant que vous voyez le portail comme Anne Le Goff")
    other.page.close()


def test_leaving_leads_back_to_the_client(claire):
    view(claire)
    claire.press("Quitter", within=banner(claire))
    claire.is_told("Vous êtes de retour sur vos propres pages.")
    claire.reads_title("Boulangerie Le Goff")
    expect(banner(claire)).to_have_count(0)


def test_the_history_says_who_looked_and_why(claire, tag):
    view(claire, f"Appel {tag}")
    leave(claire)
    claire.row("Anne Le Goff").get_by_label("Actions pour Anne Le Goff").click()
    claire.follow("Voir le portail comme Anne Le Goff")
    claire.sees(re.compile(rf"Appel {tag}"), within=claire.section("Consultations précédentes"))


def test_a_colleague_is_seen_with_their_rights(claire):
    claire.open(f"{ORSEL}/settings/people")
    claire.page.get_by_role("link", name="Lucie Tanguy").first.click()
    claire.follow("Ouvrir la page")
    claire.follow("Voir le portail comme Lucie Tanguy")
    claire.write({"Motif": REASON})
    claire.press("Voir le portail comme Lucie Tanguy")
    claire.sees("Vous voyez le portail comme Lucie Tanguy.", within=banner(claire))


def test_on_a_phone_in_english(on_a_phone):
    claire = on_a_phone
    claire.open(f"{ORSEL}/contacts?q=Le%20Goff")
    claire.follow("Boulangerie Le Goff")
    claire.row("Anne Le Goff").get_by_label("Actions for Anne Le Goff").tap()
    claire.follow("See the portal as Anne Le Goff")
    claire.write({"Why": REASON})
    claire.press("See the portal as Anne Le Goff")
    claire.sees("You see the portal as Anne Le Goff.", within=banner(claire))
    wide, there = claire.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= there
    claire.press("Leave", within=banner(claire))
    claire.is_told("You see the portal as yourself again.")
