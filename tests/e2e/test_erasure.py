"""The end of one's own account: what goes and stays is said first, it is asked for, and signing in takes it back; in
French at a desk, in English on a phone. Who must not, is told why.
"""

import re

import pytest
from acts import ORSEL, invite
from people import CLAIRE, ENGLISH_DOOR, FRENCH_DOOR, PHONE, SOPHIE, Identity, Seat
from test_accessibility import problems, problems_of_colour
from test_account import english

PASSWORD = "Corsaire&2026"
PAGE = "/account/data/erase"
DESK = Seat()


@pytest.fixture
def colleague(person, mails):
    """Makes a colleague who has just activated their account."""

    def made(name, mail, seat):
        who, since = Identity(name, mail, password=PASSWORD), mails.now()
        invite(person(CLAIRE), who, "Conseiller junior")
        someone = person(who, seat, signed_in=False)
        someone.open(mails.wait(mail, since=since).link("/activate/"))
        someone.page.locator("input[name=password]").fill(PASSWORD)
        someone.page.locator("main button[type=submit]").first.click()
        someone.page.wait_for_url(re.compile(r"/o/"))
        return someone

    return made


def test_an_account_is_asked_for_and_kept_by_signing_in(colleague, mails, tag):
    mail = f"odile.{tag}@partante.example"
    odile, since = colleague("Odile Renan", mail, DESK), mails.now()
    odile.open("/account/data")
    odile.follow("Effacer mon compte")
    odile.reads_title("Effacer mon compte")
    odile.sees("Ce qui est effacé")
    odile.sees("dix ans, c’est la loi")
    assert not problems(odile) + problems_of_colour(odile)
    odile.press("Effacer mon compte")
    odile.is_told("Cochez d’abord la case")
    odile.page.get_by_role("checkbox").check()
    odile.press("Effacer mon compte")
    odile.reads_title("Votre compte sera effacé le")
    assert not problems(odile) + problems_of_colour(odile)
    told = mails.wait(mail, since=since)
    assert "sera effacé le" in told.subject

    since = mails.now()
    odile.open(told.link("/login"))
    odile.answer_sign_in(PASSWORD, FRENCH_DOOR)
    assert mails.wait(mail, since=since).subject == "Votre compte est conservé"
    odile.open(f"{ORSEL}/account")
    odile.sees(mail)


def test_on_a_phone_in_english(colleague, mails, tag):
    mail = f"gwen.{tag}@leaving.example"
    gwen, since = english(colleague("Gwen Rivers", mail, PHONE)), mails.now()
    gwen.open(PAGE)
    gwen.reads_title("Erase my account")
    gwen.sees("What stays, and why")
    assert not problems(gwen)
    gwen.page.get_by_role("checkbox").check()
    gwen.press("Erase my account")
    gwen.reads_title("Your account will be erased on")
    assert mails.wait(mail, since=since).link("/login")
    gwen.follow("Keep my account")
    gwen.answer_sign_in(PASSWORD, ENGLISH_DOOR)
    gwen.open(f"{ORSEL}/account")
    gwen.sees(mail)


def test_the_last_administrator_is_told_where_and_what_to_do(person):
    sophie = person(SOPHIE, DESK)
    sophie.open(PAGE)
    sophie.sees("Vous êtes le dernier administrateur")
    sophie.sees("Valmer Patrimoine")
    sophie.sees("Nommer un autre administrateur")
    assert sophie.page.get_by_role("checkbox").count() == 0


def test_where_the_data_is_comes_from_the_services(person):
    claire = person(CLAIRE, DESK)
    claire.open("/legal")
    claire.sees("Ce qui est conservé, et combien de temps")
    claire.sees("10 ans, c’est la loi : Code de commerce, article L123-22")
    claire.sees("de 1 jour à 1 an")
    claire.sees("effacé après 3 ans sans connexion")
    assert not problems(claire) + problems_of_colour(claire)
