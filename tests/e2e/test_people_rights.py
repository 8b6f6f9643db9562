"""A colleague's rights differ from their profile and come back to it; a move is seen before it is made: at a desk in
French, on a phone in English.
"""

from people import CLAIRE, DESK, PHONE
from playwright.sync_api import expect
from test_account import english
from test_profiles import tick

PEOPLE = "/o/cabinet-orsel/settings/people"


def test_rights_of_one_person_differ_and_come_back_at_a_desk(person):
    claire = person(CLAIRE, DESK)
    claire.open(PEOPLE)
    claire.follow("Lucie Tanguy")
    claire.follow("Droits", exact=True)
    claire.reads_title("Droits de Lucie Tanguy")
    tick(claire, "Collaborateurs", "Voir le portail comme un collaborateur le voit", "oui")
    claire.press("Enregistrer")
    claire.is_told("Les droits de Lucie Tanguy sont enregistrés.")
    claire.sees("Différent du profil, pour cette personne seulement.")
    claire.press("Revenir au profil")
    claire.is_told("Les droits de Lucie Tanguy sont enregistrés.")
    claire.does_not_see("Différent du profil")


def test_a_move_is_seen_before_it_is_made_on_a_phone(person):
    claire = english(person(CLAIRE, PHONE))
    claire.open(PEOPLE)
    claire.follow("Lucie Tanguy")
    for superior, now in (("Claire Orsel", "Claire Orsel"), ("Nobody: at the top of the hierarchy", "at the top")):
        claire.follow("Attach to…")
        claire.choose("Superior", superior)
        claire.press("See what changes")
        expect(claire.page.get_by_role("heading", name="What the move changes")).to_be_visible()
        claire.press("Make the move")
        claire.reads_title("Lucie Tanguy")
        claire.sees(now, within=claire.page.locator(".description"))
