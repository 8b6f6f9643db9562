"""People ask an organisation for an account: mail confirmed, waiting outside, accepted or declined."""

import re
from dataclasses import replace

import pytest
from acts import mails_about
from people import DESK, PHONE, SOPHIE, Identity, field_of, until
from playwright.sync_api import expect
from test_accessibility import problems, problems_of_colour

VALMER = "/o/valmer-patrimoine"
REQUESTS = f"{VALMER}/settings/people/requests"
PASSWORD = "Demande!2027"
ENGLISH_PHONE = replace(PHONE, locale="en-GB")


@pytest.fixture(scope="module")
def sophie(person):
    return person(SOPHIE)


@pytest.fixture(scope="module")
def ines(person, tag):
    who = Identity("Inès Moreau", f"ines.{tag}@demande.example", password=PASSWORD)
    return person(who, DESK, signed_in=False)


@pytest.fixture(scope="module")
def owen(person, tag):
    who = Identity("Owen Hughes", f"owen.{tag}@demande.example", password=PASSWORD)
    return person(who, ENGLISH_PHONE, signed_in=False)


def test_the_organisation_opens_its_requests_and_hands_out_the_address(sophie):
    sophie.open(f"{VALMER}/settings/people")
    sophie.follow("Demandes d’accès")
    sophie.reads_title("Demandes d’accès")
    sophie.sees("Aucune demande en attente")
    if sophie.page.get_by_role("button", name="Ouvrir les demandes").count():  # unless an earlier run did
        sophie.press("Ouvrir les demandes")
        sophie.is_told("Les demandes d’accès sont ouvertes")
    sophie.sees("/join/valmer-patrimoine")


def test_the_sign_in_page_offers_to_ask_and_says_what_is_wrong(ines):
    def offered():
        ines.open("/login/valmer-patrimoine")
        return bool(ines.page.get_by_role("link", name="Demander un accès").count())

    until(offered, "the sign-in page offering to ask")
    ines.follow("Demander un accès")
    ines.reads_title("Demander un accès à Valmer Patrimoine")
    ines.write({"Prénom": "Inès", "Adresse mail professionnelle": "pas-une-adresse"})
    ines.press("Envoyer ma demande")
    ines.sees("Une adresse mail ressemble à nom@exemple.fr")
    expect(field_of(ines.page, "Prénom")).to_have_value("Inès")


def test_a_new_person_confirms_the_address_and_waits(ines, sophie, mails):
    since = mails.now()
    ines.open("/join/valmer-patrimoine")
    ines.write(
        {
            "Prénom": "Inès",
            "Nom de famille": "Moreau",
            "Adresse mail professionnelle": ines.who.identifier,
        }
    )
    ines.page.get_by_role("textbox", name="Message").fill("Je rejoins l’équipe de Nantes.\nMerci d’avance !")
    ines.press("Envoyer ma demande")
    ines.reads_title("Consultez votre messagerie")
    mail = mails_about(mails, ines.who.identifier, "Confirmez votre demande d'accès", since)
    ines.open(mail.link("/join/"))
    ines.reads_title("Votre adresse mail est confirmée")
    ines.press("Choisir mon mot de passe")
    ines.sees("Votre demande part chez Valmer Patrimoine")
    field_of(ines.page, "Mot de passe").fill(PASSWORD)
    ines.press("Envoyer ma demande")
    until(lambda: waits(ines), "the request reaching the organisation")
    told = mails_about(mails, SOPHIE.identifier, "Inès Moreau demande un accès", since)
    assert "Nantes" not in told.body
    sophie.open(told.link("/settings/people/requests"))
    sophie.sees("Je rejoins l’équipe de Nantes.")


def waits(reader):
    reader.open(f"{VALMER}/")
    return bool(reader.page.get_by_role("heading", name="Votre demande attend la validation").count())


def test_whoever_waits_sees_whom_to_call_and_nothing_else(ines):
    ines.open("/organisations")
    ines.reads_title("Votre demande attend la validation de Valmer Patrimoine")
    assert not problems(ines) + problems_of_colour(ines)
    ines.follow("Contacter le support")
    ines.sees("Éditeur de ce portail")
    assert not problems(ines) + problems_of_colour(ines)
    ines.follow("Revenir à ma demande")
    for page in ("documents", "settings/people", "account", "invoices"):
        ines.open(f"{VALMER}/{page}")
        assert VALMER not in ines.page.url


def test_a_used_link_says_that_the_request_is_on_its_way(ines, mails):
    mail = mails.wait(ines.who.identifier, "Confirmez")
    assert ines.open(mail.link("/join/")).status == 410
    ines.reads_title("Votre demande est envoyée")
    ines.follow("Suivre ma demande")
    ines.reads_title("Votre demande attend la validation de Valmer Patrimoine")


def test_a_link_of_nobody_says_what_to_do(ines):
    assert ines.open("/join/valmer-patrimoine/ceci-n-est-pas-un-lien").status == 404
    ines.sees("Copiez l’adresse entière depuis le mail, ou refaites votre demande.")


def test_the_administrator_accepts_once_and_the_person_enters(sophie, ines, mails):
    since = mails.now()
    sophie.open(f"{VALMER}/")
    sophie.follow("demande un accès")
    sophie.follow("Inès Moreau")
    if sophie.page.get_by_role("link", name="Ouvrir la page").count():
        sophie.follow("Ouvrir la page")
    sophie.reads_title("Inès Moreau demande un accès")
    assert not problems(sophie) + problems_of_colour(sophie)
    sophie.sees("Je rejoins l’équipe de Nantes.")
    assert "Nantes.\nMerci" in sophie.page.locator(".as-written").inner_text()  # the lines as they were written
    second = sophie.tab()
    second.open(sophie.page.url)
    sophie.choose("Profil", "Conseiller")
    sophie.press("Accepter la demande")
    sophie.is_told("Inès Moreau a désormais accès")

    second.press("Refuser la demande")
    second.sees("Cette demande a reçu une réponse")

    mail = mails_about(mails, ines.who.identifier, "Votre accès à Valmer Patrimoine est ouvert", since)
    ines.open(mail.link(VALMER))
    ines.reads_title("Bonjour Inès")


def test_on_a_phone_in_english_one_is_declined_with_a_reason(owen, sophie, mails):
    since = mails.now()
    owen.open("/join/valmer-patrimoine")
    owen.write({"First name": "Owen", "Last name": "Hughes", "Professional mail address": owen.who.identifier})
    owen.press("Send my request")
    mail = mails_about(mails, owen.who.identifier, "Confirm your request", since)
    owen.open(mail.link("/join/"))
    owen.press("Choose my password")
    field_of(owen.page, "Password").fill(PASSWORD)
    owen.press("Send my request")
    mails.wait(SOPHIE.identifier, "Owen Hughes demande", since=since)

    sophie.open(REQUESTS)
    sophie.open(sophie.page.get_by_role("link", name="Owen Hughes").first.get_attribute("href") or "")
    field_of(sophie.page, "Motif").fill("Nous ne vous connaissons pas encore.")
    sophie.press("Refuser la demande")
    sophie.is_told("La demande est refusée")

    answer = mails_about(mails, owen.who.identifier, "Your request to join Valmer Patrimoine", since)
    assert "Nous ne vous connaissons pas encore." in answer.body
    assert re.search(r"ask again from \d+ \w+ \d{4}", answer.body)
    owen.open(answer.link("/requests/"))
    owen.reads_title("Valmer Patrimoine has not accepted your request")
    owen.sees(re.compile(r"You can make a new request on \d+ \w+"))
    assert not owen.page.get_by_role("link", name="Make a new request").count()


def test_the_organisation_closes_its_requests(sophie, owen):
    sophie.open(REQUESTS)
    sophie.press("Fermer les demandes")
    sophie.press("Fermer les demandes", within=sophie.page.get_by_role("dialog"))
    sophie.is_told("Les demandes d’accès sont fermées")

    def closed():
        answer = owen.open("/join/valmer-patrimoine")
        return answer.status == 410

    until(closed, "the page saying that requests are closed")
    owen.reads_title("Valmer Patrimoine takes no requests at the moment")
