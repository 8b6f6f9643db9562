"""Who sees a client and why, and why not: from the client's record at a desk in French, from a colleague's on a
phone in English.
"""

from people import CLAIRE, DESK, PHONE
from test_account import english


def test_who_sees_a_client_and_why_at_a_desk(person):
    claire = person(CLAIRE, DESK)
    claire.open("/o/cabinet-orsel/contacts")
    claire.follow("Boulangerie Le Goff")
    claire.follow("Qui voit ce client, et pourquoi ?")
    claire.reads_title("Qui peut quoi pour Boulangerie Le Goff")
    claire.choose("Collaborateur", "Lucie Tanguy")
    claire.press("Afficher")
    claire.sees("Pourquoi Lucie Tanguy peut : Voir les clients")
    claire.sees("Lucie Tanguy a le profil « Manager »")
    claire.choose("Droit", "Voir le portail comme un client le voit")
    claire.press("Afficher")
    claire.sees("Lucie Tanguy n’a pas le droit « Voir le portail comme un client le voit ».")
    claire.sees("Ce qui suffirait")
    claire.page.get_by_role("link", name="Le faire").first.click()
    claire.reads_title("Responsables")


def test_why_a_colleague_may_on_a_phone(person):
    claire = english(person(CLAIRE, PHONE))
    claire.open("/o/cabinet-orsel/settings/people")
    claire.follow("Lucie Tanguy")
    claire.follow("Explain their rights")
    claire.choose("Right", "See invoices")
    claire.page.get_by_label("Client").fill("Boulangerie")
    claire.press("Explain")
    claire.sees("Why Lucie Tanguy may: See invoices · Boulangerie Le Goff")
    claire.sees("The access of Lucie Tanguy is open.")
