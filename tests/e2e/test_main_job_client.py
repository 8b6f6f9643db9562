"""The main job, steps 3 and 4: a client, their folder, a document there and back, and an invoice."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from acts import (
    ORSEL,
    activate,
    choose_files,
    close_invoice,
    create_client,
    give_access,
    mails_about,
    open_folder,
    open_record,
    open_row,
    sign_in_from_mail,
    upload_row,
    wait_filed,
    write_draft,
)
from letters import plain
from people import CLAIRE, Identity, Person, until
from playwright.sync_api import expect

PASSWORD = "Corsaire&2026"


@dataclass
class Story:
    """What the job makes as it goes on."""

    client: str
    billing: str
    rose: Identity
    code: str = ""
    number: str = ""
    document_link: str = ""


@pytest.fixture(scope="module")
def story(tag) -> Story:
    rose = Identity("Rose Delorme", f"rose.{tag}@bellevue.example", "cabinet-orsel", PASSWORD)
    return Story(f"Chantiers Bellevue {tag}", f"compta.{tag}@bellevue.example", rose)


@pytest.fixture(scope="module")
def claire(person) -> Person:
    return person(CLAIRE)


@pytest.fixture(scope="module")
def rose(person, story) -> Person:
    """The client's person; not signed in anywhere yet."""
    return person(story.rose, signed_in=False)


# Step 3: a client with two contacts, a folder, a portal access


def test_a_client_with_two_contacts(claire, story, tag):
    story.code = create_client(
        claire,
        story.client,
        {"Adresse principale": f"accueil.{tag}@bellevue.example", "Pour les factures": story.billing},
        (("Rose", "Delorme", story.rose.identifier), ("Luc", "Delorme", f"luc.{tag}@bellevue.example")),
    )
    people = claire.section("Interlocuteurs")
    expect(people.get_by_role("listitem").filter(has_text="Rose Delorme")).to_be_visible()
    expect(people.get_by_role("listitem").filter(has_text="Luc Delorme")).to_be_visible()


def set_folder(claire: Person, recipient: str, target: str) -> None:
    """Settings of the clients' folder Factures."""
    claire.open(f"{ORSEL}/settings/folders")
    claire.follow("Factures CLIENTS/Factures")
    claire.page.get_by_label("Partager sur le portail").check()
    claire.page.get_by_label("Annoncer chaque nouveau document par mail").check()
    claire.choose("Adresse de la fiche", recipient)
    claire.choose("Le lien mène à", target)
    claire.press("Enregistrer")
    claire.is_told("C’est enregistré")


def test_the_folder_is_set_up(claire):
    set_folder(claire, "Relances", "Factures")
    row = claire.page.get_by_role("row", name="Factures CLIENTS/Factures")
    expect(row.get_by_role("cell", name="Partagé")).to_be_visible()
    expect(row.get_by_role("cell", name="Relances")).to_be_visible()
    expect(row.get_by_role("cell", name="Factures", exact=True)).to_be_visible()
    set_folder(claire, "Factures", "Le document")
    expect(row.get_by_role("cell", name="Le document")).to_be_visible()


def test_a_portal_access_has_the_client_code_as_identifier(claire, rose, story, mails):
    since = mails.now()
    open_record(claire, story.client)
    give_access(claire, "Rose Delorme")
    mail = mails_about(mails, story.rose.identifier, "Votre espace client Cabinet Orsel est ouvert", since)
    assert f"Votre identifiant : {story.code}" in mail.body
    assert f"pour {story.client}" in mail.body
    activate(rose, mail)
    rose.reads_title("Bonjour Rose")
    rose.sign_out()


# Step 3: a document on its way to the client


def test_the_bytes_go_straight_to_the_store_with_progress(claire, story, suite, real_pdf, mails):
    open_folder(claire, story.client, "Factures")
    since = mails.now()
    slow = claire.context.new_cdp_session(claire.page)
    line = {"offline": False, "latency": 5, "downloadThroughput": -1, "uploadThroughput": 8_000_000}
    slow.send("Network.enable")
    slow.send("Network.emulateNetworkConditions", line)
    with claire.watching() as seen:
        choose_files(claire, real_pdf)
        row = upload_row(claire, real_pdf.name)
        expect(row.get_by_text(re.compile(r"envoi [1-9]\d?\s*%"))).to_be_visible()
        expect(row.get_by_role("progressbar")).to_be_visible()
        wait_filed(claire, real_pdf.name)
    slow.detach()
    sent = [each for each in seen if each.method in {"PUT", "POST", "PATCH"}]
    to_store = [each for each in sent if each.url.startswith(suite.addresses["store"])]
    to_portal = [each for each in sent if each not in to_store]
    assert len(to_store) == 2, [each.url for each in to_store]
    assert sum(length(each) for each in to_store) == real_pdf.stat().st_size
    assert sum(length(each) for each in to_portal) < 4096
    assert {urlsplit(each.url).netloc for each in to_portal} == {urlsplit(suite.addresses["portal"]).netloc}
    mail = mails_about(mails, story.billing, "Nouveau document", since)
    assert plain(mail.subject) == f"Nouveau document : {real_pdf.name}"
    assert f"Cabinet Orsel vient de déposer un document pour {story.client}" in mail.body
    assert "Dossier : Factures" in mail.body
    story.document_link = mail.link("/documents/")


def length(request) -> int:
    """Bytes of a request's body."""
    return int(request.all_headers().get("content-length", "0"))


def test_the_list_shows_the_new_document_without_reloading(claire, real_pdf):
    expect(claire.page.get_by_role("row").filter(has_text=real_pdf.name)).to_be_visible()


# Step 3: the client reads, keeps and answers


def test_the_mails_link_asks_for_the_identifier_at_the_firms_own_address(rose, story, real_pdf):
    sign_in_from_mail(rose, story.document_link, story.code)
    rose.reads_title(real_pdf.name)


def test_the_page_shows_the_text_of_the_pdf(rose):
    first_page = rose.page.get_by_role("region", name="Page 1")
    expect(first_page.get_by_text("Lettre de mission", exact=True)).to_be_visible(timeout=20_000)
    expect(first_page).to_contain_text("pour l’exercice 2026")


def test_what_is_downloaded_is_identical(rose, real_pdf):
    with rose.page.expect_download() as kept:
        rose.page.get_by_role("main").get_by_role("link", name="Télécharger").first.click()
    assert kept.value.suggested_filename == real_pdf.name
    assert digest(Path(kept.value.path())) == digest(real_pdf)


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_the_client_deposits_a_file_in_return(rose, small_pdf, mails):
    since = mails.now()
    rose.go_to("Documents")
    rose.follow("Déposer un document")
    rose.reads_title("Pièces à nous transmettre")
    choose_files(rose, small_pdf)
    wait_filed(rose, small_pdf.name)
    mail = mails_about(mails, CLAIRE.identifier, "a déposé", since)
    assert "Rose Delorme vient de déposer un document" in mail.body
    assert small_pdf.name in mail.body


def test_claire_finds_the_deposit_among_what_awaits_her(claire, story, small_pdf):
    claire.open(f"{ORSEL}/")
    claire.sees(
        re.compile("Lire (un|\\d+) documents? déposés? par (un|des) clients?"), within=claire.section("À faire")
    )
    claire.page.get_by_role("link", name=re.compile(r"documents? déposés? par")).click()
    claire.sees(small_pdf.name)
    claire.sees(story.client)
    open_row(claire, small_pdf.name)
    claire.reads_title(small_pdf.name)


def test_the_history_shows_the_mail_as_sent_and_the_document_as_opened(claire, story, real_pdf):
    claire.open(f"{ORSEL}/notifications")
    row = claire.page.get_by_role("row").filter(has_text=story.billing).filter(has_text=real_pdf.name)

    def opened() -> bool:
        claire.page.reload()
        return row.get_by_text("Ouvert", exact=True).is_visible()

    until(opened, "the opening in the history")
    expect(row.get_by_text("Envoyé", exact=True)).to_be_visible()


def test_the_record_tells_the_same_story(claire, story, real_pdf, small_pdf):
    open_record(claire, story.client)
    history = claire.section("Historique")
    claire.sees(f"{real_pdf.name} classé dans Factures", within=history)
    claire.sees(f"{real_pdf.name} ouvert sur le portail", within=history)
    claire.sees(f"{small_pdf.name} déposé dans Pièces à nous transmettre", within=history)
    claire.sees("Première connexion de Rose Delorme", within=history)


def test_the_document_says_who_opened_it(claire, story, real_pdf):
    open_folder(claire, story.client, "Factures")
    open_row(claire, real_pdf.name)
    claire.sees("Rose Delorme", within=claire.section("Ouvert par"))


# Step 4: an invoice


def test_a_draft_is_written_with_its_totals(claire, story):
    write_draft(claire, story.client, (("Tenue comptable", "1", "forfait", "780"), ("Conseil", "1,5", "h", "96,00")))
    claire.reads_title("Brouillon de facture")
    main = claire.page.get_by_role("main")
    claire.sees("924,00 €", within=main)
    claire.sees("1 108,80 €", within=main)


def test_closing_gives_the_number_and_makes_the_pdf(claire, story, mails):
    since = mails.now()
    story.number = close_invoice(claire)
    claire.sees("PDF prêt")
    expect(claire.page.get_by_role("link", name="Classée chez le client")).to_be_visible(timeout=20_000)
    mail = mails_about(mails, story.billing, f"Nouveau document : Facture {story.number}", since)
    assert "Dossier : Factures" in mail.body


def test_a_closed_invoice_offers_no_change(claire, story):
    address = claire.page.url
    claire.page.reload()
    claire.reads_title(f"Facture {story.number}")
    for name in ("Modifier", "Clôturer la facture", "Supprimer le brouillon"):
        expect(claire.page.get_by_role("main").get_by_text(name, exact=True).filter(visible=True)).to_have_count(0)
    claire.open(f"{address}/edit")
    claire.sees("Cette facture est clôturée")


def test_the_pdf_is_in_the_clients_folder(claire, story):
    open_folder(claire, story.client, "Factures")
    expect(claire.page.get_by_role("row").filter(has_text=f"Facture {story.number}.pdf")).to_be_visible()


def test_the_client_finds_it_among_their_invoices_and_reads_it(rose, story):
    rose.go_to("Factures")
    row = rose.page.get_by_role("row").filter(has_text=story.number)
    expect(row).to_contain_text("1 108,80 €")
    open_row(rose, story.number)
    rose.follow("Lire le PDF")
    expect(rose.page.get_by_role("region", name="Page 1")).to_contain_text(story.number, timeout=20_000)


def test_a_second_contact_without_access_was_sent_nothing(story, mails, tag):
    assert not mails.all(f"luc.{tag}@bellevue.example")
