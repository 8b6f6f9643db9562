"""An installation without demonstration: one link makes the first administrator, who makes the first firm, in pages."""

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from acts import activate
from letters import Mailbox
from people import Identity, Person, field_of
from playwright.sync_api import expect

from parvis_local.ports import free_base
from parvis_local.suite import Suite

PASSWORD = "Premier!Jour1"
AGNES = Identity("Agnès Corbel", "agnes.corbel@editeur.example", password=PASSWORD)
MARTIN = Identity("Martin Hamelin", "martin.hamelin@hamelin.example", password=PASSWORD)


@pytest.fixture(scope="module")
def empty() -> Iterator[Suite]:
    """A suite of its own, as `./parvis up --no-demo` starts it."""
    with tempfile.TemporaryDirectory(prefix="parvis-first-", ignore_cleanup_errors=True) as data:
        Path(data).chmod(0o755)
        with Suite(Path(data), port=free_base(), demo=False) as suite:
            yield suite


@pytest.fixture(scope="module")
def someone_at(browser, empty) -> Iterator:
    there: list[Person] = []

    def made(who: Identity) -> Person:
        there.append(Person.at(browser, empty.addresses["portal"], who))
        return there[-1]

    yield made
    for each in there:
        each.leave()


@pytest.fixture(scope="module")
def agnes(someone_at) -> Person:
    return someone_at(AGNES)


def test_without_its_token_the_page_asks_for_the_printed_link(agnes):
    agnes.open("/setup")
    agnes.sees("Ouvrez le lien affiché par l’installation à son premier démarrage")
    expect(agnes.page.get_by_role("textbox")).to_have_count(0)


def test_a_wrong_token_is_refused_and_what_was_typed_stays(agnes):
    agnes.open("/setup?token=autre-chose")
    fill_set_up(agnes)
    agnes.sees("Ce n’est pas le lien affiché par l’installation à son premier démarrage")
    expect(field_of(agnes.page, "Nom de votre organisation")).to_have_value("Corbel Éditions")


def fill_set_up(agnes: Person) -> None:
    agnes.write(
        {
            "Nom de votre organisation": "Corbel Éditions",
            "Prénom": "Agnès",
            "Nom de famille": "Corbel",
            "Adresse mail": AGNES.identifier,
        }
    )
    agnes.press("Continuer et choisir un mot de passe")


def test_the_link_makes_the_first_administrator(agnes, empty):
    agnes.open(empty.setup_link)
    fill_set_up(agnes)
    agnes.reads_title("Choisissez votre mot de passe")
    field_of(agnes.page, "Mot de passe").fill(PASSWORD)
    agnes.press("Activer mon accès")
    agnes.reads_title("Bonjour Agnès")


def test_the_link_works_once(someone_at, empty):
    second = someone_at(AGNES)
    second.open(empty.setup_link)
    fill_set_up(second)
    second.sees("Le portail a déjà son premier administrateur")


def test_she_makes_the_first_firm_in_pages(agnes):
    agnes.go_to("Organisations clientes")
    agnes.sees("Aucune organisation pour l’instant")
    agnes.follow("Nouvelle organisation")
    agnes.page.get_by_role("textbox", name="Nom", exact=True).fill("Cabinet Hamelin")
    agnes.write({"Prénom": "Martin", "Nom de famille": "Hamelin", "Adresse mail": MARTIN.identifier})
    agnes.press("Créer et inviter")
    agnes.is_told("Cabinet Hamelin est créée")
    agnes.sees("Cabinet Hamelin")


def test_the_firms_administrator_is_invited_by_mail_and_arrives(someone_at, empty):
    mail = Mailbox(empty.addresses["mail"]).wait(MARTIN.identifier)
    assert "Agnès Corbel" in mail.subject
    assert "Cabinet Hamelin" in mail.subject
    martin = someone_at(MARTIN)
    activate(martin, mail)
    martin.reads_title("Bonjour Martin")
    expect(martin.page).to_have_url(re.compile("/o/cabinet-hamelin/"))
    martin.sees(re.compile("Compléter la fiche"), within=martin.section("À faire"))


def test_an_empty_firm_says_what_to_do_first(someone_at, empty):
    martin = someone_at(MARTIN)
    martin.sign_in()
    martin.go_to("Clients")
    martin.sees("Aucun client pour l’instant")
    martin.go_to("Factures")
    martin.sees("Aucune facture pour l’instant")
    martin.go_to("Documents")
    martin.sees("Aucun document pour l’instant")
