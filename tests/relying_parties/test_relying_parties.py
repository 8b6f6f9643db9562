"""Ordinary relying parties of other projects sign people in against the running suite, with the configuration that our
page hands out: a Python framework, a JavaScript library, a module of a web server.
"""

import json
import re

import httpx
import pytest
from parties import PARTIES, Party
from people import CLAIRE, Person, until
from playwright.sync_api import Page

CLOSED_FROM_OUTSIDE = ["openid-client", "mod_auth_openidc"]
#: Where each signs its people out, here and at the portal.
SIGN_OUT = {
    "mozilla-django-oidc": "oidc/logout/",
    "openid-client": "sign-out",
    "mod_auth_openidc": "oidc?logout={bye}",
}


def open_at(party: Party, page: Page) -> str:
    """Who the relying party says is there."""
    page.goto(party.url)
    page.wait_for_url(lambda url: url.startswith(party.url))
    said = page.locator("body").inner_text()
    assert said.startswith("{"), f"{said}\n{party.said()}"
    return json.loads(said)["email"]


def is_signed_in(party: Party, person: Person) -> bool:
    """Whether a request with the browser's cookies of the relying party, and nothing else, finds somebody."""
    cookies = {each["name"]: each["value"] for each in person.context.cookies(party.url)}
    answer = httpx.get(party.url, cookies=cookies, trust_env=False)
    return answer.status_code == httpx.codes.OK and CLAIRE.identifier in answer.text


@pytest.mark.parametrize("name", PARTIES)
def test_one_sign_in_opens_it_and_the_claims_arrive(running, person, name):
    party, claire = running(name), person(CLAIRE)
    assert open_at(party, claire.page) == CLAIRE.identifier


@pytest.mark.parametrize("name", PARTIES)
def test_who_is_not_signed_in_is_asked_by_the_portal_and_arrives(running, person, name):
    party, claire = running(name), person(CLAIRE, signed_in=False)
    claire.page.goto(party.url)
    claire.answer_sign_in(CLAIRE.password)
    claire.page.wait_for_url(lambda url: url.startswith(party.url))
    assert CLAIRE.identifier in claire.page.locator("body").inner_text()


@pytest.mark.parametrize("name", CLOSED_FROM_OUTSIDE)
def test_signing_out_of_the_portal_closes_it_without_its_browser_doing_anything(running, person, name):
    party, claire = running(name), person(CLAIRE)
    open_at(party, claire.page)
    assert is_signed_in(party, claire)
    claire.open("/o/cabinet-orsel/")
    claire.sign_out()
    until(lambda: not is_signed_in(party, claire), f"the end of the session at {name}")


def test_one_sign_out_closes_them_all(running, person):
    parties, claire = [running(name) for name in CLOSED_FROM_OUTSIDE], person(CLAIRE)
    for party in parties:
        open_at(party, claire.page)
    claire.open("/o/cabinet-orsel/")
    claire.sign_out()
    until(lambda: not any(is_signed_in(party, claire) for party in parties), "the end of all sessions")


def test_a_library_without_a_logout_address_finds_out_when_it_asks_again(running, person):
    """mozilla-django-oidc asks with `prompt=none` when its session is due; here that is every two seconds."""
    party, claire = running("mozilla-django-oidc"), person(CLAIRE)
    open_at(party, claire.page)
    claire.page.wait_for_timeout(2500)
    assert open_at(party, claire.page) == CLAIRE.identifier
    claire.open("/o/cabinet-orsel/")
    claire.sign_out()

    def is_asked_to_sign_in() -> bool:
        claire.page.goto(party.url)
        return bool(re.search(r"/login", claire.page.url))

    until(is_asked_to_sign_in, "the sign-in page")


@pytest.mark.parametrize("name", PARTIES)
def test_signing_out_there_signs_out_of_the_portal_and_comes_back(running, person, name):
    party, claire = running(name), person(CLAIRE)
    open_at(party, claire.page)
    claire.page.goto(party.url + SIGN_OUT[name].format(bye=httpx.URL(party.after_logout)))
    if not claire.page.url.startswith(party.after_logout):
        claire.press("Se déconnecter")
    claire.page.wait_for_url(lambda url: url.startswith(party.after_logout))
    claire.open("/o/cabinet-orsel/")
    claire.page.wait_for_url(re.compile(r"/login"))


def test_openid_client_refreshes(running, person):
    party, claire = running("openid-client"), person(CLAIRE)
    open_at(party, claire.page)
    for _ in range(2):
        claire.page.goto(f"{party.url}refresh")
        assert json.loads(claire.page.locator("body").inner_text()) == {"changed": True}


def test_mod_auth_openidc_refreshes(running, person):
    party, claire = running("mod_auth_openidc"), person(CLAIRE)
    open_at(party, claire.page)

    def access_token() -> str:
        claire.page.goto(f"{party.callback}?info=json")
        return json.loads(claire.page.locator("body").inner_text())["access_token"]

    before = access_token()
    open_at(party, claire.page)
    assert access_token() != before


def test_openid_client_ends_nothing_for_a_token_that_is_not_ours(running, person):
    party, claire = running("openid-client"), person(CLAIRE)
    open_at(party, claire.page)
    answer = httpx.post(party.told_at, data={"logout_token": "eyJhbGciOiJub25lIn0.e30."}, trust_env=False)
    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert is_signed_in(party, claire)
