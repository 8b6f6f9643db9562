"""The journal: an act is done, found there in plain words, filtered, opened with its proof, taken along as a table: in
French at a desk, in English on a phone.
"""

import csv
import re
import subprocess
import sys
from pathlib import Path

from acts import create_client
from people import CLAIRE, DESK, KARIM, PHONE, until
from playwright.sync_api import expect
from test_account import english

VERIFIER = Path(__file__).parents[2] / "docs" / "verify_trail.py"
JOURNAL = "/o/cabinet-orsel/settings/audit"


def test_an_act_is_found_read_and_exported_at_a_desk(person, tag, tmp_path):
    claire = person(CLAIRE, DESK)
    name = f"Scierie {tag}"
    create_client(claire, name, {}, ())
    claire.open(JOURNAL)
    claire.reads_title("Journal")
    # By the keyboard alone: the search is a key away, the act is a link.
    claire.page.keyboard.press("/")
    claire.page.keyboard.type(f"claire créé {tag}")
    claire.page.keyboard.press("Enter")
    found = claire.page.get_by_role("link", name="Claire Orsel a créé une fiche")
    expect(found.first).to_be_visible()
    expect(claire.page.get_by_text(name).first).to_be_visible()

    found.first.focus()
    claire.page.keyboard.press("Enter")
    claire.reads_title("Claire Orsel a créé une fiche")

    def sealed():
        claire.page.reload()
        return claire.page.get_by_text(re.compile(r"Acte\s[\d\s]+\ssur\s[\d\s]+")).first.is_visible()

    until(sealed, "the sealing of the act")
    claire.follow("Tous les actes sur le même objet")
    claire.sees(f"Seulement ce qui concerne : {name}")

    claire.follow("Exporter")
    claire.sees("Seulement ce que retiennent les filtres")
    with claire.page.expect_download() as under_way:
        claire.page.get_by_role("link", name="Télécharger le tableau").click()
    path = tmp_path / "journal.csv"
    under_way.value.save_as(path)
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines(), delimiter=";"))
    assert rows[0][:3] == ["Moment", "Moment (UTC)", "Qui"]
    assert [row for row in rows if "a créé une fiche" in row[3] and row[4] == name]

    claire.open(f"{JOURNAL}/export")
    with claire.page.expect_download() as under_way:
        claire.page.get_by_role("link", name="Télécharger la preuve").click()
    proof = tmp_path / "journal.jsonl"
    under_way.value.save_as(proof)
    verified = subprocess.run([sys.executable, VERIFIER, proof], capture_output=True, text=True, check=False)
    assert verified.returncode == 2, verified.stdout  # nobody said which key is the operator's
    assert "NOT PROVEN: no key that you gave signed the newest anchor" in verified.stdout
    assert re.search(
        r"^[1-9]\d* acts of organisation [\da-f-]{36}, 0 of them erased since;", verified.stdout, re.MULTILINE
    )

    claire.open(f"{JOURNAL}?kind=organisation")
    claire.sees("Claire Orsel a exporté ce journal")


def test_filters_and_pages_on_a_phone(person):
    claire = english(person(CLAIRE, PHONE))
    claire.open(JOURNAL)
    claire.reads_title("Audit trail")
    newest = claire.page.locator(".timeline-list a").first.get_attribute("href")
    claire.follow("Next")
    expect(claire.page.locator(f".timeline-list a[href='{newest}']")).to_have_count(0)
    expect(claire.page.locator(".timeline-list a").first).to_be_visible()

    claire.open(JOURNAL)
    claire.page.get_by_text("Period and person").click()
    claire.choose("Person", "Claire Orsel")
    claire.press("Show")
    for sentence in claire.page.locator(".timeline-list a").all_inner_texts():
        assert "Claire Orsel" in sentence
    claire.page.get_by_label("From").fill("2020-01-01")
    claire.page.get_by_label("Until (included)").fill("2020-01-02")
    claire.press("Show")
    claire.sees("No act fits this search and these filters.")
    claire.follow("Show all")
    expect(claire.page.locator(".timeline-list a").first).to_be_visible()


def test_whoever_may_not_see_it_is_told_what_is_missing(person):
    karim = person(KARIM, DESK)
    answer = karim.open(JOURNAL)
    assert answer.status == 403
    karim.sees("Voir le journal d’audit de l’organisation")
