"""A browser in which an account has signed in before is counted apart: strangers cannot keep its owner waiting."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from identity_stage import PASSWORD, comparable, read

from parvis_identity.domain.devices import LIFETIME, MOST, known, remember
from parvis_identity.service.visitor import Visitor

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
SECRET, ACCOUNT = b"s" * 32, uuid4()
WRONG = "Wrong-2026!"


async def known_browser(stage, person):
    """A browser where the person has signed in; only what outlives the session is left in it."""
    browser = stage.browser()
    await browser.sign_in(person.mail)
    del browser.http.cookies[stage.site.cookies.session]
    return browser


async def guess(stage, person, times=10):
    for _ in range(times):
        await stage.passwords.sign_in(person.mail, WRONG, None, Visitor("198.51.100.9", "", ""))


def waits(answer):
    return read(answer).partition("Attendez ")[2].partition(" avant")[0]


async def test_guesses_elsewhere_do_not_keep_a_known_browser_waiting(stage):
    person = await stage.person()
    home = await known_browser(stage, person)
    await guess(stage, person)

    stranger = await stage.browser().sign_in(person.mail)
    owner = await home.sign_in(person.mail)

    assert stranger.status_code == 422
    assert owner.headers["location"] == "/"


async def test_signing_in_from_a_known_browser_gives_strangers_no_new_guesses(stage):
    person = await stage.person()
    home = await known_browser(stage, person)
    await guess(stage, person)
    await home.sign_in(person.mail)

    assert (await stage.browser().sign_in(person.mail)).status_code == 422


async def test_wrong_tries_of_a_known_browser_make_it_wait_longer_and_longer(stage):
    person = await stage.person()
    home = await known_browser(stage, person)
    told = []
    for _ in range(6):
        told.append(waits(await home.sign_in(person.mail, WRONG)))
        await stage.run("UPDATE sign_in_attempts SET blocked_until = now()")
    await home.sign_in(person.mail, WRONG)
    right = await home.sign_in(person.mail)

    assert told == ["", "", "", "2 secondes", "4 secondes", "8 secondes"]
    assert right.status_code == 422
    assert (await stage.browser().sign_in(person.mail)).headers["location"] == "/"


@pytest.mark.parametrize("whose", ["forged", "another account's", "none"])
async def test_a_cookie_that_proves_nothing_counts_as_none(stage, whose):
    person, other = await stage.person(), await stage.person()
    browser, name = await known_browser(stage, other), stage.site.cookies.device
    if whose == "forged":
        kept = (await known_browser(stage, person)).http.cookies[name]
        browser.http.cookies[name] = kept[:-8] + "A" * 8
    elif whose == "none":
        del browser.http.cookies[name]
    await guess(stage, person)

    assert (await browser.sign_in(person.mail)).status_code == 422


async def test_a_refusal_is_the_same_page_for_one_hash_in_a_known_browser_too(stage):
    person = await stage.person()
    pages = []
    for browser in (await known_browser(stage, person), stage.browser()):
        before = stage.hasher.computed
        answer = await browser.sign_in(person.mail, WRONG)
        page = comparable(answer.text).replace(browser.http.cookies[stage.site.cookies.csrf], "")
        pages.append((answer.status_code, page, stage.hasher.computed - before))

    assert pages[0] == pages[1]
    assert pages[0][2] == 1


async def test_the_cookie_lives_a_year_and_is_kept_from_scripts(stage):
    person = await stage.person()

    answer = await stage.browser().sign_in(person.mail)

    cookie = next(each for each in answer.headers.get_list("set-cookie") if each.startswith("parvis-test-device="))
    assert "Max-Age=31536000" in cookie
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


async def test_a_browser_knows_two_accounts_at_once(stage):
    anne, luc, browser = await stage.person(), await stage.person(), stage.browser()
    await browser.sign_in(anne.mail)
    del browser.http.cookies[stage.site.cookies.session]
    await browser.sign_in(luc.mail)
    del browser.http.cookies[stage.site.cookies.session]
    await guess(stage, anne)

    assert (await browser.sign_in(anne.mail, PASSWORD)).headers["location"] == "/"


def test_a_device_stays_the_same_one_when_it_is_remembered_again():
    first = remember(SECRET, "", ACCOUNT, NOW)
    again = remember(SECRET, first, ACCOUNT, NOW + timedelta(days=300))

    assert known(SECRET, again, ACCOUNT, NOW + timedelta(days=600)) == known(SECRET, first, ACCOUNT, NOW) != ""
    assert "~" not in again


def test_a_device_is_forgotten_after_a_year():
    kept = remember(SECRET, "", ACCOUNT, NOW)

    assert known(SECRET, kept, ACCOUNT, NOW + LIFETIME) == ""
    assert "~" not in remember(SECRET, kept, ACCOUNT, NOW + LIFETIME)


def test_a_device_is_known_to_the_last_accounts_only():
    kept, accounts = "", [uuid4() for _ in range(MOST + 1)]
    for each in accounts:
        kept = remember(SECRET, kept, each, NOW)

    assert [bool(known(SECRET, kept, each, NOW)) for each in accounts] == [False] + [True] * MOST


@pytest.mark.parametrize(
    "kept", ["", "~", "é", "x" * 9000, "1234567890.x.y", "9" * 10 + "." + "a" * 22 + "." + "b" * 43]
)
def test_nonsense_is_no_device(kept):
    assert known(SECRET, kept, ACCOUNT, NOW) == ""
    assert known(b"another key", remember(SECRET, kept, ACCOUNT, NOW), ACCOUNT, NOW) == ""
