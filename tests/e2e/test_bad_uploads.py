"""Files that are refused, uploads that are cut, and a browser without JavaScript."""

import re
from pathlib import Path

import pytest
from acts import ORSEL, choose_files, open_folder, upload_row, wait_filed
from people import CLAIRE, Person, Seat
from playwright.sync_api import Route, expect

CLIENT = "Garage Morvan"


@pytest.fixture(scope="module")
def claire(person) -> Person:
    return person(CLAIRE)


@pytest.fixture
def paper(tmp_path):
    """Makes a file with a name and bytes."""

    def made(name: str, content: bytes) -> Path:
        file = tmp_path / name
        file.write_bytes(content)
        return file

    return made


@pytest.fixture(scope="module")
def pdf_only(claire, tag) -> str:
    """A folder that takes PDF documents only, made in the settings."""
    name = f"Rapports {tag}"
    claire.open(f"{ORSEL}/settings/folders")
    claire.follow("Nouveau dossier")
    claire.page.get_by_role("textbox", name="Nom", exact=True).fill(name)
    claire.page.get_by_label("PDF", exact=True).check()
    claire.press("Enregistrer")
    claire.is_told("C’est enregistré")
    return name


def refusal(claire: Person, file: Path) -> str:
    """What the row of a refused file says."""
    row = upload_row(claire, file.name)
    said = row.get_by_text(re.compile("^refusé"))
    expect(said).to_be_visible(timeout=20_000)
    return said.inner_text()


def test_a_type_that_the_folder_does_not_take(claire, pdf_only, paper):
    open_folder(claire, CLIENT, pdf_only)
    claire.sees("Types acceptés : PDF")
    photo = paper("Photo du chantier.png", b"\x89PNG\r\n\x1a\n" + bytes(4000))
    choose_files(claire, photo)
    assert "type de fichier n’est pas accepté" in refusal(claire, photo)
    expect(claire.page.get_by_role("row").filter(has_text=photo.name)).to_have_count(0)


def test_a_file_that_is_not_what_its_name_says(claire, pdf_only, paper):
    open_folder(claire, CLIENT, pdf_only)
    liar = paper("Contrat signé.pdf", b"Ceci n'est pas un PDF.\n" * 200)
    choose_files(claire, liar)
    assert "ne correspond pas à son nom" in refusal(claire, liar)


def test_programs_are_refused_everywhere(claire, paper):
    open_folder(claire, CLIENT, "Contrats")
    program = paper("facture.exe", b"MZ" + bytes(4000))
    choose_files(claire, program)
    assert "type de fichier n’est pas accepté" in refusal(claire, program)


def test_an_empty_file_is_refused_at_once(claire, paper):
    open_folder(claire, CLIENT, "Contrats")
    empty = paper("vide.pdf", b"")
    choose_files(claire, empty)
    assert "vide" in refusal(claire, empty)


def part_of(url: str) -> str:
    found = re.search(r"partNumber=(\d+)", url)
    return found[1] if found else ""


def test_a_part_that_is_cut_goes_on_by_itself(claire, real_pdf):
    open_folder(claire, CLIENT, "Contrats")
    cut: list[str] = []

    def fail_once(route: Route) -> None:
        number = part_of(route.request.url)
        if number == "2" and not cut:
            cut.append(number)
            route.abort("connectionreset")
        else:
            route.continue_()

    claire.page.route(re.compile("partNumber="), fail_once)
    with claire.watching() as seen:
        choose_files(claire, real_pdf)
        wait_filed(claire, real_pdf.name)
    claire.page.unroute_all(behavior="wait")
    sent = [part_of(each.url) for each in seen if each.method == "PUT"]
    assert cut == ["2"]
    assert sorted(sent) == ["1", "2", "2"], "only the part that was cut is sent again"


def test_a_page_closed_in_the_middle_resumes_with_what_is_missing(claire, real_pdf, tmp_path, tag):
    open_folder(claire, CLIENT, "Contrats")
    file = tmp_path / f"Grand livre {tag}.pdf"
    file.write_bytes(real_pdf.read_bytes())
    claire.page.on("dialog", lambda dialog: dialog.accept())  # "leave the page?"
    claire.page.route(re.compile("partNumber=2"), lambda route: route.abort("connectionreset"))
    with claire.page.expect_response(lambda answer: part_of(answer.url) == "1" and answer.ok):
        choose_files(claire, file)
    claire.sees("connexion perdue, l’envoi reprendra de lui-même")
    claire.page.unroute_all(behavior="wait")
    claire.page.reload()
    with claire.watching() as seen:
        choose_files(claire, file)
        wait_filed(claire, file.name)
    assert [part_of(each.url) for each in seen if each.method == "PUT"] == ["2"]
    expect(claire.page.get_by_role("row").filter(has_text=file.name)).to_have_count(1)


def test_an_upload_that_is_cancelled_leaves_nothing(claire, real_pdf, tmp_path, tag):
    open_folder(claire, CLIENT, "Contrats")
    file = tmp_path / f"Mauvais fichier {tag}.pdf"
    file.write_bytes(real_pdf.read_bytes())
    claire.page.route(re.compile("partNumber="), lambda _: None)
    choose_files(claire, file)
    expect(upload_row(claire, file.name).get_by_text(re.compile(r"envoi\s+\d"))).to_be_visible()
    with claire.page.expect_response(lambda answer: answer.request.method == "DELETE") as given_up:
        claire.press(f"Annuler {file.name}")
    assert given_up.value.ok, "the portal was not told that the upload is given up"
    claire.does_not_see(file.name)
    claire.page.unroute_all(behavior="ignoreErrors")
    claire.page.reload()
    claire.does_not_see(file.name)


def test_without_javascript_one_signs_in_reads_sends_and_leaves(person, small_pdf, tmp_path, tag):
    plain = person(CLAIRE, Seat(script=False))
    plain.reads_title("Bonjour Claire")
    plain.go_to("Clients")
    plain.follow(CLIENT)
    plain.reads_title(CLIENT)
    plain.follow("Pièces à nous transmettre", within=plain.section("Dossiers"))
    plain.press("Choisir un fichier")
    file = tmp_path / f"Sans script {tag}.pdf"
    file.write_bytes(small_pdf.read_bytes())
    plain.page.get_by_label("Fichier", exact=True).set_input_files(file)
    plain.press("Envoyer")
    plain.page.wait_for_url(re.compile(r"/folders/[0-9a-f-]+$"), timeout=20_000)
    expect(plain.page.get_by_role("row").filter(has_text=file.name)).to_be_visible()
    plain.open_menu()
    plain.press("Se déconnecter")
    plain.reads_title("Vous êtes déconnecté")
