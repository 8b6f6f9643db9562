"""An organisation closes: asked for by its name at a desk in French, seen and reopened on a phone in English, closed
again; on the day nothing of it is left, and who administered it is told.
"""

import re

import pytest
from browsing import change
from firms import administrator_of, found, is_for_everybody
from people import DESK, ENGLISH_DOOR, HELENE, field_of, until
from playwright.sync_api import expect
from test_seats import ENGLISH


@pytest.fixture(scope="module")
def firm(person, mails, tag):
    solen = person(administrator_of(f"fin{tag}"), DESK, signed_in=False)
    return found(person(HELENE), solen, mails, f"Cabinet Kerlann {tag}")


def closes(firm, name):
    solen = firm.administrator
    solen.open(f"{firm.base}/settings/data")
    solen.follow("Voir ce que fait la fermeture")
    solen.reads_title("Fermer l’organisation")
    field_of(solen.page, "Nom de l’organisation").fill(name)
    solen.press("Fermer l’organisation", exact=True)


def band(reader, label):
    return reader.page.get_by_role("region", name=label)


def test_by_its_name_and_then_nothing_changes_any_more(firm, mails):
    solen, mark = firm.administrator, mails.now()
    closes(firm, "Cabinet Kerlan")
    solen.sees("Ce n’est pas le nom de l’organisation")
    is_for_everybody(solen)
    closes(firm, firm.name)
    solen.is_told("La fermeture a commencé")
    expect(band(solen, "L’organisation est en cours de fermeture")).to_contain_text("tout sera effacé le")
    is_for_everybody(solen)
    assert mails.wait(solen.who.identifier, "tout sera effacé le", since=mark)

    solen.open(f"{firm.base}/settings/structures")
    solen.write({"Nom": "Agence de Vannes"})
    solen.press("Ajouter la structure")
    solen.sees("plus rien ne se modifie")
    solen.open(f"{firm.base}/settings/people")
    solen.sees(solen.who.name)


def test_it_is_reopened_on_a_phone(firm, person, mails):
    phone, mark = person(firm.administrator.who, ENGLISH, signed_in=False), mails.now()
    phone.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": phone.portal}])
    phone.open(f"{firm.base}/")
    phone.answer_sign_in(firm.administrator.who.password, ENGLISH_DOOR)
    phone.page.wait_for_url(re.compile(firm.base))
    expect(band(phone, "The organisation is being closed")).to_contain_text("Closing: everything is erased on")
    is_for_everybody(phone)
    phone.page.get_by_role("button", name="Reopen", exact=True).click()
    phone.is_told("Open again: everything is as before.")
    expect(band(phone, "The organisation is being closed")).to_have_count(0)
    is_for_everybody(phone)
    assert mails.wait(firm.administrator.who.identifier, "est annulée", since=mark)


def test_on_the_day_nothing_of_it_is_left(firm, suite, mails):
    solen, mark = firm.administrator, mails.now()
    closes(firm, firm.name)
    solen.is_told("La fermeture a commencé")
    waits = "UPDATE closings SET due_at = now() WHERE ended_at IS NULL AND organisation_id ="
    which = "(SELECT organisation_id FROM organisation_directory WHERE slug = $1)"
    assert change(suite.superuser_url("tenancy"), f"{waits} {which}", firm.slug) == "UPDATE 1"

    def told():
        found = mails.all(solen.who.identifier, since=mark)
        return [mail for mail in found if "sont effacées" in mail.subject and firm.name in mail.subject]

    until(lambda: bool(told()), "the organisation is erased", patience=90.0)
    solen.open(f"{firm.base}/settings/people")
    solen.does_not_see("Inviter")
    expect(band(solen, "L’organisation est en cours de fermeture")).to_have_count(0)


def test_the_organisation_that_runs_the_portal_stays(person):
    helene = person(HELENE, DESK)
    helene.open("/o/cadrane/settings/data/closing")
    helene.sees("Cette organisation reste ouverte")
    assert not helene.page.get_by_role("button", name="Fermer l’organisation").count()
