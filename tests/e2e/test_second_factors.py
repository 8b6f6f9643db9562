"""Second factors in a browser: an application, a passkey beside the password and instead of it, a recovery code, a
trusted browser, and proving oneself again.
"""

import re
import time

import pytest
from acts import ORSEL, invite, mails_about
from people import CLAIRE, DESK, PHONE, Identity, Person, Seat
from playwright.sync_api import CDPSession, expect
from test_accessibility import problems, problems_of_colour

from parvis_identity.domain import totp

PASSWORD = "Corsaire&2026"


@pytest.fixture(scope="module")
def claire(person) -> Person:
    return person(CLAIRE)


@pytest.fixture
def colleague(person, claire, mails):
    """Makes a colleague who has just activated their account."""

    def made(name: str, mail: str, seat: Seat = DESK) -> Person:
        who = Identity(name, mail, password=PASSWORD)
        since = mails.now()
        invite(claire, who, "Conseiller junior")
        someone = person(who, seat, signed_in=False)
        someone.open(mails.wait(mail, since=since).link("/activate/"))
        someone.page.locator("input[name=password]").fill(PASSWORD)
        someone.page.locator("main button[type=submit]").first.click()
        someone.page.wait_for_url(re.compile(r"/o/"))
        return someone

    return made


class Application:
    """What shows codes: each counts once, so the next one may be of the step to come."""

    def __init__(self, shown: str) -> None:
        self.seed = totp.read_seed(shown)
        self.last = 0

    def code(self) -> str:
        self.last = max(int(time.time()) // totp.STEP - 1, self.last + 1)
        while self.last > int(time.time()) // totp.STEP + 1:
            time.sleep(1)
        return totp.code_at(self.seed, self.last)


def add_application(someone: Person, title: str, code: str, add: str) -> tuple[Application, list[str]]:
    """Adds an application on its page; the codes that came with it."""
    someone.reads_title(title)
    application = Application(someone.page.locator(".copy-text").first.inner_text())
    someone.write({code: application.code()})
    someone.press(add, exact=True)
    return application, someone.page.locator("pre").inner_text().split()


def authenticator(someone: Person) -> tuple[CDPSession, str]:
    """Gives the browser a device with a finger on it."""
    session = someone.context.new_cdp_session(someone.page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    return session, session.send("WebAuthn.addVirtualAuthenticator", {"options": options})["authenticatorId"]


def is_well_made(someone: Person) -> None:
    assert not problems(someone) + problems_of_colour(someone)


def test_an_application_a_recovery_code_and_a_trusted_browser(colleague, person, mails, tag):
    mail = f"ines.{tag}@orsel.example"
    ines, since = colleague("Inès Maurel", mail), mails.now()
    ines.open(f"{ORSEL}/account")
    ines.follow("Ma double authentification")
    is_well_made(ines)
    ines.follow("Ajouter une application d’authentification")
    is_well_made(ines)
    application, codes = add_application(ines, "Ajouter une application", "Code à six chiffres", "Ajouter")
    assert len(codes) == 10
    is_well_made(ines)
    ines.follow("Je les ai conservés")
    ines.sees("Il reste 10 codes")
    is_well_made(ines)
    assert "application d" in mails_about(mails, mail, "ajoutée", since).body

    elsewhere = person(ines.who, Seat(), signed_in=False)
    elsewhere.open("/login")
    elsewhere.answer_sign_in(PASSWORD)
    elsewhere.reads_title("Confirmez que c’est bien vous")
    is_well_made(elsewhere)
    elsewhere.write({"Code à six chiffres": "000000"})
    elsewhere.press("Continuer", exact=True)
    elsewhere.sees("Ce n’est pas le code que votre application affiche en ce moment.")
    is_well_made(elsewhere)
    elsewhere.write({"Code à six chiffres": application.code()})
    elsewhere.page.get_by_label("Ne plus me le demander").check()
    elsewhere.press("Continuer", exact=True)
    elsewhere.page.wait_for_url(re.compile(r"/o/"))
    elsewhere.sign_out()
    elsewhere.open("/login")
    elsewhere.answer_sign_in(PASSWORD)
    elsewhere.page.wait_for_url(re.compile(r"/o/"))  # trusted: nothing is asked

    ines.open("/factors")
    ines.sees("rien n’y est demandé jusqu’au")
    ines.press("Redemander", exact=True)
    ines.sees("Aucun : la confirmation est demandée dans tous les navigateurs.")
    elsewhere.sign_out()
    elsewhere.open("/login")
    elsewhere.answer_sign_in(PASSWORD)
    elsewhere.follow("Je ne l’ai pas sous la main")
    is_well_made(elsewhere)
    elsewhere.write({"Code de secours": codes[3].upper()})
    elsewhere.press("Continuer", exact=True)
    elsewhere.page.wait_for_url(re.compile(r"/o/"))
    assert "Codes restants : 9" in mails_about(mails, mail, "code de secours a servi", since).body.replace(
        "\u00a0", " "
    )


def test_a_passkey_beside_the_password_and_instead_of_it_on_an_english_phone(colleague, person, mails, tag):
    mail = f"otto.{tag}@orsel.example"
    seat = Seat(PHONE.width, PHONE.height, touch=True, locale="en-GB")
    otto = colleague("Otto Brandt", mail, seat)
    session, device = authenticator(otto)
    otto.open("/factors/passkey")
    otto.page.locator("input[name=name]").fill("Otto’s phone")
    is_well_made(otto)
    otto.page.locator("parvis-passkey button").click()
    expect(otto.page.locator("pre")).to_be_visible()
    is_well_made(otto)
    assert len(session.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]) == 1
    otto.page.locator("main .button-primary").click()
    otto.sees("Otto’s phone")
    is_well_made(otto)

    # Where the name is typed the browser offers the passkey by itself: with a finger on the device, that is all.
    otto.context.clear_cookies()
    otto.open("/login")
    otto.page.wait_for_url(re.compile(r"/o/"))

    # Nobody touches the device: the password, and then the passkey as second factor.
    session.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": device, "enabled": False})
    otto.context.clear_cookies()
    otto.open("/login?step=password")
    otto.page.locator("input[name=identifier]").fill(mail)
    otto.page.locator("input[name=password]").fill(PASSWORD)
    is_well_made(otto)
    otto.page.locator("form button[type=submit]").first.click()
    otto.page.wait_for_url(re.compile(r"/factor"))
    is_well_made(otto)
    session.send("WebAuthn.setAutomaticPresenceSimulation", {"authenticatorId": device, "enabled": True})
    otto.page.locator("parvis-passkey button").click()
    otto.page.wait_for_url(re.compile(r"/o/"))

    # And before something sensitive, once the proof is old, it is asked again.
    otto.open("/step-up?next=%2Ffactors&again=1")
    is_well_made(otto)
    otto.page.locator("parvis-passkey button").click()
    otto.page.wait_for_url(re.compile(r"/factors"))
