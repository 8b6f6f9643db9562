"""A firm erases a client: what goes and what a law keeps is said first, then its record, documents and access are gone;
in French at a desk, in English on a phone.
"""

from acts import ORSEL, create_client, give_access, open_record
from people import CLAIRE, PHONE, Seat
from test_accessibility import problems, problems_of_colour
from test_account import english


def test_a_client_is_erased_with_its_access(person, tag):
    claire, name = person(CLAIRE, Seat()), f"Tonnellerie {tag}"
    mail = f"paul.{tag}@tonnellerie.example"
    create_client(claire, name, {}, (("Paul", "Guyader", mail),))
    give_access(claire, "Paul Guyader")
    open_record(claire, name)
    claire.follow("Effacer…")
    claire.reads_title(f"Effacer {name}")
    claire.sees("1 accès au portail, fermé aussitôt")
    claire.sees("il n’y a aucune facture validée")
    assert not problems(claire) + problems_of_colour(claire)
    claire.press("Effacer", exact=True)
    claire.is_told("Cochez d’abord la case")
    claire.page.get_by_role("checkbox").check()
    claire.press("Effacer", exact=True)
    claire.is_told("C’est effacé")
    claire.open(f"{ORSEL}/contacts?q={tag}")
    assert claire.page.get_by_text(name).count() == 0


def test_on_a_phone_in_english_with_what_a_law_keeps(person):
    claire = person(CLAIRE, Seat())
    open_record(claire, "Boulangerie Le Goff")
    path = claire.page.url.removeprefix(claire.portal).split("?")[0]
    reader = english(person(CLAIRE, PHONE))
    reader.open(f"{path}/erase")
    reader.sees("ten years from the end of their year")
    reader.sees("The last one until")
    assert not problems(reader)
