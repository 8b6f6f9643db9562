"""Seats from the purchase to the last one, structures and referents: at a desk in French, on a phone in English.

The provider sells two seats of a product that is made for the test; the firm's administrator gives them out, is told
when none is left, and reserves the rest. Then the provider sells fewer: nobody loses theirs.
"""

import re
import secrets
from dataclasses import replace

import pytest
from people import CLAIRE, DESK, ENGLISH_DOOR, HELENE, PHONE, Identity, Person, until
from playwright.sync_api import expect
from test_accessibility import problems, problems_of_colour

ORSEL, CADRANE = "/o/cabinet-orsel", "/o/cadrane"
ENGLISH = replace(PHONE, locale="en-GB")


def is_for_everybody(reader: Person) -> None:
    """Nothing that axe finds, in light and dark, and nothing beside a phone's edge."""
    assert not problems(reader) + problems_of_colour(reader)
    assert reader.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.fixture
def product(person) -> str:
    """A product that nobody has yet; its name."""
    helene, name = person(HELENE, DESK), f"Agenda {secrets.token_hex(3)}"
    helene.open(f"{CADRANE}/settings/products/new")
    helene.write({"Nom": name, "Adresses de retour après la connexion": "https://agenda.example/retour"})
    helene.page.locator("#f-launch_url").fill("https://agenda.example/")
    helene.press("Enregistrer le logiciel")
    helene.reads_title(f"{name} est enregistré")
    return name


def abroad(person, who: Identity, address: str) -> Person:
    """Somebody who reads English on a phone, signed in."""
    reader = person(who, ENGLISH, signed_in=False)
    reader.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": reader.portal}])
    reader.open(address)
    reader.answer_sign_in(who.password, ENGLISH_DOOR)
    reader.page.wait_for_url(re.compile(address))
    return reader


def sell(helene: Person, product: str, seats: str, words: dict[str, str]) -> None:
    """From the list of customers to the saved subscription."""
    helene.open(f"{CADRANE}/customers")
    where = helene.page.get_by_role("link", name="Cabinet Orsel").first.get_attribute("href")
    helene.open(where)
    helene.page.get_by_role("listitem").filter(has_text=product).get_by_role("link").click()
    helene.reads_title(product)
    is_for_everybody(helene)
    helene.write({words["seats"]: seats})
    helene.page.get_by_role("main").get_by_role("button", name=re.compile(words["sell"])).click()
    helene.is_told(words["sold"])


def open_application(claire: Person, product: str) -> None:
    """The application in the settings; what was sold arrives a moment later."""

    def arrived() -> bool:
        claire.open(f"{ORSEL}/settings/applications")
        return claire.page.get_by_role("link", name=product).count() > 0

    until(arrived, f"{product} is in the settings")
    claire.page.get_by_role("link", name=product).click()
    claire.reads_title(product)


def test_seats_are_bought_given_out_and_missing_at_a_desk(person, product):
    helene, claire = person(HELENE, DESK), person(CLAIRE, DESK)
    words = {"seats": "Nombre de licences", "sell": "Ajouter à l’abonnement|Enregistrer", "sold": "est enregistré"}
    sell(helene, product, "2", words)

    open_application(claire, product)
    claire.sees("Personne ne l’a encore")
    is_for_everybody(claire)
    for name in ("Lucie Tanguy", "Paul Guérin", "Claire Orsel"):
        claire.page.get_by_role("main").get_by_role("link", name="Tous", exact=True).first.click()
        claire.press(f"Attribuer à {name}")
    expect(claire.page.get_by_role("alert")).to_contain_text("licences prises : 2 sur 2, il en manque 1")
    expect(claire.page.get_by_role("alert")).to_contain_text("demandez des licences à Cadrane")
    is_for_everybody(claire)

    claire.page.get_by_role("main").get_by_role("link", name=re.compile("L’ont")).click()
    claire.press("Retirer à Paul Guérin")
    claire.is_told("L’application est retirée.")
    claire.sees("1 licence prise sur 2")

    claire.page.get_by_role("link", name="Siège de Nantes").last.click()
    claire.write({"Nombre de licences": "3"})
    claire.press("Enregistrer")
    expect(claire.page.get_by_role("alert")).to_contain_text("il en manque 1")
    claire.write({"Nombre de licences": "1"})
    claire.press("Enregistrer")
    claire.is_told(re.compile("sont réservées"))
    claire.sees("1 licence prise sur 1")

    sell(helene, product, "0", words)

    def over() -> bool:
        claire.open(claire.page.url)
        return claire.page.get_by_text("Il y a plus de licences prises que de licences").count() > 0

    until(over, "the reduction has arrived")
    claire.sees("1 licence prise sur 0 : 1 de trop")
    is_for_everybody(claire)


def test_an_invitation_comes_with_its_application_or_not_at_all_at_a_desk(person, product, tag):
    helene, claire = person(HELENE, DESK), person(CLAIRE, DESK)
    words = {"seats": "Nombre de licences", "sell": "Ajouter à l’abonnement|Enregistrer", "sold": "est enregistré"}
    sell(helene, product, "1", words)
    open_application(claire, product)
    for number, told in ((1, "L’invitation"), (2, "")):
        claire.open(f"{ORSEL}/settings/people/invite")
        claire.write(
            {
                "Prénom": "Yann",
                "Nom de famille": f"Licence {number}",
                "Adresse mail professionnelle": f"yann{number}-{tag}@orsel.example",
            }
        )
        claire.choose("Profil", "Conseiller junior")
        claire.page.get_by_label(product).check()
        claire.press("Envoyer l’invitation")
        if told:
            claire.is_told(told)
    expect(claire.page.get_by_role("alert")).to_contain_text("il en manque 1")
    expect(claire.page.get_by_label(product)).to_be_checked()


def test_seats_on_a_phone_in_english(person, product):
    helene = abroad(person, HELENE, f"{CADRANE}/customers")
    claire = abroad(person, CLAIRE, f"{ORSEL}/settings/applications")
    words = {"seats": "Number of seats", "sell": "Add to the subscription|Save", "sold": "the subscription is saved"}
    sell(helene, product, "1", words)
    open_application(claire, product)
    claire.sees("Nobody has it yet")
    is_for_everybody(claire)
    claire.page.get_by_role("link", name="Siège de Nantes").last.click()
    claire.press("Assign to everybody")
    expect(claire.page.get_by_role("alert")).to_contain_text("0 of 1 seats are taken")
    is_for_everybody(claire)


def test_a_structure_is_made_moved_and_deleted_at_a_desk(person, tag):
    claire, name = person(CLAIRE, DESK), f"Agence {tag}"
    claire.open(f"{ORSEL}/settings/structures")
    claire.write({"Nom": name})
    claire.press("Ajouter la structure")
    claire.is_told("est ajoutée")
    claire.follow(name)
    claire.choose("Rattachée à", "Bureau de Saint-Nazaire")
    claire.press("Enregistrer")
    claire.is_told("est enregistrée")
    claire.follow("Bureau de Saint-Nazaire")
    claire.press("Supprimer", exact=True)
    claire.press("Supprimer la structure")
    expect(claire.page.get_by_role("alert")).to_contain_text("structures qui en font partie : 1")
    is_for_everybody(claire)
    claire.open(f"{ORSEL}/settings/structures")
    claire.follow(name)
    claire.press("Supprimer", exact=True)
    claire.press("Supprimer la structure")
    claire.is_told("est supprimée")


def test_referents_are_charged_at_a_desk_and_seen_on_a_phone_in_english(person):
    claire = person(CLAIRE, DESK)
    claire.open(f"{ORSEL}/settings/referents")
    claire.follow("Choisir : Technique")
    claire.page.get_by_label("Lucie Tanguy").check()
    claire.press("Enregistrer")
    claire.is_told("Les référents sont enregistrés.")
    claire.sees("Hélène Mercadier", within=claire.section("Qui, chez Cadrane, peut agir pour vous"))
    is_for_everybody(claire)

    phone = abroad(person, CLAIRE, f"{ORSEL}/settings/referents")
    phone.sees("Lucie Tanguy")
    phone.follow("Choose: Technical")
    phone.page.get_by_label("Nobody").check()
    phone.press("Save")
    phone.is_told("The referents are saved.")
    phone.sees("Lucie Tanguy", within=phone.section("Before"))
    is_for_everybody(phone)
