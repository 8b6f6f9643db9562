"""The portal on a phone of 390 by 844: no page scrolls sideways, thumbs reach what matters, the job can be done."""

import re

import pytest
from acts import ORSEL, activate, choose_files, create_client, give_access, mails_about, sign_in_from_mail, wait_filed
from atlas import PLACES
from people import ANNE, CLAIRE, PHONE, Identity, Person, Seat
from playwright.sync_api import expect

WIDTHS = """() => {
  const wide = document.documentElement.scrollWidth;
  const sticksOut = (each) => each.getBoundingClientRect().right > innerWidth + 1;
  const culprits = [...document.querySelectorAll('body *')].filter(sticksOut);
  return [wide, innerWidth, culprits.slice(0, 5).map((each) => each.outerHTML.slice(0, 120))];
}"""


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_no_page_scrolls_sideways(reader_at, place):
    someone = reader_at(place.who, PHONE)
    place.open(someone)
    wide, there, culprits = someone.page.evaluate(WIDTHS)
    assert wide <= there, culprits


@pytest.mark.parametrize("width", [780, 1024, 1100])
def test_no_list_scrolls_sideways_on_a_tablet_beside_the_navigation(reader_at, width):
    claire = reader_at(CLAIRE, Seat(width, 900))
    for page in ("invoices", "notifications", "documents", "contacts", "settings/people", "settings/folders"):
        claire.open(f"{ORSEL}/{page}")
        wide, there, culprits = claire.page.evaluate(WIDTHS)
        assert wide <= there, (page, culprits)


@pytest.fixture(scope="module")
def claire(person) -> Person:
    return person(CLAIRE, PHONE)


def bar(someone: Person):
    return someone.page.get_by_role("navigation", name="Navigation principale, raccourcis")


def test_a_bar_of_four_and_a_menu_stand_at_the_bottom(claire):
    claire.open(f"{ORSEL}/")
    expect(bar(claire).get_by_role("link").filter(visible=True)).to_have_count(4)
    expect(claire.main_navigation).to_be_hidden()
    box = bar(claire).bounding_box()
    assert box
    assert box["y"] + box["height"] == pytest.approx(844, abs=1)


def test_the_bar_leads_and_says_where_one_is(claire):
    bar(claire).get_by_role("link", name="Clients").tap()
    claire.reads_title("Clients et contacts")
    expect(bar(claire).get_by_role("link", name="Clients")).to_have_attribute("aria-current", "page")


def test_the_menu_holds_the_rest(claire):
    claire.page.get_by_text("Menu", exact=True).tap()
    bar(claire).get_by_role("link", name="Notifications").tap()
    claire.reads_title("Notifications")


def test_what_thumbs_press_is_large_enough(claire):
    claire.open(f"{ORSEL}/contacts")
    for control in (*bar(claire).get_by_role("link").all(), claire.page.get_by_role("link", name="Nouveau client")):
        if control.is_visible():
            box = control.bounding_box()
            assert box
            assert box["height"] >= 36, (control.inner_text(), box)


def test_a_row_opens_a_page_not_a_panel(claire):
    claire.open(f"{ORSEL}/contacts")
    claire.page.get_by_role("link", name="Boulangerie Le Goff").tap()
    claire.page.wait_for_url(re.compile(r"/contacts/[0-9a-f-]{36}$"))
    claire.reads_title("Boulangerie Le Goff")
    expect(claire.page.get_by_role("link", name="Ouvrir la page")).to_be_hidden()


def test_a_client_is_made_and_answers_from_their_own_phone(claire, person, mails, small_pdf, tag):
    name = f"Voilerie du Port {tag}"
    iris = person(
        Identity("Iris Kerjean", f"iris.{tag}@voilerie.example", "cabinet-orsel", "Voilure&2026"),
        PHONE,
        signed_in=False,
    )
    since = mails.now()
    code = create_client(
        claire,
        name,
        {"Adresse principale": f"port.{tag}@voilerie.example"},
        (("Iris", "Kerjean", iris.who.identifier),),
    )
    give_access(claire, "Iris Kerjean")
    activate(iris, mails_about(mails, iris.who.identifier, "Votre espace client", since))
    iris.reads_title("Bonjour Iris")
    iris.sign_out()
    sign_in_from_mail(iris, f"{iris.portal}{ORSEL}/documents", code)
    iris.follow("Déposer un document")
    choose_files(iris, small_pdf)
    wait_filed(iris, small_pdf.name)


def test_a_pdf_is_read_across_the_width(person):
    anne = person(ANNE, PHONE)
    bar(anne).get_by_role("link", name="Documents").tap()
    anne.page.get_by_role("link", name="Bilan 2025.pdf").first.tap()
    page = anne.page.get_by_role("region", name="Page 1")
    expect(page).to_contain_text("412 300", timeout=20_000)
    box = page.bounding_box()
    assert box
    assert box["width"] > 300
