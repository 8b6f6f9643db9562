"""A profile is made, says what its rights carry along, and is changed by two people at once: at a desk in French, on a
phone in English.
"""

from people import CLAIRE, DESK, PHONE, Person
from playwright.sync_api import expect
from test_account import english

PROFILES = "/o/cabinet-orsel/settings/profiles"


def tick(reader: Person, tab: str, right: str, reach: str) -> None:
    """Chooses how far a right reaches, by what is heard of the cell."""
    reader.page.locator(".picks label").filter(has_text=tab).click()
    cell = reader.page.get_by_role("radio", name=f"{right} : {reach}", exact=True)
    reader.page.locator(".matrix-label").filter(has_text=right).filter(visible=True).scroll_into_view_if_needed()
    cell.focus()
    reader.page.keyboard.press("Space")
    expect(cell).to_be_checked()


def test_a_profile_from_its_first_right_to_two_versions_at_a_desk(person, tag):
    claire = person(CLAIRE, DESK)
    claire.open(PROFILES)
    claire.follow("Nouveau profil")
    claire.write({"Nom du profil": f"Équipe {tag}"})
    tick(claire, "Clients", "Créer et modifier des clients", "ses clients et ceux de son groupe")
    claire.press("Enregistrer")
    claire.reads_title(f"Équipe {tag}")
    claire.is_told("ne va pas sans : Voir les clients (ses clients et ceux de son groupe)")

    other = claire.context.new_page()
    other.goto(claire.page.url)
    tick(claire, "Clients", "Voir les clients", "tous les clients")
    claire.press("Enregistrer")
    claire.is_told("est enregistré")
    other.get_by_label("Nom du profil").fill(f"Équipe de Lyon {tag}")
    other.get_by_role("button", name="Enregistrer").click()
    expect(other.get_by_text("Deux versions de ce profil")).to_be_visible()
    versions = other.get_by_role("table", name="Ce qui diffère")
    expect(versions.get_by_role("row", name="Nom du profil")).to_contain_text(f"Équipe de Lyon {tag}")
    expect(versions.get_by_role("row", name="Voir les clients")).to_contain_text("tous les clients")
    expect(other.get_by_label("Nom du profil")).to_have_value(f"Équipe de Lyon {tag}")
    other.get_by_role("button", name="Enregistrer").click()
    expect(other.get_by_role("heading", level=1)).to_have_text(f"Équipe de Lyon {tag}")


def test_all_rights_are_applied_and_still_to_be_saved_on_a_phone(person, tag):
    claire = english(person(CLAIRE, PHONE))
    claire.open(f"{PROFILES}/new")
    claire.write({"Name of the profile": f"Deputies {tag}"})
    claire.press("Apply all rights")
    claire.sees("Nothing is saved yet")
    tick(claire, "Clients", "See clients", "their own clients and those of colleagues attached to them")
    claire.press("Save")
    claire.reads_title(f"Deputies {tag}")
    claire.is_told("is saved")
    claire.page.locator(".picks label").filter(has_text="Clients").click()
    cell = claire.page.get_by_role("radio", name="Create and change clients : all clients")
    expect(cell).to_be_checked()
