"""Colleagues with an account of their own meet their firm's directory: offered, it is linked once they have proven both
sides; demanded, it is asked for wherever they come from with a password, but of the emergency account.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from acts import activate
from browsing import change
from connecting import FRENCH_DESK, PHONE_IN_ENGLISH, Reading, answer_directory, connect, invite
from firms import Firm, administrator_of, found, is_for_everybody
from people import HELENE, Identity, Person, field_of, until
from playwright.sync_api import expect
from test_door import Phone, add_phone

sys.path.insert(0, str(Path(__file__).parents[1] / "upstreams"))

from directories import OidcDirectory, oidc_directory

BUTTON = "Annuaire Kerjean"
READINGS = {"rozenn": FRENCH_DESK, "iwan": PHONE_IN_ENGLISH}
#: Who come after the directory, and are invited by hand all the same.
INVITED = {"maiwenn": FRENCH_DESK, "kerian": PHONE_IN_ENGLISH}
_PROVE = """
INSERT INTO sso_domains (id, organisation_id, organisation_slug, domain, state, method, token, check_problem,
    verified_at, created_at)
SELECT gen_random_uuid(), organisation_id, organisation_slug, $1, 'verified', 'dns', 't', '', now(), now()
  FROM sso_providers WHERE organisation_slug = $2
"""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody of the firm, as the directory calls them, and what they read."""

    name: str
    who: Identity
    reading: Reading


@pytest.fixture(scope="module")
def directory(tag) -> Iterator[OidcDirectory]:
    with oidc_directory() as running:
        running.knows({name: {"email": f"{name}@lien-{tag}.example"} for name in ("solene", *READINGS, *INVITED)})
        yield running


@pytest.fixture(scope="module")
def firm(person, mails, tag, directory, suite) -> Firm:
    """A firm whose directory is in service, offered beside the password of those who were there before."""
    firm = found(person(HELENE), person(administrator_of(f"lien{tag}"), signed_in=False), mails, f"Cabinet Lien {tag}")
    connect(firm, directory, BUTTON, "solene")
    for name in READINGS:
        who = _colleague(name, tag).who
        invite(firm, who)
        activate(person(who, signed_in=False), mails.wait(who.identifier))
    assert change(suite.superuser_url("identity"), _PROVE, f"lien-{tag}.example", firm.slug) == "INSERT 0 1"
    return firm


def _colleague(name: str, tag: str) -> Colleague:
    who = Identity(f"{name.title()} Lien", f"{name}@lien-{tag}.example")
    return Colleague(name, who, (READINGS | INVITED)[name])


@pytest.fixture(params=READINGS)
def colleague(request, tag) -> Colleague:
    return _colleague(request.param, tag)


@pytest.fixture(scope="module")
def demanded(firm, signed_in_before) -> Phone:
    """Nobody enters otherwise from now on, but for the administrator, whose application shows codes."""
    assert signed_in_before
    solene = firm.administrator
    solene.open("/factors/enrol")
    phone = add_phone(solene)
    solene.open(f"{firm.sign_in}/policy")
    solene.page.get_by_role("group", name="Votre propre annuaire").get_by_label("Exigé").check()
    solene.page.get_by_role("group", name="Qui entre sans l’annuaire").get_by_label("vous").check()
    solene.press("Enregistrer ces exigences")
    solene.is_told("C’est enregistré")
    return phone


def at(person, colleague: Colleague) -> Person:
    """In a browser where they never were."""
    someone: Person = colleague.reading.speaks(person(colleague.who, colleague.reading.seat, signed_in=False))
    return someone


def come_with_the_directory(someone: Person, firm: Firm, directory: OidcDirectory, colleague: Colleague) -> None:
    """From the firm's own page, to the question whose account it is."""
    someone.open(f"/login/{firm.slug}")
    someone.page.get_by_role("link", name=BUTTON).click()
    answer_directory(someone, directory, colleague.name)
    someone.reads_title(colleague.reading.of("Ce compte est-il aussi le vôtre ?", "Is this account yours too?"))


def give_password(someone: Person, firm: Firm, colleague: Colleague) -> None:
    """At the firm's own page, beside the directory's button."""
    someone.open(f"/login/{firm.slug}")
    of = colleague.reading.of
    field_of(someone.page, of("Code client ou adresse mail", "Client code or mail address")).fill(
        colleague.who.identifier
    )
    field_of(someone.page, of("Mot de passe", "Password")).fill(colleague.who.password)
    someone.press(of("Se connecter", "Sign in"), exact=True)


def greeted(someone: Person, firm: Firm, colleague: Colleague) -> None:
    """At home in the firm."""
    someone.page.wait_for_url(f"**{firm.base}/")
    given = colleague.name.title()
    someone.reads_title(colleague.reading.of(f"Bonjour {given}", f"Hello {given}"))


def test_the_directory_is_linked_once_both_sides_are_proven(person, firm, directory, colleague):
    of, someone = colleague.reading.of, at(person, colleague)
    come_with_the_directory(someone, firm, directory, colleague)
    is_for_everybody(someone)

    # Refused: nobody is signed in, and the question comes again.
    someone.follow(of("Ne pas les relier", "Do not link them"))
    expect(field_of(someone.page, of("Mot de passe", "Password"))).to_be_visible()
    someone.open(f"{firm.base}/")
    expect(someone.page).to_have_url(re.compile("/login"))
    again = at(person, colleague)
    come_with_the_directory(again, firm, directory, colleague)

    password = again.page.locator("input[type=password]")
    password.fill("not the password of anybody")
    again.press(of("Continuer", "Continue"), exact=True)
    again.sees(of("Ce n’est pas votre mot de passe actuel.", "This is not your current password."))
    is_for_everybody(again)
    password.fill(colleague.who.password)
    again.press(of("Continuer", "Continue"), exact=True)
    again.sees(of("Vous avez prouvé que ce compte est le vôtre.", "You have proven that this account is yours."))
    is_for_everybody(again)
    again.press(of("Relier les deux comptes", "Link the two accounts"))
    greeted(again, firm, colleague)

    # From now on the directory is enough.
    later = at(person, colleague)
    later.open(f"/login/{firm.slug}")
    later.page.get_by_role("link", name=BUTTON).click()
    answer_directory(later, directory, colleague.name)
    greeted(later, firm, colleague)


def link_with_password(someone: Person, firm: Firm, colleague: Colleague) -> None:
    """Both sides proven, from the question whose account it is."""
    of = colleague.reading.of
    someone.page.locator("input[type=password]").fill(colleague.who.password)
    someone.press(of("Continuer", "Continue"), exact=True)
    someone.press(of("Relier les deux comptes", "Link the two accounts"))
    greeted(someone, firm, colleague)


def is_out(someone: Person, firm: Firm) -> bool:
    """Whether they are asked to sign in again."""
    someone.open(f"{firm.base}/")
    return "/login" in someone.page.url


def test_who_linked_it_ends_it_and_both_sides_are_proven_anew(person, mails, firm, directory, colleague):
    of, someone, there = colleague.reading.of, at(person, colleague), at(person, colleague)
    there.open(f"/login/{firm.slug}")
    there.page.get_by_role("link", name=BUTTON).click()
    answer_directory(there, directory, colleague.name)
    greeted(there, firm, colleague)
    give_password(someone, firm, colleague)
    greeted(someone, firm, colleague)
    since = mails.now()

    someone.open("/links")
    someone.reads_title(of("Mes comptes reliés", "My linked accounts"))
    someone.sees(BUTTON)
    someone.sees(firm.name)
    is_for_everybody(someone)
    unlink = of("Ne plus relier", "Unlink")
    someone.follow(f"{unlink}{of(' ', '')}: {BUTTON}")
    someone.reads_title(of("Ne plus relier l’annuaire ?", "Unlink the directory?"))
    is_for_everybody(someone)
    someone.follow(of("Annuler", "Cancel"))
    someone.follow(f"{unlink}{of(' ', '')}: {BUTTON}")
    someone.press(unlink, exact=True)
    someone.sees(of("L’annuaire n’est plus relié à votre compte.", "The directory is not linked to your account"))
    expect(someone.page.get_by_text(BUTTON)).to_have_count(0)
    assert firm.name in mails.wait(colleague.who.identifier, firm.name, since=since).subject

    # Whoever was in with the directory alone is out, whoever gave the password is not.
    until(lambda: is_out(there, firm), "the end of the session that rested on the directory")
    someone.open(f"{firm.base}/")
    greeted(someone, firm, colleague)
    again = at(person, colleague)
    come_with_the_directory(again, firm, directory, colleague)
    link_with_password(again, firm, colleague)


@pytest.mark.parametrize("name", INVITED)
def test_who_is_invited_by_hand_comes_in_with_the_directory_and_chooses_no_password(
    person, mails, tag, firm, directory, name
):
    colleague = _colleague(name, tag)
    invite(firm, colleague.who)
    of, someone = colleague.reading.of, at(person, colleague)

    someone.open(mails.wait(colleague.who.identifier).link("/activate/"))
    someone.reads_title(of("Ouvrez votre accès", "Open your access"))
    is_for_everybody(someone)
    someone.follow(of(f"Continuer avec {BUTTON}", f"Continue with {BUTTON}"))
    answer_directory(someone, directory, colleague.name)
    greeted(someone, firm, colleague)


@pytest.fixture(scope="module")
def signed_in_before(person, firm, tag) -> dict[str, Person]:
    """With a password, while that was enough."""
    there = {}
    for name in READINGS:
        colleague = _colleague(name, tag)
        there[name] = at(person, colleague)
        give_password(there[name], firm, colleague)
        greeted(there[name], firm, colleague)
    return there


@pytest.mark.usefixtures("demanded")
def test_who_was_signed_in_with_a_password_is_asked_for_the_directory(signed_in_before, firm, directory, colleague):
    someone = signed_in_before[colleague.name]
    someone.open(f"{firm.base}/")
    answer_directory(someone, directory, colleague.name)
    greeted(someone, firm, colleague)


@pytest.mark.usefixtures("demanded")
def test_who_types_an_address_of_the_domain_goes_straight_to_the_directory(person, firm, directory, colleague):
    someone = at(person, colleague)
    someone.open("/login")
    someone.page.get_by_label(colleague.reading.door.address).fill(colleague.who.identifier)
    someone.press(colleague.reading.door.go_on, exact=True)
    answer_directory(someone, directory, colleague.name)
    greeted(someone, firm, colleague)


@pytest.mark.usefixtures("demanded")
def test_who_types_a_password_at_the_firms_page_is_sent_on_to_the_directory(person, firm, directory, colleague):
    someone = at(person, colleague)
    give_password(someone, firm, colleague)
    answer_directory(someone, directory, colleague.name)
    greeted(someone, firm, colleague)


@pytest.mark.parametrize("reading", [FRENCH_DESK, PHONE_IN_ENGLISH], ids=["desk", "phone"])
def test_the_emergency_account_enters_past_it_with_its_factor(person, firm, demanded: Phone, reading: Reading):
    who = firm.administrator.who
    someone = reading.speaks(person(who, reading.seat, signed_in=False))
    someone.open(f"{firm.base}/")
    someone.page.wait_for_load_state()
    someone.answer_sign_in(who.password, reading.door)
    field_of(someone.page, reading.of("Code à six chiffres", "Code of six digits")).fill(demanded.code)
    someone.press(reading.of("Continuer", "Go on"))
    someone.page.wait_for_url(f"**{firm.base}/")
