"""Fixtures of whoever needs a browser: Chromium, people at it, their mails."""

import asyncio
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence

import asyncpg
import pytest
from compared import NAME, connect_for_comparing
from letters import Mailbox
from people import DESK, HELENE, STRANGER, Identity, Person, Seat
from playwright.sync_api import Browser, BrowserType, sync_playwright

from parvis_local.browser import find_browser
from parvis_local.suite import Suite


def change(address: str, statement: str, *values: str) -> str:
    """Changes a database as its superuser; a thread of its own, since the browser has the loop of this one."""
    done: list[str] = []

    async def work() -> None:
        connection = await asyncpg.connect(address)
        done.append(await connection.execute(statement, *values))
        await connection.close()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    thread.join()
    return done[0]


def launch(chromium: BrowserType, *, without: Sequence[str] = (), further: Sequence[str] = ()) -> Browser:
    """Chromium without a window; as root it has no sandbox of its own. `without`: arguments that Playwright adds;
    `further`: arguments of ours.
    """
    program = find_browser()
    return chromium.launch(
        executable_path=str(program) if program else None,
        args=["--lang=fr-FR", *(["--no-sandbox"] if os.geteuid() == 0 else []), *further],
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


@pytest.fixture(scope="session")
def shared_domain(suite: Suite) -> Iterator[str]:
    """A mail domain that leads to the directories of two firms: nothing else in these firms knows of it."""
    database = suite.superuser_url("identity")
    for slug in ("cabinet-orsel", "valmer-patrimoine"):
        change(database, _SHARED, SHARED_DOMAIN, slug)
    yield SHARED_DOMAIN
    change(database, _NO_MORE, SHARED_DOMAIN)


SHARED_DOMAIN = "groupe-rivage.example"
_SHARED = """
WITH firm AS (SELECT gen_random_uuid() AS id), domain AS (
    INSERT INTO sso_domains (id, organisation_id, organisation_slug, domain, state, method, token, check_problem,
        created_at)
    SELECT gen_random_uuid(), id, $2, $1, 'verified', 'dns', 't', '', now() FROM firm)
INSERT INTO sso_providers (id, organisation_id, organisation_slug, kind, template, name, state, position, issuer,
    client_id, sealed_secret, metadata_url, metadata_document, metadata_problem, claim_names, scope, accepts_amr,
    wants_encrypted, scim_match, forwards_logout, version, created_at, changed_at)
SELECT gen_random_uuid(), id, $2, 'oidc', 'oidc', 'Annuaire Rivage', 'live', 0, '', '', '', '', '', '', '{}', '', false,
       false, '', true, 1, now(), now() FROM firm
"""
_NO_MORE = """
WITH gone AS (DELETE FROM sso_domains WHERE domain = $1 RETURNING organisation_id)
DELETE FROM sso_providers WHERE organisation_id IN (SELECT organisation_id FROM gone)
"""


@pytest.fixture(scope="session")
def compared_directory(browser: Browser, suite: Suite) -> Iterator[str]:
    """A directory of the provider's that counts as tried and in service: nobody comes from it."""
    database = suite.superuser_url("identity")
    change(database, "DELETE FROM sso_providers WHERE name = $1", NAME)  # of a run that was cut short
    helene = Person.at(browser, suite.addresses["portal"], HELENE)
    helene.sign_in()
    connect_for_comparing(helene, "/o/cadrane/settings/sign-in")
    helene.leave()
    live = "UPDATE sso_providers SET state = 'live', tried_at = now(), live_since = now() WHERE name = $1"
    assert change(database, live, NAME) == "UPDATE 1"
    yield NAME
    change(database, "DELETE FROM sso_providers WHERE name = $1", NAME)


@pytest.fixture(scope="module")
def reader_at(person, shared_domain, compared_directory) -> Callable[[Identity | None, Seat], Person]:
    """Whoever a page is for (None: somebody who is not signed in), signed in once for each seat."""
    assert shared_domain  # some of the pages are of it,
    assert compared_directory  # and some of this
    there: dict[tuple[Identity | None, Seat], Person] = {}

    def of(who: Identity | None, seat: Seat = DESK) -> Person:
        if (who, seat) not in there:
            there[who, seat] = person(who or STRANGER, seat, signed_in=who is not None)
        return there[who, seat]

    return of
