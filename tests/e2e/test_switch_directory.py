"""Somebody who works for a firm that demands its directory, and for one where a password is enough: going from one to
the other asks for the step that is missing, and for no other. The directory is one that others wrote.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from acts import activate
from firms import Firm, administrator_of, found
from letters import Mailbox
from people import HELENE, SOPHIE, STRANGER, Identity, Person, field_of
from test_directories import pasted, sign_in_there
from test_door import VALMER, add_phone, switch_to

sys.path.insert(0, str(Path(__file__).parents[1] / "upstreams"))

from directories import OidcDirectory, oidc_directory

BUTTON = "Annuaire Kerjean"


@pytest.fixture(scope="module")
def directory(tag: str) -> Iterator[OidcDirectory]:
    with oidc_directory() as running:
        theo = {"given_name": "Théo", "family_name": "Deux", "email": f"theo.{tag}@conseil.example"}
        running.knows({"solene": {"email": f"solene.{tag}@kerjean.example"}, "theo": theo})
        yield running


@pytest.fixture(scope="module")
def firm(person, mails: Mailbox, tag: str, directory: OidcDirectory) -> Firm:
    """A firm whose directory is in service, offered beside the password."""
    solene = person(administrator_of(f"switch{tag}"), signed_in=False)
    firm = found(person(HELENE), solene, mails, f"Cabinet Bascule {tag}")
    connect(firm, directory)
    return firm


def connect(firm: Firm, directory: OidcDirectory) -> None:
    """From nothing to a directory in service."""
    solene = firm.administrator
    solene.open(f"{firm.sign_in}/directories/new")
    solene.page.get_by_label("Keycloak").check()
    field_of(solene.page, "Nom sur le bouton").fill(BUTTON)
    solene.press("Continuer")
    client_id, secret = directory.declare(pasted(solene, "Adresse de retour"))
    solene.follow("C’est fait : continuer")
    solene.write({"Adresse du royaume": directory.issuer, "Identifiant client": client_id})
    solene.page.locator("#f-client_secret").fill(secret)
    solene.press("Enregistrer et continuer")
    solene.press("Commencer l’essai")
    sign_in_there(solene, directory, "solene")
    solene.follow("Le mettre en service")
    solene.press("Le mettre en service")
    solene.is_told(f"{BUTTON} est en service")


def invite(administrator: Person, base: str, who: Identity) -> None:
    """A colleague with the profile of advisers."""
    given, _, family = who.name.partition(" ")
    administrator.open(f"{base}/settings/people/invite")
    administrator.write(
        {"Prénom": given, "Nom de famille": family, "Adresse mail professionnelle": who.identifier, "Fonction": "X"}
    )
    administrator.choose("Profil", "Conseiller")
    administrator.press("Envoyer l’invitation")
    administrator.is_told(re.compile("en route"))


def demand_the_directory(firm: Firm) -> None:
    """Nobody enters otherwise, but for the administrator with a second factor."""
    solene = firm.administrator
    solene.open("/factors/enrol")
    add_phone(solene)
    solene.open(f"{firm.sign_in}/policy")
    solene.page.get_by_role("group", name="Votre propre annuaire").get_by_label("Exigé").check()
    solene.page.get_by_role("group", name="Qui entre sans l’annuaire").get_by_label("vous").check()
    solene.press("Enregistrer ces exigences")
    solene.is_told("C’est enregistré")


def test_a_firm_with_a_directory_and_a_firm_with_passwords(person, mails: Mailbox, firm: Firm, directory, tag: str):
    theo = Identity("Théo Deux", f"theo.{tag}@conseil.example")
    sophie = person(SOPHIE)
    invite(sophie, VALMER, theo)
    reader = person(theo, signed_in=False)
    activate(reader, mails.wait(theo.identifier))
    invite(firm.administrator, firm.base, theo)
    demand_the_directory(firm)

    # A password opened the one; the other sends to its directory, which is then linked once.
    reader.open("/organisations")
    reader.open(f"{VALMER}/")
    reader.page.wait_for_url(f"**{VALMER}/")
    switch_to(reader, "Valmer Patrimoine", firm.name)
    sign_in_there(reader, directory, "theo")
    if reader.page.get_by_role("button", name="Relier les deux comptes").count():
        reader.press("Relier les deux comptes")
    elif reader.page.get_by_label("Mot de passe").count():
        reader.page.locator("input[type=password]").fill(theo.password)
        reader.press("Continuer")
    reader.page.wait_for_url(f"**{firm.base}/")

    # Back and forth: nothing more is asked.
    switch_to(reader, firm.name, "Valmer Patrimoine")
    reader.page.wait_for_url(f"**{VALMER}/")
    switch_to(reader, "Valmer Patrimoine", firm.name)
    reader.page.wait_for_url(f"**{firm.base}/")


def test_the_directory_opens_its_own_firm_and_the_password_the_other(person, firm: Firm, directory, tag: str):
    theo = Identity("Théo Deux", f"theo.{tag}@conseil.example")
    reader = person(STRANGER, signed_in=False)
    reader.open(f"{firm.base}/")
    reader.page.wait_for_load_state()
    reader.page.get_by_role("link", name=BUTTON).first.click()
    sign_in_there(reader, directory, "theo")
    reader.page.wait_for_url(f"**{firm.base}/")

    # The firm's directory hears nothing of the others: they are shown to whoever proves the account itself.
    switch_to(reader, firm.name, "Mes autres organisations")
    reader.page.locator("input[type=password]").first.fill(theo.password)
    reader.press("Se connecter")
    reader.reads_title("Choisissez une organisation")
    reader.page.get_by_role("link", name=re.compile("Valmer Patrimoine")).click()
    reader.page.wait_for_url(f"**{VALMER}/")
    switch_to(reader, "Valmer Patrimoine", firm.name)
    reader.page.wait_for_url(f"**{firm.base}/")
