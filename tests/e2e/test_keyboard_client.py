"""The main job by keyboard alone, steps 3 and 4: a client, documents there and back, an invoice."""

import re
from dataclasses import dataclass

import pytest
from acts import mails_about, upload_row, wait_filed
from keys import Keyboard
from people import CLAIRE, Identity, until
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
    rose = Identity("Rose Quéméner", f"rose.{tag}@ardoise.example", "cabinet-orsel", PASSWORD)
    return Story(f"Toitures Quéméner {tag}", f"compta.{tag}@ardoise.example", rose)


@pytest.fixture(scope="module")
def claire(person) -> Keyboard:
    claire = Keyboard(person(CLAIRE, signed_in=False))
    claire.sign_in()
    return claire


@pytest.fixture(scope="module")
def rose(person, story) -> Keyboard:
    return Keyboard(person(story.rose, signed_in=False))


def open_record(claire: Keyboard, client: str) -> None:
    """A client's record, through the search of the list."""
    claire.follow("Clients")
    claire.page.keyboard.press("/")
    claire.page.keyboard.type(client)
    claire.go("Enter")
    claire.skip_to_content()
    claire.open_row(re.compile(f"^{client}"))
    claire.person.reads_title(client)


# Step 3: a client with two contacts, a folder, a portal access


def test_a_client_with_two_contacts(claire, story, tag):
    claire.follow("Clients")
    claire.skip_to_content()
    claire.follow("Nouveau client")
    claire.skip_to_content()
    claire.write({"Nom": story.client, "Adresse principale": f"accueil.{tag}@ardoise.example"})
    claire.unfold("Autres adresses, par usage")
    claire.write({"Pour les factures": story.billing})
    claire.write(
        {"Prénom": "Rose", "Nom de famille": "Quéméner", "Adresse mail": story.rose.identifier}, "Personne à joindre"
    )
    claire.enter("Ajouter une personne", "button")
    claire.is_on("Prénom", "textbox", group="Personne 2")
    claire.write(
        {"Prénom": "Luc", "Nom de famille": "Quéméner", "Adresse mail": f"luc.{tag}@ardoise.example"}, "Personne 2"
    )
    claire.unfold("Pour la facturation")
    claire.write({"Adresse": "3 rue des Couvreurs", "Code postal": "49000", "Ville": "Angers"})
    claire.send("Créer le client")
    claire.person.is_told(f"{story.client} est créé")
    found = re.search(r"Client\s(C\d{4,})", claire.page.get_by_role("main").inner_text())
    assert found
    story.code = found[1]


def test_an_adviser_is_added(claire, story):
    open_record(claire, story.client)
    claire.skip_to_content()
    claire.follow("Modifier Responsables")
    claire.skip_to_content()
    claire.enter("Ajouter une personne", "button", key="Space")
    added = claire.is_on("Collaborateur", "combobox")
    assert added.value == "Choisir…", "the focus should be on the line that was added"
    claire.choose("Collaborateur", "Lucie Tanguy")
    claire.send("Enregistrer")
    claire.person.is_told("C’est enregistré")
    expect(claire.person.section("Responsables")).to_contain_text("Lucie Tanguy")


def set_folder(claire: Keyboard, recipient: str, target: str) -> None:
    """Settings of the clients' folder Factures."""
    claire.follow("Cabinet")
    claire.skip_to_content()
    claire.follow("Dossiers")
    claire.skip_to_content()
    claire.follow(re.compile("^Factures CLIENTS/Factures"))
    claire.skip_to_content()
    claire.tick("Partager sur le portail")
    claire.tick("Annoncer chaque nouveau document par mail")
    claire.choose("Adresse de la fiche", recipient)
    claire.choose("Le lien mène à", target)
    claire.send("Enregistrer")
    claire.person.is_told("C’est enregistré")


def test_the_folder_is_set_up(claire):
    set_folder(claire, "Relances", "Factures")
    row = claire.page.get_by_role("row", name="Factures CLIENTS/Factures")
    expect(row.get_by_role("cell", name="Relances")).to_be_visible()
    set_folder(claire, "Factures", "Le document")
    expect(row.get_by_role("cell", name="Le document")).to_be_visible()


def test_a_portal_access_is_given_and_taken_up(claire, rose, story, mails):
    since = mails.now()
    open_record(claire, story.client)
    claire.skip_to_content()
    claire.follow(f"Donner accès à {story.rose.name}")
    claire.person.reads_title(f"Donner accès au portail à {story.rose.name}")
    claire.send("Donner accès")
    claire.person.is_told("L’accès est ouvert sous l’identifiant")
    mail = mails_about(mails, story.rose.identifier, "Votre espace client Cabinet Orsel est ouvert", since)
    rose.person.open(mail.link("/activate/"))
    rose.write({"Mot de passe": PASSWORD})
    rose.send("Activer mon accès")
    rose.person.reads_title("Bonjour Rose")
    rose.sign_out()


# Step 3: a document on its way to the client, and one in return


def test_a_document_is_sent(claire, story, mails, small_pdf):
    open_record(claire, story.client)
    claire.skip_to_content()
    claire.follow("Factures")
    claire.person.reads_title("Factures")
    since = mails.now()
    claire.skip_to_content()
    claire.choose_files(small_pdf)
    wait_filed(claire.person, small_pdf.name)
    expect(claire.page.get_by_role("row").filter(has_text=small_pdf.name)).to_be_visible()
    claire.is_on("Choisir des fichiers", "button")
    expect(claire.page.get_by_role("row").filter(has_text=small_pdf.name)).to_be_visible()
    mail = mails_about(mails, story.billing, "Nouveau document", since)
    story.document_link = mail.link("/documents/")


def test_the_client_reads_it(rose, story, small_pdf):
    rose.person.open(story.document_link)
    rose.write({"Code client ou adresse mail": story.code, "Mot de passe": PASSWORD})
    rose.send("Se connecter")
    rose.person.reads_title(small_pdf.name)
    expect(rose.page.get_by_role("region", name="Page 1")).to_be_visible(timeout=20_000)
    rose.skip_to_content()
    zoom = rose.page.get_by_role("status", name="Zoom")
    before = zoom.inner_text()
    rose.enter("Agrandir", "button", key="Space")
    expect(zoom).not_to_have_text(before)


def test_the_document_is_scrolled_with_the_keys(rose, small_pdf):
    paper = rose.page.get_by_role("document", name=small_pdf.name)
    rose.reach(small_pdf.name, "document")
    assert paper.evaluate("(paper) => paper.scrollTop") == 0
    rose.page.keyboard.press("PageDown")
    until(lambda: paper.evaluate("(paper) => paper.scrollTop") > 100, "scrolling")


def test_what_she_downloads_is_identical(rose, small_pdf):
    kept = rose.download("Télécharger")
    assert kept.suggested_filename == small_pdf.name
    assert kept.path().read_bytes() == small_pdf.read_bytes()


def test_the_client_deposits_a_file_in_return(rose, story, mails, tmp_path, small_pdf):
    answer = tmp_path / "Justificatif de domicile.pdf"
    answer.write_bytes(small_pdf.read_bytes())
    since = mails.now()
    rose.follow("Documents")
    rose.skip_to_content()
    rose.follow("Déposer un document")
    rose.person.reads_title("Pièces à nous transmettre")
    rose.skip_to_content()
    rose.choose_files(answer)
    wait_filed(rose.person, answer.name)
    mail = mails_about(mails, CLAIRE.identifier, "a déposé", since)
    assert answer.name in mail.body


def test_the_history_shows_the_mail_as_sent_and_the_document_as_opened(claire, story, small_pdf):
    row = claire.page.get_by_role("row").filter(has_text=story.billing).filter(has_text=small_pdf.name)

    def opened() -> bool:
        claire.follow("Notifications")
        return row.get_by_text("Ouvert", exact=True).is_visible()

    until(opened, "the opening in the history")
    expect(row.get_by_text("Envoyé", exact=True)).to_be_visible()


def test_an_upload_that_is_cancelled_gives_the_focus_back(claire, story, small_pdf, tmp_path):
    wrong = tmp_path / "Mauvais fichier.pdf"
    wrong.write_bytes(small_pdf.read_bytes())
    open_record(claire, story.client)
    claire.skip_to_content()
    claire.follow("Factures")
    claire.page.route(re.compile("partNumber="), lambda _: None)
    claire.skip_to_content()
    claire.choose_files(wrong)
    expect(upload_row(claire.person, wrong.name).get_by_text(re.compile(r"envoi\s+\d"))).to_be_visible()
    claire.enter(f"Annuler {wrong.name}", "button")
    expect(claire.page.get_by_text(wrong.name)).to_have_count(0)
    claire.is_on("Choisir des fichiers", "button")
    claire.page.unroute_all(behavior="ignoreErrors")


# Step 4: an invoice


def test_a_draft_is_written_line_by_line(claire, story):
    open_record(claire, story.client)
    claire.skip_to_content()
    claire.follow("Nouvelle facture")
    claire.skip_to_content()
    first = {"Désignation": "Tenue comptable", "Quantité": "1", "Unité": "forfait", "Prix unitaire": "780"}
    second = {"Désignation": "Conseil", "Quantité": "1,5", "Unité": "h", "Prix unitaire": "96,00"}
    claire.write(first, "Ligne 1")
    for number in (2, 3):
        claire.enter("Ajouter une ligne", "button")
        claire.is_on("Désignation", "textbox", group=f"Ligne {number}")
        claire.write(second, f"Ligne {number}")
    claire.enter("Retirer la ligne 3", "button")
    claire.is_on("Ajouter une ligne", "button")
    expect(claire.page.get_by_role("group", name="Ligne 3")).to_have_count(0)
    expect(claire.page.get_by_role("status").filter(has_text="Total TTC")).to_contain_text("1 108,80 €")
    claire.send("Enregistrer le brouillon")
    claire.person.is_told("Le brouillon est enregistré")


def test_a_menu_entry_opens_a_dialog_and_the_focus_comes_back_to_the_menu(claire):
    claire.skip_to_content()
    claire.open_menu("Plus")
    claire.is_on("Supprimer le brouillon")
    claire.page.keyboard.press("Enter")
    expect(claire.page.get_by_role("dialog", name=re.compile("Supprimer ce brouillon"))).to_be_visible()
    assert claire.focus().dialog
    claire.page.keyboard.press("Escape")
    expect(claire.page.get_by_role("dialog")).to_have_count(0)
    claire.is_on("Plus")


def test_closing_gives_the_number(claire, story, mails):
    since = mails.now()
    claire.reach("Clôturer la facture", "button", back=True)
    claire.open_dialog(re.compile("Clôturer cette facture"))
    claire.send("Clôturer la facture")
    claire.person.reads_title(re.compile(r"Facture F\d{4}-\d+"))
    found = re.search(r"F\d{4}-\d+", claire.page.get_by_role("heading", level=1).inner_text())
    assert found
    story.number = found[0]
    expect(claire.page.get_by_role("link", name="Classée chez le client")).to_be_visible(timeout=20_000)
    mails_about(mails, story.billing, f"Nouveau document : Facture {story.number}", since)


def test_the_client_finds_it_among_their_invoices_and_reads_it(rose, story):
    rose.follow("Factures")
    rose.skip_to_content()
    rose.open_row(re.compile(story.number))
    rose.skip_to_content()
    rose.follow("Lire le PDF")
    expect(rose.page.get_by_role("region", name="Page 1")).to_contain_text(story.number, timeout=20_000)
