"""What people do in the portal, step by step: for the main job and its other forms."""

import re
from pathlib import Path

from letters import Mail, Mailbox
from people import Identity, Person, field_of
from playwright.sync_api import Locator, expect

ORSEL = "/o/cabinet-orsel"


def invite(claire: Person, who: Identity, profile: str) -> None:
    """From the list of people to the message that says it is on its way."""
    given, _, family = who.name.partition(" ")
    claire.open(f"{ORSEL}/settings/people")
    claire.follow("Inviter un collaborateur")
    claire.write(
        {
            "Prénom": given,
            "Nom de famille": family,
            "Adresse mail professionnelle": who.identifier,
            "Fonction": "Collaboratrice",
        }
    )
    claire.choose("Profil", profile)
    claire.press("Envoyer l’invitation")
    claire.is_told(re.compile(f"L’invitation (de |d’){who.name} est en route"))


def activate(reader: Person, mail: Mail) -> None:
    """Opens the link of a welcome mail, chooses the password, and arrives."""
    reader.open(mail.link("/activate/"))
    reader.reads_title("Choisissez votre mot de passe")
    field_of(reader.page, "Mot de passe").fill(reader.who.password)
    reader.press("Activer mon accès")
    reader.page.wait_for_url(re.compile(r"/o/"))


def create_client(claire: Person, name: str, mails: dict[str, str], people: tuple[tuple[str, str, str], ...]) -> str:
    """A client with people (first name, last name, mail); its code. The record is open at the end."""
    claire.open(f"{ORSEL}/contacts")
    claire.follow("Nouveau client")
    claire.page.get_by_role("textbox", name="Nom", exact=True).fill(name)
    claire.page.get_by_text("Autres adresses, par usage").click()
    claire.write(mails)
    claire.page.get_by_text("Pour la facturation").click()
    claire.write({"Adresse": "12 quai Ernest-Renaud", "Code postal": "44100", "Ville": "Nantes"})
    for number, (given, family, mail) in enumerate(people, start=1):
        legend = "Personne à joindre" if number == 1 else f"Personne {number}"
        if number > 1:
            claire.press("Ajouter une personne")
        block = claire.page.get_by_role("group", name=legend, exact=True)
        claire.write({"Prénom": given, "Nom de famille": family, "Adresse mail": mail}, within=block)
    claire.press("Créer le client")
    claire.is_told(f"{name} est créé")
    claire.reads_title(name)
    found = re.search(r"Client\s(C\d{4,})", claire.page.get_by_role("main").inner_text())
    assert found, "the record does not show the client's code"
    return found[1]


def give_access(claire: Person, person: str) -> None:
    """From an open record: a portal access with the identifier that is proposed."""
    claire.row(person).get_by_role("link", name="Donner accès").click()
    claire.reads_title(f"Donner accès au portail à {person}")
    claire.press("Donner accès")
    claire.is_told("L’accès est ouvert sous l’identifiant")


def open_folder(claire: Person, client: str, folder: str) -> None:
    """A folder of a client, from the list of clients."""
    open_record(claire, client)
    claire.follow(folder, exact=True, within=claire.section("Dossiers"))
    claire.reads_title(folder)


def open_record(claire: Person, client: str) -> None:
    """A client's record, found by its name."""
    claire.open(f"{ORSEL}/contacts")
    claire.page.get_by_role("searchbox", name="Code, nom ou mail").fill(client)
    claire.page.keyboard.press("Enter")
    claire.page.wait_for_url(re.compile("q="))
    open_row(claire, client)
    claire.reads_title(client)


def open_row(reader: Person, name: str) -> None:
    """A row of a list as a whole page: wide screens show it at the side first."""
    reader.page.get_by_role("link", name=name).first.click()
    viewport = reader.page.viewport_size
    if viewport and viewport["width"] >= 1100:  # where the panel begins
        reader.follow("Ouvrir la page")


def choose_files(reader: Person, *files: Path) -> None:
    """Through the button, as most people do."""
    with reader.page.expect_file_chooser() as asked:
        reader.page.get_by_role("button", name="Choisir des fichiers").click()
    asked.value.set_files(list(files))


def upload_row(reader: Person, name: str) -> Locator:
    """The line of one file on its way."""
    return reader.page.get_by_role("group").filter(has_text=name).last


def wait_filed(reader: Person, name: str) -> None:
    """Until the file is checked and filed."""
    expect(upload_row(reader, name).get_by_text("classé", exact=True)).to_be_visible(timeout=20_000)


def sign_in_from_mail(reader: Person, link: str, identifier: str) -> None:
    """Opens a mail's link without being signed in: the firm's own sign-in page asks first."""
    reader.open(link)
    expect(reader.page.get_by_role("heading", level=1, name="Votre espace Cabinet Orsel")).to_be_visible()
    field_of(reader.page, "Code client ou adresse mail").fill(identifier)
    field_of(reader.page, "Mot de passe").fill(reader.who.password)
    reader.press("Se connecter")
    reader.page.wait_for_url(re.compile(r"/o/"))


def write_draft(claire: Person, client: str, lines: tuple[tuple[str, str, str, str], ...]) -> None:
    """A draft invoice from the client's record: (description, quantity, unit, price) a line."""
    open_record(claire, client)
    claire.follow("Nouvelle facture")
    claire.reads_title("Nouvelle facture")
    for number, (description, quantity, unit, price) in enumerate(lines, start=1):
        if number > 1:
            claire.press("Ajouter une ligne")
        line = claire.page.get_by_role("group", name=f"Ligne {number}", exact=True)
        claire.write(
            {"Désignation": description, "Quantité": quantity, "Unité": unit, "Prix unitaire": price}, within=line
        )
    claire.press("Enregistrer le brouillon")
    claire.is_told("Le brouillon est enregistré")


def close_invoice(claire: Person) -> str:
    """Closes the draft that is open; its number."""
    claire.press("Clôturer la facture")
    claire.press("Clôturer la facture", within=claire.page.get_by_role("dialog"))
    claire.reads_title(re.compile(r"Facture F\d{4}-\d+"))
    found = re.search(r"F\d{4}-\d+", claire.page.get_by_role("heading", level=1).inner_text())
    assert found
    return found[0]


def mails_about(mails: Mailbox, to: str, subject: str, since: str) -> Mail:
    """A mail whose merge fields are all filled."""
    mail = mails.wait(to, subject, since=since)
    assert not re.search(r"#[\w]+#", mail.subject + mail.text), f"a merge field was left as it is: {mail.text}"
    return mail
