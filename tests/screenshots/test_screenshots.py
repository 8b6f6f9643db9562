"""Every page as people see it: desktop and phone, light and dark, in French. `./parvis test screenshots`.

The pictures are in `.parvis-screenshots/<desktop|phone>-<light|dark>/`.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from atlas import ORSEL, PLACES, Place, activation, behind
from people import CLAIRE, Person, Seat, field_of
from playwright.sync_api import expect

FOLDER = Path(__file__).parents[2] / ".parvis-screenshots"
SEATS = {
    "desktop-light": Seat(1440, 900),
    "desktop-dark": Seat(1440, 900, dark=True),
    "phone-light": Seat(390, 844, touch=True),
    "phone-dark": Seat(390, 844, touch=True, dark=True),
}


@pytest.fixture(scope="session", autouse=True)
def folder() -> Iterator[Path]:
    shutil.rmtree(FOLDER, ignore_errors=True)
    yield FOLDER
    print(f"\n{len(list(FOLDER.rglob('*.png')))} screenshots: {FOLDER}")


@pytest.fixture(scope="module", params=SEATS)
def seat(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def reader(seat, reader_at):
    """Whoever a page is for, in front of the seat."""
    return lambda who: reader_at(who, SEATS[seat])


def picture(someone: Person, seat: str, name: str, *, whole: bool = True) -> None:
    """Writes what is on the screen. What the browser complained about is told with the page it was on."""
    file = FOLDER / seat / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    someone.page.wait_for_load_state("networkidle")
    seen = {"width": SEATS[seat].width, "height": SEATS[seat].height}
    if whole:  # a window as high as the page: bars that stand still are where the page ends
        height = someone.page.evaluate("document.documentElement.scrollHeight")
        someone.page.set_viewport_size(seen | {"height": max(seen["height"], height)})
    someone.page.screenshot(path=file, animations="disabled", caret="hide")
    someone.page.set_viewport_size(seen)
    complaints = list(someone.complaints)
    someone.complaints.clear()
    assert not complaints, complaints


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_page(seat, reader, place):
    someone = reader(place.who)
    place.open(someone)
    if someone.page.get_by_role("toolbar", name="Lecture").count():
        expect(someone.page.get_by_role("region", name="Page 1")).to_be_visible()
    picture(someone, seat, place.name)


def test_activation_with_its_rules(seat, reader, mails, suite):
    someone = reader(None)
    activation(mails, suite.addresses["portal"]).open(someone)
    field_of(someone.page, "Mot de passe").press_sequentially("Tilleul")
    picture(someone, seat, "activation")


def test_sign_in_that_was_refused(seat, reader):
    someone = reader(None)
    someone.open("/login")
    field_of(someone.page, "Adresse mail").fill(f"personne.{seat}@exemple.example")
    someone.press("Continuer", exact=True)
    picture(someone, seat, "connexion-mot-de-passe")
    field_of(someone.page, "Mot de passe").fill("Mauvais!2026")
    someone.press("Se connecter")
    picture(someone, seat, "connexion-refusee")


def test_reset_was_asked_for(seat, reader):
    someone = reader(None)
    someone.open("/reset")
    field_of(someone.page, "Adresse mail").fill(f"personne.{seat}@exemple.example")
    someone.press("Recevoir un lien")
    picture(someone, seat, "mot-de-passe-lien-envoye")


def test_form_with_errors(seat, reader):
    claire = reader(CLAIRE)
    claire.open(f"{ORSEL}/settings/people/invite")
    claire.press("Envoyer l’invitation")
    expect(claire.page.get_by_role("alert")).to_be_visible()
    picture(claire, seat, "inviter-erreurs")


def test_side_panel(seat, reader):
    if not seat.startswith("desktop"):
        pytest.skip("the panel is for wide screens")
    claire = reader(CLAIRE)
    claire.open(f"{ORSEL}/contacts")
    claire.page.get_by_role("link", name="Boulangerie Le Goff").click()
    expect(claire.page.get_by_role("link", name="Ouvrir la page")).to_be_visible()
    picture(claire, seat, "clients-panneau", whole=False)


def test_dialog(seat, reader):
    claire = reader(CLAIRE)
    Place("", CLAIRE, behind(f"{ORSEL}/settings/people", "Lucie Tanguy")).open(claire)
    claire.press("Couper l’accès")
    expect(claire.page.get_by_role("dialog")).to_be_visible()
    picture(claire, seat, "couper-acces", whole=False)


def test_menu(seat, reader):
    claire = reader(CLAIRE)
    claire.open(f"{ORSEL}/")
    claire.open_menu()
    expect(claire.page.get_by_role("button", name="Se déconnecter")).to_be_visible()
    picture(claire, seat, "mon-menu", whole=False)


def test_navigation_of_a_phone(seat, reader):
    if not seat.startswith("phone"):
        pytest.skip("wide screens show it all")
    claire = reader(CLAIRE)
    claire.open(f"{ORSEL}/")
    claire.page.get_by_text("Menu", exact=True).click()
    picture(claire, seat, "menu-telephone", whole=False)


def test_upload_on_its_way(seat, reader):
    claire = reader(CLAIRE)
    place = Place("", CLAIRE, behind(behind(f"{ORSEL}/contacts", "Librairie L’Encrier"), "Factures"))
    place.open(claire)
    claire.page.route(re.compile(r"partNumber="), lambda _: None)  # never answered: it stays on its way
    files = [
        {"name": "Liasse fiscale 2025.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7\n" + bytes(2_000_000)},
        {"name": "Grand livre.csv", "mimeType": "text/csv", "buffer": b"compte;solde\n" * 4000},
        {"name": "notes.txt", "mimeType": "text/plain", "buffer": b""},
    ]
    with claire.page.expect_file_chooser() as asked:
        claire.page.get_by_role("button", name="Choisir des fichiers").click()
    asked.value.set_files(files)
    expect(claire.page.get_by_text("le fichier est vide").first).to_be_visible()
    expect(claire.page.get_by_text(re.compile(r"envoi\s+\d+")).first).to_be_visible()
    picture(claire, seat, "envoi-en-cours")
    for name in ("Liasse fiscale 2025.pdf", "Grand livre.csv"):
        claire.press(f"Annuler {name}")
    claire.page.unroute_all(behavior="ignoreErrors")
