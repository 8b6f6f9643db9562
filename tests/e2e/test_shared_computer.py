"""A computer that somebody else uses next: what was open is not there any more once its reader has signed out."""

from collections.abc import Iterator

import pytest
from browsing import launch
from people import CLAIRE, Person
from playwright.sync_api import Browser, expect

HOME = "/o/cabinet-orsel/"


@pytest.fixture(scope="module")
def claire(browser: Browser, suite) -> Iterator[Person]:
    """In a browser that puts aside the pages that one leaves, as everybody's does and Playwright's does not."""
    chromium = launch(browser.browser_type, without=["--disable-back-forward-cache"])
    claire = Person.at(chromium, suite.addresses["portal"], CLAIRE)
    claire.sign_in()
    yield claire
    claire.leave()
    chromium.close()


def back(person: Person) -> None:
    """The browser's button. Playwright's waits for a page to load; one that was put aside does not."""
    before = person.page.url
    person.page.evaluate("history.back()")
    person.page.wait_for_url(lambda url: url != before, wait_until="commit")


def test_going_back_to_a_form_finds_what_was_typed(claire):
    claire.open(f"{HOME}contacts/new")
    name = claire.page.locator("input[name=name]")
    name.fill("Atelier Morvan")
    claire.go_to("Accueil")

    back(claire)

    expect(name).to_have_value("Atelier Morvan")


def test_going_back_after_signing_out_shows_no_page_of_the_portal(claire):
    claire.open(HOME)
    claire.go_to("Clients")
    claire.reads_title("Clients")
    claire.go_to("Accueil")
    claire.sign_out()
    claire.page.wait_for_load_state("networkidle")

    for _ in range(3):
        back(claire)
        claire.reads_title("Votre espace Cabinet Orsel")
        claire.does_not_see("Claire")
