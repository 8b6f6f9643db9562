"""What goes wrong at a desk, said in words: links, passwords, stale tabs, missing mentions, a service that is down."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from acts import ORSEL, activate, close_invoice, create_client, invite, open_record, write_draft
from browsing import change
from people import CLAIRE, SOPHIE, Identity, Person, field_of, until
from playwright.sync_api import expect

VALMER = "/o/valmer-patrimoine"
PASSWORD = "Bruyère!2026"


@pytest.fixture(scope="module")
def claire(person) -> Person:
    return person(CLAIRE)


@pytest.fixture(scope="module")
def nobody(person, tag) -> Person:
    """Somebody who is not signed in."""
    return person(Identity("Personne", f"personne.{tag}@exemple.example"), signed_in=False)


# Links


def test_a_wrong_link_says_what_to_do(nobody):
    assert nobody.open("/activate/ceci-n-est-pas-un-lien").status == 404
    nobody.reads_title("Ce lien ne fonctionne pas")
    nobody.sees("Copiez l’adresse entière")


def test_an_expired_link_offers_a_new_one_by_mail(claire, nobody, suite, mails, tag):
    who = Identity("Zoé Lambert", f"zoe.{tag}@orsel.example", password=PASSWORD)
    since = mails.now()
    invite(claire, who, "Conseiller junior")
    link = mails.wait(who.identifier, since=since).link("/activate/")
    changed = change(
        suite.superuser_url("identity"),
        "UPDATE links SET created_at = created_at - interval '8 days', expires_at = expires_at - interval '8 days'"
        " WHERE account_id = (SELECT id FROM accounts WHERE mail = $1)",
        who.identifier,
    )
    assert changed == "UPDATE 1"
    nobody.open(link)
    nobody.reads_title("Ce lien a expiré")
    nobody.sees("Une invitation reste valable sept jours")
    since = mails.now()
    nobody.press("Recevoir un nouveau lien")
    nobody.reads_title("Consultez votre messagerie")
    fresh = next(each for each in mails.wait(who.identifier, since=since).links if each.startswith(nobody.portal))
    assert fresh != link
    nobody.open(fresh)
    nobody.reads_title(re.compile("Choisissez .* mot de passe"))
    nobody.page.get_by_role("textbox", name="mot de passe").last.fill(PASSWORD)
    nobody.page.keyboard.press("Enter")
    nobody.reads_title("Bonjour Zoé")
    nobody.sign_out()


def test_two_tabs_activate_once(claire, person, mails, tag):
    who = Identity("Hugo Salaün", f"hugo.{tag}@orsel.example", password=PASSWORD)
    since = mails.now()
    invite(claire, who, "Conseiller junior")
    link = mails.wait(who.identifier, since=since).link("/activate/")
    first = person(who, signed_in=False)
    second = first.tab()
    for tab in (first, second):
        tab.open(link)
        field_of(tab.page, "Mot de passe").fill(PASSWORD)
    first.press("Activer mon accès")
    first.reads_title("Bonjour Hugo")
    second.press("Activer mon accès")
    second.reads_title("Ce lien a déjà servi")
    second.sees("vous êtes connecté")
    second.follow("Continuer")
    second.reads_title("Bonjour Hugo")


# Passwords


def answer_to(person, who: Identity, password: str) -> str:
    """What the sign-in page answers, word by word."""
    reader = person(who, signed_in=False)
    reader.open("/login")
    reader.answer_sign_in(password)
    return reader.page.get_by_role("alert").inner_text()


def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(person, tag):
    known = answer_to(person, SOPHIE, "Mauvais!2026")
    unknown = answer_to(person, Identity("Inconnu", f"inconnu.{tag}@exemple.example"), "Mauvais!2026")
    assert known == unknown
    assert "Adresse mail ou mot de passe incorrect" in known


def test_the_wait_grows_with_each_failure_and_holds_for_the_right_password_too(claire, person, suite, mails, tag):
    who = Identity("Nolwenn Le Bris", f"nolwenn.{tag}@orsel.example", password=PASSWORD)
    since = mails.now()
    invite(claire, who, "Conseiller junior")
    nolwenn = person(who, signed_in=False)
    activate(nolwenn, mails.wait(who.identifier, since=since))
    nolwenn.sign_out()
    pass_time(suite, "2 hours")  # other tests of the same address have failed on purpose too
    nolwenn.open("/login")
    assert [wait_after(nolwenn, "Mauvais!2026") for _ in range(4)] == [0, 0, 0, 2]
    for wait in (4, 8, 16):
        pass_time(suite, "1 minute")
        assert wait_after(nolwenn, "Mauvais!2026") == wait
    assert 1 <= wait_after(nolwenn, PASSWORD) <= 16
    pass_time(suite, "1 minute")
    nolwenn.give_password()
    nolwenn.reads_title("Bonjour Nolwenn")


def pass_time(suite, interval: str) -> None:
    """As if every try had been made so much earlier."""
    changed = change(
        suite.superuser_url("identity"),
        "UPDATE sign_in_attempts SET last_at = last_at - $1::text::interval,"
        " blocked_until = blocked_until - $1::text::interval",
        interval,
    )
    assert changed != "UPDATE 0"


def wait_after(reader: Person, password: str) -> int:
    """Seconds that the sign-in page asks to wait after a try; 0 when it asks for none."""
    reader.answer_sign_in(password)
    found = re.search(r"Attendez\s+(\d+)\s+seconde", reader.page.get_by_role("alert").inner_text())
    return int(found[1]) if found else 0


# Words that cannot be saved


def test_an_unknown_merge_field_is_refused_by_name(claire):
    claire.open(f"{ORSEL}/settings/templates/document-filed/fr")
    text = field_of(claire.page, "Texte")
    before = text.input_value()
    text.fill(before + "\n\nMontant : #montan#")
    claire.press("Enregistrer")
    claire.sees("#montan# n’existe pas", within=claire.page.get_by_role("alert"))
    expect(text).to_have_value(re.compile("#montan#"))
    claire.open(f"{ORSEL}/settings/templates/document-filed/fr")
    expect(field_of(claire.page, "Texte")).to_have_value(before)


# Accesses


def test_folders_can_be_ticked_only_where_ticking_limits_the_access(claire, tag):
    name = f"Cordonnerie Huet {tag}"
    create_client(claire, name, {}, (("Odile", "Huet", f"odile.{tag}@huet.example"),))
    claire.row("Odile Huet").get_by_role("link", name="Donner accès").click()
    folders = claire.page.get_by_role("group", name="Dossiers", exact=True)
    expect(folders).to_be_hidden()
    claire.page.get_by_label("Certains dossiers seulement").check()
    expect(folders).to_be_visible()
    claire.press("Donner accès")
    claire.sees("Dossiers : Choisissez au moins un dossier", within=claire.page.get_by_role("alert"))
    folders.get_by_label("Factures", exact=True).check()
    claire.press("Donner accès")
    claire.is_told("L’accès est ouvert")
    claire.sees("limité à 1 dossier", within=claire.row("Odile Huet"))


# Invoices


def test_a_closed_invoice_is_not_closed_again_from_a_stale_tab(claire, tag):
    name = f"Atelier Roz {tag}"
    create_client(claire, name, {"Adresse principale": f"roz.{tag}@roz.example"}, (("Gaël", "Roz", ""),))
    write_draft(claire, name, (("Conseil", "2", "h", "90"),))
    stale = claire.tab()
    stale.open(claire.page.url)
    number = close_invoice(claire)
    stale.press("Clôturer la facture")
    stale.press("Clôturer la facture", within=stale.page.get_by_role("dialog"))
    stale.is_told("Cette facture est clôturée : elle a son numéro et ne peut plus être modifiée")
    stale.reads_title(f"Facture {number}")
    stale.open(f"{ORSEL}/invoices?q={name}")
    expect(stale.page.get_by_role("row").filter(has_text=number)).to_have_count(1)


def test_errors_of_an_invoice_stand_in_the_order_of_its_form(claire, tag):
    create_client(claire, f"Serrurerie Le Dû {tag}", {}, (("Yann", "Le Dû", ""),))
    claire.follow("Nouvelle facture")
    claire.write({"Délai de paiement": "61", "N° de commande du client": "z" * 40})
    claire.page.get_by_label("Date de la livraison ou de la prestation").fill("1970-01-01")
    claire.press("Enregistrer le brouillon")
    said = claire.page.get_by_role("alert").get_by_role("link").all_inner_texts()
    assert [each.partition("\u00a0:")[0].rpartition(", ")[2] for each in said] == [
        "Désignation",
        "Prix unitaire",
        "Délai de paiement",
        "Date de la livraison ou de la prestation",
        "N° de commande du client",
    ]
    assert "entre 2000 et 2099" in said[3]


def test_what_the_law_asks_for_is_named_before_closing(claire, tag):
    name = f"Sans Adresse {tag}"
    claire.open(f"{ORSEL}/contacts/new")
    claire.page.get_by_role("textbox", name="Nom", exact=True).fill(name)
    claire.press("Créer le client")
    claire.reads_title(name)
    write_draft(claire, name, (("Conseil", "1", "h", "90"),))
    claire.sees("Avant de pouvoir clôturer ce brouillon")
    claire.sees("adresse postale du client")
    expect(claire.page.get_by_role("button", name="Clôturer la facture")).to_have_count(0)
    claire.follow("Compléter la fiche du client")
    claire.reads_title("Modifier la fiche")


# A service that is down


@contextmanager
def stopped(suite, service: str) -> Iterator[None]:
    """A service that holds its connections and answers nothing: the supervisor would bring a dead one back."""
    part = next(part for part in suite.state().parts if part.name == service)
    os.kill(part.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(part.pid, signal.SIGCONT)
        suite.wait_healthy(service)


def test_home_works_while_billing_is_down_and_says_so(person, suite):
    sophie = person(SOPHIE)
    with stopped(suite, "billing"):
        assert sophie.open(f"{VALMER}/").status == 200
        sophie.sees("Factures : indisponible pour le moment")
        expect(sophie.page.get_by_role("link", name="Démarrer Patrimonia")).to_be_visible()
        sophie.go_to("Clients")
        sophie.sees("Famille Rochebrune")
        sophie.go_to("Documents")
        sophie.sees("Bilan patrimonial.pdf")

    def back() -> bool:
        sophie.open(f"{VALMER}/")
        return not sophie.page.get_by_text("indisponible").count()

    until(back, "billing on the home page", patience=30)


def test_a_page_of_the_service_that_is_down_keeps_what_was_typed(claire, suite, tag):
    name = f"Imprimerie Tallec {tag}"
    create_client(claire, name, {}, (("Erell", "Tallec", ""),))
    open_record(claire, name)
    claire.follow("Nouvelle facture")
    line = claire.page.get_by_role("group", name="Ligne 1", exact=True)
    words = {"Désignation": "Bilan annuel", "Quantité": "1", "Unité": "u", "Prix unitaire": "500"}
    claire.write(words, within=line)
    claire.sees("600,00 €")
    claire.page.set_default_timeout(40_000)
    with stopped(suite, "billing"):
        claire.press("Enregistrer le brouillon")
        expect(claire.page.get_by_role("heading", level=1)).to_contain_text(
            "votre saisie est conservée", timeout=40_000
        )
        claire.sees("Bilan annuel")
    claire.press("Envoyer")
    claire.is_told("Le brouillon est enregistré")
    claire.sees("Bilan annuel")
