"""A browser for all, and people who each have their own window of it.

The modules that these tests share stand beside them.
"""

import os
import re
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from parvis_local.browser import find_browser
from parvis_local.demonstration import Context
from parvis_local.suite import Suite

sys.path.insert(0, str(Path(__file__).parent))

from mailbox import Mailbox  # noqa: E402 - stands beside this file

from people import DESK, Identity, Person, Seat  # noqa: E402


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window; as root it has no sandbox of its own."""
    with sync_playwright() as playwright:
        program = find_browser()
        chromium = playwright.chromium.launch(
            executable_path=str(program) if program else None,
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
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


@pytest.fixture(scope="session")
def real_pdf(context: Context, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A document as firms send them, set with Typst."""
    from parvis_local.demo.papers import typeset
    from parvis_local.demo.story import PROVIDER

    firm = PROVIDER.customers[0]
    party = firm.contacts[0]
    file = tmp_path_factory.mktemp("papers") / "Facture d’honoraires.pdf"
    file.write_bytes(typeset(firm, party, party.papers[0]))
    assert re.match(rb"%PDF-1\.\d", file.read_bytes())
    return file
