"""What is kept is taken along: of an organisation by its administrator at a desk in French, of oneself on a phone in
English; one zip file each, whole by its manifest.
"""

import csv
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from people import CLAIRE, DESK, KARIM, PHONE
from test_account import english

VERIFIER = Path(__file__).parents[2] / "docs" / "verify_trail.py"
DATA = "/o/cabinet-orsel/settings/data"


def taken(reader, link, path):
    """The zip file behind a link."""
    with reader.page.expect_download() as under_way:
        reader.page.get_by_role("link", name=link, exact=True).click()
    under_way.value.save_as(path)
    return under_way.value.suggested_filename, zipfile.ZipFile(path)


def whole(archive):
    """Its manifest; every file is as that says."""
    assert archive.testzip() is None
    manifest = json.loads(archive.read(archive.namelist()[-1]))
    told = {each["name"]: (each["size"], each["sha256"]) for each in manifest["files"]}
    found = {
        name: (len(content), hashlib.sha256(content).hexdigest())
        for name in archive.namelist()[:-1]
        for content in [archive.read(name)]
    }
    assert told == found
    return manifest


def records(archive, name):
    return json.loads(archive.read(name))


def test_an_administrator_takes_everything_along(person, tmp_path):
    claire = person(CLAIRE, DESK)
    claire.open(DATA)
    claire.reads_title("Données de l’organisation")
    name, archive = taken(claire, "Tout télécharger", tmp_path / "tout.zip")
    assert name.startswith("cabinet-orsel-")
    manifest = whole(archive)
    assert "LISEZMOI.txt" in archive.namelist()
    assert "Cabinet Orsel" in archive.read("LISEZMOI.txt").decode()

    clients = records(archive, "tenancy/contacts.json")
    table = csv.reader(io.StringIO(archive.read("tenancy/contacts.csv").decode("utf-8-sig")), delimiter=";")
    assert len(list(table)) == len(clients) + 1 == manifest["records"]["tenancy"]["contacts"] + 1
    # Every version of every document lies there, under its name.
    versions = {each["sha256"] for each in records(archive, "documents/versions.json")}
    files = {each["sha256"] for each in manifest["files"] if each["name"].startswith("documents/fichiers/")}
    assert versions
    assert files == versions
    assert not any("password_hash" in archive.read(name).decode("utf-8", "ignore") for name in archive.namelist())

    proof = tmp_path / "journal.jsonl"
    proof.write_bytes(archive.read("journal.jsonl"))
    verified = subprocess.run([sys.executable, VERIFIER, proof], capture_output=True, text=True, check=False)
    assert verified.returncode == 2, verified.stdout  # nobody said which key is the operator's
    assert "NOT PROVEN: no key that you gave signed the newest anchor" in verified.stdout


def test_somebody_takes_along_what_is_kept_about_them(person, tmp_path):
    karim = english(person(KARIM, PHONE))
    karim.open("/account/data")
    karim.reads_title("My data")
    name, archive = taken(karim, "Download my data", tmp_path / "mine.zip")
    assert name.startswith("my-data-")
    whole(archive)
    (account,) = records(archive, "identity/accounts.json")
    assert account["mail"] == KARIM.identifier
    assert all(each["account_id"] == account["id"] for each in records(archive, "identity/sessions.json"))
    assert "tenancy/memberships.json" in archive.namelist()
    assert "tenancy/contacts.json" not in archive.namelist()
