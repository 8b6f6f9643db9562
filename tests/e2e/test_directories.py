"""A firm connects its own directory, which others wrote: from nothing to the first sign-in of a colleague, in
French at a desk.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from firms import Firm, administrator_of, found, is_for_everybody, pasted
from people import DESK, HELENE, STRANGER, Person, field_of
from playwright.sync_api import expect

sys.path.insert(0, str(Path(__file__).parents[1] / "upstreams"))

from directories import OidcDirectory, oidc_directory

SOLEN = {"given_name": "Solen", "family_name": "Kerjean", "groups": ["Associés"]}
LEA = {"given_name": "Léa", "family_name": "Roy", "groups": ["Collaborateurs"]}


@pytest.fixture(scope="module")
def directory(tag) -> Iterator[OidcDirectory]:
    """The firm's directory, with two people in it."""
    with oidc_directory() as running:
        people = {"solen": SOLEN, "lea": LEA}
        running.knows({name: {**said, "email": f"{name}.{tag}@kerjean.example"} for name, said in people.items()})
        yield running


@pytest.fixture(scope="module")
def firm(person, mails, tag) -> Firm:
    """A firm that has nothing yet but its administrator."""
    solen = person(administrator_of(tag), DESK, signed_in=False)
    return found(person(HELENE), solen, mails, f"Étude Kerjean {tag}")


def sign_in_there(someone: Person, directory: OidcDirectory, name: str) -> None:
    """At the directory's own pages: a name, any password, and its consent."""
    someone.page.wait_for_url(f"{directory.issuer}/interaction/**")
    someone.page.locator("input[name=login]").fill(name)
    someone.page.locator("input[name=password]").fill("secret")
    someone.page.locator("button[type=submit]").click()
    someone.page.get_by_role("button", name="Continue").click()


def tile_of(firm: Firm) -> str:
    """The address that stands on the firm's intranet."""
    firm.administrator.open(f"{firm.sign_in}/directories")
    firm.administrator.follow("Annuaire Kerjean")
    row = firm.administrator.page.locator(".description > div").filter(has_text="Adresse qui ouvre une connexion")
    return row.locator(".copy-text").inner_text()


def test_a_firm_without_directory_is_told_what_one_is_for(firm):
    solen = firm.administrator
    solen.open(firm.sign_in)
    solen.sees("Chacun se connecte avec son adresse mail et un mot de passe.")
    is_for_everybody(solen)
    solen.follow("Ajouter un annuaire")
    solen.reads_title("Ajouter un annuaire")
    is_for_everybody(solen)


def test_it_is_declared_there_and_connected_here(firm, directory):
    solen = firm.administrator
    solen.open(f"{firm.sign_in}/directories/new")
    solen.press("Continuer")
    expect(solen.page.get_by_role("alert")).to_contain_text("L’annuaire de votre cabinet")
    solen.page.get_by_label("Keycloak").check()
    field_of(solen.page, "Nom sur le bouton").fill("Annuaire Kerjean")
    solen.press("Continuer")

    solen.reads_title("Déclarer le portail à Annuaire Kerjean")
    is_for_everybody(solen)
    client_id, secret = directory.declare(
        pasted(solen, "Adresse de retour"),
        post_logout_redirect_uris=[pasted(solen, "Adresse après la déconnexion")],
        backchannel_logout_uri=pasted(solen, "Adresse prévenue d’une déconnexion"),
    )
    solen.follow("C’est fait : continuer")

    solen.reads_title("Relier Annuaire Kerjean au portail")
    solen.write({"Adresse du royaume": f"{directory.issuer}/nowhere", "Identifiant client": client_id})
    solen.page.locator("#f-client_secret").fill("wrong")
    solen.press("Enregistrer et continuer")
    expect(solen.page.get_by_role("alert")).to_contain_text("n’est pas ce qui est attendu")
    is_for_everybody(solen)

    field_of(solen.page, "Adresse du royaume").fill(directory.issuer)
    solen.page.locator("#f-client_secret").fill("wrong")
    solen.press("Enregistrer et continuer")
    solen.reads_title("Essayer Annuaire Kerjean")
    is_for_everybody(solen)

    solen.press("Commencer l’essai")
    sign_in_there(solen, directory, "solen")
    solen.reads_title("Essai d’Annuaire Kerjean")
    solen.sees("n’accepte pas cet identifiant client")
    solen.sees("Non atteint")
    is_for_everybody(solen)

    solen.follow("Modifier les réglages")
    solen.page.locator("#f-client_secret").fill(secret)
    solen.press("Enregistrer et continuer")


def test_a_test_shows_what_was_received_and_leads_into_service(firm, directory):
    solen = firm.administrator
    solen.press("Commencer l’essai")
    solen.page.wait_for_url("**?trial=*")  # she is signed in there by now
    solen.sees("Tout ce que nous vérifions est juste")
    solen.sees("Associés", within=solen.section("Ce qui a été reçu"))
    solen.sees(solen.who.identifier, within=solen.section("Ce que le portail sait de vous par lui"))
    is_for_everybody(solen)
    solen.follow("Le mettre en service")
    solen.sees("Pour revenir en arrière")
    is_for_everybody(solen)
    solen.press("Le mettre en service")
    solen.is_told("Annuaire Kerjean est en service")
    is_for_everybody(solen)


def test_whose_groups_give_nothing_is_told_whom_to_ask(firm, directory, person):
    lea = person(STRANGER, DESK, signed_in=False)
    lea.open(tile_of(firm))
    sign_in_there(lea, directory, "lea")
    lea.reads_title("Votre cabinet ne vous a pas encore ouvert d’accès")


def test_the_group_that_was_sent_is_given_a_profile_once_it_is_seen_whom_that_concerns(firm):
    solen = firm.administrator
    solen.open(f"{firm.sign_in}/mapping")
    solen.sees("1 personne n’est dans aucun groupe qui donne un profil")
    is_for_everybody(solen)
    solen.page.get_by_role("link", name="Ajouter une règle : Collaborateurs").click()
    expect(field_of(solen.page, "Groupe")).to_have_value("Collaborateurs")
    solen.press("Voir ce qui change")
    expect(solen.page.get_by_role("alert")).to_contain_text("cette règle ne donnerait rien")
    is_for_everybody(solen)
    solen.page.locator("#f-profile_id").select_option("Conseiller")
    solen.press("Voir ce qui change")
    solen.reads_title("Ce qui change")
    solen.sees("reçoit un accès : Conseiller")
    is_for_everybody(solen)
    solen.press("Enregistrer")
    solen.is_told("Enregistré, sous vos droits")


def test_a_colleague_signs_in_for_the_first_time_and_is_followed(firm, directory, person):
    solen, lea = firm.administrator, person(STRANGER, DESK, signed_in=False)
    lea.open(tile_of(firm))
    sign_in_there(lea, directory, "lea")
    lea.reads_title("Bonjour Léa")
    solen.open(f"{firm.base}/settings/people")
    solen.sees("Annuaire")
    solen.follow("Léa Roy")
    solen.sees("se connecte avec son compte du cabinet")
    solen.sees("Donné par ses groupes dans l’annuaire.")
    is_for_everybody(solen)
    solen.press("Décider ici")
    solen.page.get_by_role("dialog").get_by_role("button", name="Décider ici").click()
    solen.is_told("se décident désormais ici")
    expect(solen.page.locator("#f-profile_id")).to_be_enabled()
    is_for_everybody(solen)
    solen.open(firm.sign_in)
    solen.sees("Une personne se connecte avec Annuaire Kerjean.")


def test_a_new_secret_of_the_directory_is_given_without_outage(firm, directory, person):
    solen = firm.administrator
    tile = tile_of(firm)
    solen.page.get_by_label("Plus", exact=True).click()
    solen.follow("Modifier les réglages")
    solen.page.locator("#f-client_secret").fill("a secret that the directory does not know yet")
    solen.press("Enregistrer")
    solen.is_told("C’est enregistré")
    lea = person(STRANGER, DESK, signed_in=False)
    lea.open(tile)
    sign_in_there(lea, directory, "lea")
    lea.reads_title("Bonjour Léa")


def test_it_is_taken_out_of_service_and_back(firm, directory, person, mails):
    solen, lea = firm.administrator, person(STRANGER, DESK, signed_in=False)
    tile = tile_of(firm)
    lea.open(tile)
    sign_in_there(lea, directory, "lea")
    lea.reads_title("Bonjour Léa")
    solen.page.get_by_label("Plus", exact=True).click()
    solen.page.get_by_role("button", name="Mettre hors service…").click()
    solen.sees(re.compile("sessions? ouvertes? se ferm"))
    mark = mails.now()
    solen.press("Mettre hors service", exact=True)
    solen.is_told("Annuaire Kerjean est hors service")
    told = mails.wait(solen.who.identifier, "est hors service", since=mark)
    assert "Solen Kerjean a mis hors service l'annuaire « Annuaire Kerjean »" in told.body
    stranger = person(STRANGER, DESK, signed_in=False)
    stranger.open(tile)
    assert directory.issuer not in stranger.page.url
    lea.page.reload()
    lea.reads_title("Votre espace")
    solen.follow("Remettre en service")
    solen.press("Le mettre en service")
    solen.is_told("Annuaire Kerjean est en service")
    stranger.open(tile)
    sign_in_there(stranger, directory, "lea")
    stranger.reads_title("Bonjour Léa")
