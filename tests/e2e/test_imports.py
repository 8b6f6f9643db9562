"""Accounts of another platform: a file in a page, its report, and the first sign-in with the password of before."""

import re
from base64 import b64encode
from hashlib import pbkdf2_hmac

import pytest
from people import HELENE, PHONE, Identity, Person, field_of
from playwright.sync_api import expect

IMPORTS = "/o/cadrane/settings/imports"


@pytest.fixture(scope="module")
def helene(person) -> Person:
    return person(HELENE)


@pytest.fixture(scope="module")
def file(tag):

    digest = b64encode(pbkdf2_hmac("sha256", b"Ancien-2019!", b"selselselsel", 1000)).decode()
    hashed = f"pbkdf2_sha256$1000$selselselsel${digest}"
    lines = [
        "organisation,identifier,mail,given_name,family_name,locale,status,password_hash",
        f"cabinet-orsel,K{tag},,Maël,Kerdoncuff,fr,,{hashed}",
        f",,ines.{tag}@ancien.example,Inès,Roudaut,en,,",
        ",,pas une adresse,,,,,",
    ]
    return {"name": f"comptes-{tag}.csv", "mimeType": "text/csv", "buffer": "\r\n".join(lines).encode()}


def test_a_file_is_checked_imported_and_reported(helene, file, mails, tag):
    since = mails.now()
    helene.open(IMPORTS)
    helene.page.locator("input[type=file]").set_input_files(files=[file])
    helene.press("Vérifier le fichier")
    helene.reads_title(file["name"])
    helene.sees("Vérifié, à importer")
    helene.sees("Ce n’est pas une adresse mail. Corrigez-la.")
    helene.page.get_by_label("Écrire à chaque nouveau compte").check()
    helene.press("Importer 2 comptes")
    expect(helene.page.get_by_text("Importé", exact=True)).to_be_visible(timeout=20_000)
    helene.sees("Le fichier est supprimé.")
    assert "/activate/" in mails.wait(f"ines.{tag}@ancien.example", since=since).link("/activate/")
    with helene.page.expect_download() as report:
        helene.follow("Télécharger le rapport")
    assert "pbkdf2" not in report.value.path().read_text()
    helene.open(IMPORTS)
    helene.sees(file["name"])


@pytest.mark.parametrize(
    ("where", "language", "check", "discard", "question", "checked"),
    [
        (
            None,
            "fr",
            "Vérifier le fichier",
            "Abandonner l’import",
            "Abandonner cet import ?",
            "Vérifié, rien à importer",
        ),
        (PHONE, "en", "Check the file", "Discard the import", "Discard this import?", "Checked, nothing to import"),
    ],
)
def test_the_question_to_discard_stays_while_the_page_follows_the_import(
    person, tag, where, language, check, discard, question, checked
):
    helene = person(HELENE, where) if where else person(HELENE)
    helene.context.add_cookies([{"name": "parvis_lang", "value": language, "url": helene.portal}])
    content = "\r\n".join(["identifier,mail", *(f"Z{tag}-{number},no address" for number in range(20_000))]).encode()
    helene.open(IMPORTS)
    helene.page.locator("input[type=file]").set_input_files(
        files=[{"name": f"long-{tag}-{language}.csv", "mimeType": "text/csv", "buffer": content}]
    )
    helene.press(check)
    opener, asked = helene.page.get_by_role("button", name=discard), helene.page.get_by_role("dialog", name=question)
    with helene.page.expect_response(lambda answer: answer.request.headers.get("hx-target") == "progress"):
        opener.first.click()
    expect(helene.page.get_by_text(checked)).to_be_visible(timeout=60_000)
    expect(asked).to_be_visible()
    helene.page.keyboard.press("Escape")
    expect(opener).to_be_focused()
    helene.page.keyboard.press("Enter")
    asked.get_by_role("button", name=discard).click()
    expect(helene.page.get_by_role("link", name=f"long-{tag}-{language}.csv")).to_be_visible()


def test_a_file_is_imported_in_english_on_a_phone(person, tag):
    helene = person(HELENE, PHONE)
    helene.context.add_cookies([{"name": "parvis_lang", "value": "en", "url": helene.portal}])
    content = f"identifier,mail,given_name\r\n,una.{tag}@former.example,Una\r\n,no address,\r\n".encode()
    name = f"accounts-{tag}.csv"
    helene.open(IMPORTS)
    helene.page.locator("input[type=file]").set_input_files(
        files=[{"name": name, "mimeType": "text/csv", "buffer": content}]
    )
    helene.press("Check the file")
    helene.reads_title(name)
    helene.sees("Checked, to be imported")
    helene.sees("This is no mail address. Correct it.")
    assert helene.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    helene.press("Import 1 account")
    expect(helene.page.get_by_text("Imported", exact=True)).to_be_visible(timeout=20_000)
    helene.sees("The file is deleted.")


def test_who_was_imported_signs_in_with_the_password_of_before(person, helene, tag):
    """Without an access of the firm there is nothing to see yet: what counts is that the password was taken."""
    mael = person(Identity("Maël Kerdoncuff", f"K{tag}", "cabinet-orsel", "Ancien-2019!"), PHONE, signed_in=False)
    mael.open("/login/cabinet-orsel")
    field_of(mael.page, "Code client ou adresse mail").fill(f"K{tag}")
    field_of(mael.page, "Mot de passe").fill("Ancien-2019!")
    mael.press("Se connecter")
    mael.page.wait_for_url(lambda address: "/login" not in address)
    mael.open("/password")
    mael.reads_title("Changer de mot de passe")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("comptes.xlsx", b"PK", "Choisissez un fichier dont le nom se termine par"),
        ("vide.csv", b"", "Ce fichier est vide."),
    ],
)
def test_a_file_that_cannot_be_taken_is_told_why(helene, name, content, said):
    helene.open(IMPORTS)
    helene.page.locator("input[type=file]").set_input_files(
        files=[{"name": name, "mimeType": "text/plain", "buffer": content}]
    )
    helene.press("Vérifier le fichier")
    helene.sees(said)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (",pas une adresse", "Aucune ligne de ce fichier ne peut être importée."),
        ("", "Ce fichier ne contient aucune ligne sous les noms de colonnes."),
    ],
)
def test_a_file_with_nothing_to_import_says_so_and_leads_to_another(helene, line, said):
    helene.open(IMPORTS)
    content = f"organisation,mail\r\n{line}".encode()
    helene.page.locator("input[type=file]").set_input_files(
        files=[{"name": "rien.csv", "mimeType": "text/csv", "buffer": content}]
    )
    helene.press("Vérifier le fichier")
    helene.sees("Vérifié, rien à importer")
    helene.sees(said)
    helene.follow("Choisir un autre fichier")
    helene.reads_title("Importer des comptes")


def test_a_file_that_cannot_be_read_says_what_to_do(helene):
    helene.open(IMPORTS)
    helene.page.locator("input[type=file]").set_input_files(
        files=[{"name": "colonnes.csv", "mimeType": "text/csv", "buffer": b"nom,prenom\r\na,b\r\n"}]
    )
    helene.press("Vérifier le fichier")
    helene.sees(re.compile("La première ligne doit nommer les colonnes"))
