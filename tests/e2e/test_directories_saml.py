"""A firm connects its SAML directory, which others wrote: from nothing to the first sign-in of a colleague, and out
again on both sides.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from firms import Firm, administrator_of, found, is_for_everybody, pasted
from people import DESK, HELENE, STRANGER, Person, field_of
from playwright.sync_api import expect

sys.path.insert(0, str(Path(__file__).parents[1] / "upstreams"))

from simplesamlphp import SamlDirectory, saml_directory

ROZENN = {"givenName": ["Rozenn"], "sn": ["Le Goff"], "groups": ["Associés"]}
MALO = {"givenName": ["Malo"], "sn": ["Riou"], "groups": ["Collaborateurs"]}


@pytest.fixture(scope="module")
def directory(tag) -> Iterator[SamlDirectory]:
    """The firm's directory, with two people in it."""
    with saml_directory() as running:
        people = {"rozenn": ROZENN, "malo": MALO}
        running.knows({name: {**said, "mail": [f"{name}-{tag}@legoff.example"]} for name, said in people.items()})
        yield running


@pytest.fixture(scope="module")
def firm(person, mails, tag) -> Firm:
    """A firm that has nothing yet but its administrator."""
    rozenn = person(administrator_of(tag), DESK, signed_in=False)
    return found(person(HELENE), rozenn, mails, f"Étude Le Goff {tag}")


def sign_in_there(someone: Person, directory: SamlDirectory, name: str) -> None:
    """At the directory's own page."""
    someone.page.wait_for_url(f"{directory.url}/module.php/**")
    someone.page.locator("input[name=username]").fill(name)
    someone.page.locator("input[name=password]").fill("password")
    someone.page.locator("#submit_button, button[type=submit], input[type=submit]").first.click()


def test_it_is_declared_there_and_connected_here(firm, directory):
    rozenn = firm.administrator
    rozenn.open(f"{firm.sign_in}/directories/new")
    rozenn.page.get_by_label("SAML 2.0").check()
    field_of(rozenn.page, "Nom sur le bouton").fill("Annuaire Le Goff")
    rozenn.press("Continuer")

    rozenn.reads_title("Déclarer le portail à Annuaire Le Goff")
    is_for_everybody(rozenn)
    directory.declare(httpx.get(pasted(rozenn, "Nos métadonnées"), trust_env=False).content)
    rozenn.follow("C’est fait : continuer")

    rozenn.reads_title("Relier Annuaire Le Goff au portail")
    field_of(rozenn.page, "Adresse de ses métadonnées").fill(f"{directory.url}/module.php/core/frontpage_welcome.php")
    rozenn.press("Enregistrer et continuer")
    expect(rozenn.page.get_by_role("alert")).to_contain_text("page web à cette adresse")
    is_for_everybody(rozenn)
    field_of(rozenn.page, "Adresse de ses métadonnées").fill(directory.metadata)
    rozenn.press("Enregistrer et continuer")
    rozenn.reads_title("Essayer Annuaire Le Goff")


def test_a_test_shows_each_check_and_what_was_received(firm, directory):
    rozenn = firm.administrator
    directory.set({"signature.algorithm": "http://www.w3.org/2000/09/xmldsig#rsa-sha1"})
    rozenn.press("Commencer l’essai")
    sign_in_there(rozenn, directory, "rozenn")
    rozenn.reads_title("Essai d’Annuaire Le Goff")
    rozenn.sees("SHA-1 n’est pas accepté")
    rozenn.sees("Non atteint")
    is_for_everybody(rozenn)

    directory.set()
    rozenn.open(f"{rozenn.page.url.partition('?')[0]}/try")
    rozenn.press("Commencer l’essai")
    rozenn.page.wait_for_url("**?trial=*")  # she is signed in there by now
    rozenn.sees("Tout ce que nous vérifions est juste")
    rozenn.sees("Associés", within=rozenn.section("Ce qui a été reçu"))
    is_for_everybody(rozenn)
    rozenn.follow("Le mettre en service")
    rozenn.press("Le mettre en service")
    rozenn.is_told("Annuaire Le Goff est en service")
    is_for_everybody(rozenn)


def test_a_colleague_signs_in_for_the_first_time_and_out_on_both_sides(firm, directory, person):
    rozenn, malo = firm.administrator, person(STRANGER, DESK, signed_in=False)
    rozenn.open(f"{firm.sign_in}/mapping")
    rozenn.page.locator("#f-default_profile_id").select_option(index=1)
    rozenn.press("Voir ce qui change")
    rozenn.is_told("Enregistré")
    malo.open(f"/login/{firm.slug}")
    malo.follow("Annuaire Le Goff")
    sign_in_there(malo, directory, "malo")
    malo.reads_title("Bonjour Malo")

    malo.sign_out()
    malo.open(f"/login/{firm.slug}")
    malo.follow("Annuaire Le Goff")
    malo.page.wait_for_url(f"{directory.url}/module.php/**")  # it asks for the password again
    expect(malo.page.locator("input[name=password]")).to_be_visible()
