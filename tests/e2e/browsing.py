"""Fixtures of whoever needs a browser: Chromium, people at it, their mails."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence

import pytest
from letters import Mailbox
from people import DESK, STRANGER, Identity, Person, Seat
from playwright.sync_api import Browser, BrowserType, sync_playwright

from parvis_local.browser import find_browser
from parvis_local.suite import Suite


def launch(chromium: BrowserType, *, without: Sequence[str] = ()) -> Browser:
    """Chromium without a window; as root it has no sandbox of its own. `without`: arguments that Playwright adds."""
    program = find_browser()
    return chromium.launch(
        executable_path=str(program) if program else None,
        args=["--lang=fr-FR", *(["--no-sandbox"] if os.geteuid() == 0 else [])],
        ignore_default_args=list(without),
        env=os.environ | {"LANGUAGE": "fr"},  # for what the browser itself writes, as in a field for dates
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all."""
    with sync_playwright() as playwright:
        chromium = launch(playwright.chromium)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def mails(suite: Suite) -> Mailbox:
    return Mailbox(suite.addresses["mail"])


@pytest.fixture(scope="module")
def person(browser: Browser, suite: Suite) -> Iterator[Callable[..., Person]]:
    """Makes somebody with a browser of their own, for the tests of one file: `person(CLAIRE)`."""
    there: list[Person] = []

    def made(who: Identity, seat: Seat = DESK, *, signed_in: bool = True) -> Person:
        someone = Person.at(browser, suite.addresses["portal"], who, seat)
        there.append(someone)
        if signed_in:
            someone.sign_in()
        return someone

    yield made
    for someone in there:
        someone.leave()


@pytest.fixture(scope="module")
def tag() -> str:
    """Letters that no other run has: names stay apart when tests run again on the same suite."""
    return secrets.token_hex(3)


@pytest.fixture(scope="module")
def reader_at(person) -> Callable[[Identity | None, Seat], Person]:
    """Whoever a page is for (None: somebody who is not signed in), signed in once for each seat."""
    there: dict[tuple[Identity | None, Seat], Person] = {}

    def of(who: Identity | None, seat: Seat = DESK) -> Person:
        if (who, seat) not in there:
            there[who, seat] = person(who or STRANGER, seat, signed_in=who is not None)
        return there[who, seat]

    return of
