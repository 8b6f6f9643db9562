"""Signing out here signs out at the firm's provider, and signing out there signs out here."""

import time
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from identity_stage import make_stage
from oidc_directory import OTHER, directory_running
from sso_parts import provider_of, sign_in

from parvis_identity.service import sessions
from parvis_kit.ids import uuid7

EVENT = "http://schemas.openid.net/event/backchannel-logout"


@pytest.fixture(scope="module")
async def stage(database):
    return await make_stage(database, private_networks="127.0.0.0/8")


@pytest.fixture(scope="module")
async def running():
    async with directory_running() as made:
        yield made


@pytest.fixture
def directory(running):
    running.forget()
    running.person |= {"sub": f"u-{uuid7()}", "email": f"{uuid7()}@cabinet.example"}
    running.sid = f"s-{uuid7()}"
    return running


@pytest.fixture
async def provider(stage, directory):
    firm = stage.town.found("roche", "Cabinet Roche")
    return await provider_of(stage, firm, directory)


async def is_signed_in(stage, browser) -> bool:
    async with stage.unit() as unit:
        return await sessions.signed_in(unit, browser.http.cookies.get(stage.site.cookies.session, "")) is not None


async def test_a_sign_out_goes_on_to_the_provider_and_comes_back(stage, provider, directory):
    browser = stage.browser()
    await sign_in(browser, provider, directory)

    left = (await browser.submit("/oauth2/logout")).headers["location"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(left).query).items()}
    back = await browser.get(f"{asked['post_logout_redirect_uri']}?state={asked['state']}")

    assert left.startswith(f"{directory.url}/logout?")
    assert asked["post_logout_redirect_uri"] == f"http://localhost:8600/sso/{provider.id}/logout"
    assert asked["id_token_hint"].count(".") == 2
    assert back.headers["location"] == "/signed-out"
    assert not await is_signed_in(stage, browser)


async def test_whoever_comes_back_twice_is_led_nowhere_else(stage, provider, directory):
    browser = stage.browser()
    await sign_in(browser, provider, directory)
    left = (await browser.submit("/oauth2/logout", post_logout_redirect_uri="https://attacker.example")).headers
    state = parse_qs(urlsplit(left["location"]).query)["state"][0] if "location" in left else ""

    for _ in range(2):
        back = await browser.get(f"/sso/{provider.id}/logout?state={state}")
        assert back.headers["location"] == "/signed-out"


async def test_a_firm_that_does_not_want_it_is_not_told(stage, provider, directory):
    await stage.run("UPDATE sso_providers SET forwards_logout = false WHERE id = :id", id=provider.id)
    browser = stage.browser()
    await sign_in(browser, provider, directory)

    assert (await browser.submit("/oauth2/logout")).headers["location"] == "/signed-out"


def told(directory, **changes) -> str:
    now = int(time.time())
    claims = {
        "iss": directory.url, "aud": directory.client_id, "iat": now, "exp": now + 60, "jti": str(uuid7()),
        "events": {EVENT: {}}, "sub": directory.person["sub"], "sid": directory.sid, **changes,
    }  # fmt: skip
    return directory.signed({name: value for name, value in claims.items() if value is not None}, typ="logout+jwt")


async def post(stage, provider, token: str):
    return await stage.browser().http.post(f"/sso/{provider.id}/logout", data={"logout_token": token})


async def test_whoever_signs_out_there_is_signed_out_here(stage, provider, directory):
    browser = stage.browser()
    await sign_in(browser, provider, directory)

    answer = await post(stage, provider, told(directory))

    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert not await is_signed_in(stage, browser)


async def test_another_session_there_is_another_session_here(stage, provider, directory):
    browser = stage.browser()
    await sign_in(browser, provider, directory)

    await post(stage, provider, told(directory, sid="another"))

    assert await is_signed_in(stage, browser)


async def test_without_a_session_all_of_the_person_end(stage, provider, directory):
    browsers = [stage.browser() for _ in range(2)]
    for number, browser in enumerate(browsers):
        directory.sid = f"s-{number}"
        await sign_in(browser, provider, directory)

    await post(stage, provider, told(directory, sid=None))

    assert [await is_signed_in(stage, browser) for browser in browsers] == [False, False]


ATTACKS: dict[str, tuple[str, Callable]] = {
    "of another issuer": ("issuer_wrong", lambda it: told(it, iss="https://attacker.example")),
    "for another client": ("audience_wrong", lambda it: told(it, aud="another")),
    "that is an ID token": ("logout_event_missing", lambda it: told(it, events=None)),
    "with a nonce": ("logout_nonce", lambda it: told(it, nonce="n")),
    "of yesterday": ("token_expired", lambda it: told(it, iat=int(time.time()) - 86400, exp=None)),
    "that has expired": ("token_expired", lambda it: told(it, exp=int(time.time()) - 600)),
    "about nobody": ("subject_missing", lambda it: told(it, sub=None, sid=None)),
    "without an identifier": ("logout_repeated", lambda it: told(it, jti=None)),
    "that is no token": ("token_malformed", lambda it: "no-token"),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_logout_token_is_refused(stage, provider, directory, name):
    check, token = ATTACKS[name]
    browser = stage.browser()
    await sign_in(browser, provider, directory)

    answer = await post(stage, provider, token(directory))

    assert (answer.status_code, answer.json()["error_description"]) == (400, check)
    assert await is_signed_in(stage, browser)


async def test_a_logout_token_of_somebody_else_is_refused(stage, provider, directory):
    browser = stage.browser()
    await sign_in(browser, provider, directory)
    directory.key = OTHER

    answer = await post(stage, provider, told(directory))

    assert answer.json()["error_description"] == "key_unknown"
    assert await is_signed_in(stage, browser)


async def test_a_logout_token_counts_once(stage, provider, directory):
    token = told(directory)

    assert [(await post(stage, provider, token)).status_code for _ in range(2)] == [200, 400]
