"""One sign-in for the space that a firm opened with a client code: both are proven, and either side ends it."""

from dataclasses import replace

import pytest
from acts import ORSEL, open_record
from people import CLAIRE, PHONE, SOPHIE, Identity, field_of, until
from playwright.sync_api import expect
from test_accessibility import problems, problems_of_colour

ERWAN = Identity("Erwan Kervella", "C0002", "cabinet-orsel")
ENGLISH_PHONE = replace(PHONE, locale="en-GB")


@pytest.fixture(scope="module")
def sophie(person):
    return person(SOPHIE)


@pytest.fixture(scope="module")
def claire(person):
    return person(CLAIRE)


@pytest.fixture(scope="module")
def erwan(person):
    return person(ERWAN)


@pytest.fixture(scope="module")
def on_the_phone(person):
    return person(ERWAN, ENGLISH_PHONE, signed_in=False)


def fill(sophie, **typed):
    given = {"firm": f"{sophie.portal}/login/cabinet-orsel", "identifier": ERWAN.identifier, "password": ERWAN.password}
    for name, value in (given | typed).items():
        sophie.page.locator(f"[name={name}]").fill(value)
    sophie.press("Relier le compte")


def reaches(someone):
    someone.open("/organisations")
    return bool(someone.page.get_by_role("link", name="Cabinet Orsel").count())


def test_the_page_says_what_is_linked_and_what_is_wrong(sophie):
    sophie.open("/o/valmer-patrimoine/account")
    sophie.follow("Mes comptes reliés")
    sophie.reads_title("Mes comptes reliés")
    while sophie.page.get_by_role("link", name="Mettre fin à la liaison").count():  # of an earlier run
        sophie.follow("Mettre fin à la liaison")
        sophie.press("Mettre fin à la liaison")
    sophie.sees("Aucun compte n’est relié à celui-ci.")
    fill(sophie, firm="https://ailleurs.example/login/personne")
    sophie.sees("Aucun cabinet n’a cette adresse de connexion.")
    fill(sophie, password="pas-celui-la")
    sophie.sees("Code client ou mot de passe incorrect.")
    expect(field_of(sophie.page, "Code client")).to_have_value(ERWAN.identifier)


def test_with_both_passwords_the_accounts_are_linked(sophie, mails):
    since = mails.now()
    sophie.open("/links")
    fill(sophie)
    sophie.sees("Les comptes sont reliés.")
    sophie.sees("Cabinet Orsel")
    assert not problems(sophie) + problems_of_colour(sophie)
    for address in (SOPHIE.identifier, "erwan@kervella.example"):
        mail = mails.wait(address, "Deux de vos comptes sont reliés", since=since)
        name = "Sophie" if address == SOPHIE.identifier else "Erwan"  # never whose personal account it is
        assert f"Bonjour {name}" in mail.body
        assert "C0002 chez Cabinet Orsel" in mail.body
        assert SOPHIE.identifier not in mail.body


def test_one_sign_in_opens_the_firms_space(sophie):
    until(lambda: reaches(sophie), "the firm's space among the organisations")
    sophie.follow("Cabinet Orsel")
    sophie.reads_title("Bonjour Erwan")
    sophie.open("/o/valmer-patrimoine/")
    sophie.reads_title("Bonjour Sophie")


def test_the_client_code_keeps_working(erwan):
    erwan.open(f"{ORSEL}/")
    erwan.reads_title("Bonjour Erwan")


def test_a_second_account_of_the_firm_is_refused_with_the_reason(sophie):
    sophie.open("/links")
    fill(sophie, identifier="C0001")
    sophie.sees("un seul par cabinet")


def choose_for_erwan(claire, act):
    """From the menu of his line in the record, and the dialog that it opens."""
    row = claire.row("Erwan Kervella")
    row.locator("summary").click()
    row.get_by_text(act).first.click()
    claire.page.get_by_role("dialog").get_by_role("button", name=act).click()
    claire.page.wait_for_load_state()


def test_the_firms_cut_ends_it_for_both(claire, sophie, erwan):
    sophie.open(f"{ORSEL}/")
    open_record(claire, "Menuiserie Kervella")
    choose_for_erwan(claire, "Couper l’accès")

    until(lambda: sophie.open(f"{ORSEL}/").status == 403, "the end of what was reached through the link")
    sophie.reads_title("Votre accès à Cabinet Orsel a pris fin")
    erwan.open(f"{ORSEL}/")
    assert "/login" in erwan.page.url

    choose_for_erwan(claire, "Rouvrir l’accès")
    until(lambda: reaches(sophie), "the space being back")


def test_on_a_phone_in_english_the_firms_account_ends_it(on_the_phone, sophie, mails):
    since = mails.now()
    on_the_phone.open("/login/cabinet-orsel")
    field_of(on_the_phone.page, "Client code or mail address").fill(ERWAN.identifier)
    field_of(on_the_phone.page, "Password").fill(ERWAN.password)
    on_the_phone.press("Sign in")
    on_the_phone.open("/links")
    on_the_phone.press("English")  # the account's own language is French
    on_the_phone.reads_title("My linked accounts")
    on_the_phone.sees(SOPHIE.identifier)
    on_the_phone.follow("End the link")
    on_the_phone.reads_title("End the link?")
    on_the_phone.press("End the link")
    on_the_phone.sees("The link is ended.")
    on_the_phone.sees("No account is linked to this one.")

    mails.wait(SOPHIE.identifier, "Deux de vos comptes ne sont plus reliés", since=since)
    until(lambda: sophie.open(f"{ORSEL}/").status in {403, 404}, "the space being closed to the other account")
