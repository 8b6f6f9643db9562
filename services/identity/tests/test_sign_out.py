"""Signing out because an application asks for it: the rules of RP-Initiated Logout 1.0, one by one."""

import httpx
import pytest
from identity_stage import PUBLIC_URL, Flow, answer_of, read
from joserfc import jwt
from joserfc.jwk import ECKey

from parvis_identity.service import sessions

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
BACK = "https://paie.example/"


@pytest.fixture(scope="module")
async def person(stage):
    return await stage.person(mail="depart@cabinet.example")


@pytest.fixture(scope="module")
async def party(stage):
    return await stage.relying_party()


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.fixture
async def flow(party):
    return Flow(*party)


@pytest.fixture
async def hint(flow, browser) -> str:
    return (await flow.exchange(browser, await flow.code(browser))).json()["id_token"]


async def leave(browser, **asked: str) -> httpx.Response:
    return await browser.get("/oauth2/logout", params=asked)


async def is_in(browser, flow) -> bool:
    return "code" in answer_of(await flow.authorize(browser, prompt="none"))


async def test_discovery_names_the_address(browser):
    document = (await browser.get("/.well-known/openid-configuration")).json()

    assert document["end_session_endpoint"] == f"{PUBLIC_URL}/oauth2/logout"


async def test_with_a_hint_one_is_signed_out_and_sent_back_with_the_state(browser, flow, hint):
    answer = await leave(browser, id_token_hint=hint, post_logout_redirect_uri=BACK, state="é s&")

    assert httpx.URL(answer.headers["location"]).params["state"] == "é s&"
    assert not await is_in(browser, flow)


async def test_without_a_state_none_comes_back(browser, hint):
    assert (await leave(browser, id_token_hint=hint, post_logout_redirect_uri=BACK)).headers["location"] == BACK


@pytest.mark.parametrize(
    "address", ["https://paie.example/?a=1", "https://paie.example/x", "https://attacker.example/"]
)
async def test_an_address_that_is_not_registered_is_not_gone_to(browser, flow, hint, address):
    answer = await leave(browser, id_token_hint=hint, post_logout_redirect_uri=address)

    assert (answer.status_code, "location" in answer.headers) == (400, False)
    assert "vers une adresse qui n'est pas déclarée" in read(answer)
    assert not await is_in(browser, flow)


async def test_without_an_address_the_page_is_ours(browser, flow, hint):
    answer = await leave(browser, id_token_hint=hint)

    assert answer.headers["location"] == "/signed-out"
    assert "Vous êtes déconnecté" in read(await browser.get("/signed-out"))
    assert not await is_in(browser, flow)


@pytest.mark.parametrize(
    "asked", [{}, {"state": "x"}, {"post_logout_redirect_uri": BACK}], ids=["no-params", "only-state", "no-hint"]
)
async def test_without_a_hint_the_person_is_asked_and_then_stays_here(browser, flow, asked):
    question = await leave(browser, **asked)
    assert "Se déconnecter" in read(question)
    assert await is_in(browser, flow)

    answer = await browser.submit(str(question.url))

    assert answer.headers["location"] == "/signed-out"
    assert not await is_in(browser, flow)


async def test_an_application_that_names_itself_gets_the_person_back_once_they_agreed(browser, flow, party):
    question = await leave(browser, client_id=party[0].client_id, post_logout_redirect_uri=BACK, state="s")
    assert await is_in(browser, flow)

    answer = await browser.submit(str(question.url))

    assert answer.headers["location"] == f"{BACK}?state=s"


async def test_a_hint_that_was_changed_is_refused(browser, flow, hint):
    head, body, signature = hint.split(".")
    unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"

    for changed in (f"{unsigned}.{body}.", f"{unsigned}.{body}.{signature}", f"{head}.{body}.AAAA", "x", ""):
        assert (await leave(browser, id_token_hint=changed, post_logout_redirect_uri=BACK)).status_code == 400
    assert await is_in(browser, flow)


async def test_a_hint_that_somebody_else_signed_is_refused(browser, flow, hint):
    claims = {"iss": PUBLIC_URL, "aud": flow.client.client_id, "sid": "x", "sub": "y"}
    forged = jwt.encode({"alg": "ES256", "typ": "JWT"}, claims, ECKey.generate_key("P-256"))

    assert (await leave(browser, id_token_hint=forged)).status_code == 400
    assert await is_in(browser, flow)


async def test_a_hint_of_another_application_is_refused(browser, flow, hint):
    assert (await leave(browser, id_token_hint=hint, client_id="somebody-else")).status_code == 400
    assert await is_in(browser, flow)


async def test_a_hint_of_an_older_session_asks_first(stage, browser, flow, person, hint):
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)
    await browser.sign_in(person.mail)

    assert "Se déconnecter" in read(await leave(browser, id_token_hint=hint))
    assert await is_in(browser, flow)


async def test_a_hint_ends_its_session_from_a_browser_without_cookies_too(stage, browser, flow, hint):
    answer = await leave(stage.browser(), id_token_hint=hint, post_logout_redirect_uri=BACK)

    assert answer.headers["location"] == BACK
    assert not await is_in(browser, flow)


async def test_a_hint_of_a_pairwise_client_ends_its_session(stage, browser):
    flow = Flow(*await stage.relying_party(subject_type="pairwise"))
    hint = (await flow.exchange(browser, await flow.code(browser))).json()["id_token"]

    await leave(stage.browser(), id_token_hint=hint)

    assert not await is_in(browser, flow)


async def test_a_second_time_is_as_good(browser, hint):
    await leave(browser, id_token_hint=hint, post_logout_redirect_uri=BACK)

    assert (await leave(browser, id_token_hint=hint, post_logout_redirect_uri=BACK)).headers["location"] == BACK


async def test_a_request_by_post_from_another_site_is_asked_again_with_cookies(stage, browser, flow):
    stranger = stage.browser()

    answer = await stranger.http.post("/oauth2/logout", data={"post_logout_redirect_uri": BACK, "state": "é"})

    assert answer.headers["location"].startswith("/oauth2/logout?")
    assert "Se déconnecter" in read(await browser.get(answer.headers["location"]))


async def test_a_confirmation_that_another_site_sends_is_refused(browser, flow):
    answer = await browser.http.post(
        "/oauth2/logout", data={"csrf": "x" * 43}, headers={"Origin": "https://attacker.example"}
    )

    assert answer.status_code == 403
    assert await is_in(browser, flow)


async def test_the_portal_is_told_that_the_session_ended(stage, browser, hint):
    before = len(await stage.events("SessionEnded"))

    await leave(browser, id_token_hint=hint)

    assert len(await stage.events("SessionEnded")) == before + 1
