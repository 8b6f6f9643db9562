"""Clients ask about tokens (RFC 7662) and give them back (RFC 7009)."""

import httpx
import pytest
from identity_stage import PUBLIC_URL, Flow, claims_of

from parvis_identity.service import sessions
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
UNKNOWN = {"active": False}


@pytest.fixture(scope="module")
async def person(stage):
    return await stage.person(mail="jetons@cabinet.example")


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.fixture
async def flow(stage):
    return Flow(*await stage.relying_party())


@pytest.fixture
async def tokens(flow, browser) -> dict:
    return (await flow.exchange(browser, await flow.code(browser))).json()


async def ask(browser, flow, token: str, **more: str) -> httpx.Response:
    auth = (flow.client.client_id, flow.secret)
    return await browser.http.post("/oauth2/introspect", data={"token": token, **more}, auth=auth)


async def give_back(browser, flow, token: str, **more: str) -> httpx.Response:
    auth = (flow.client.client_id, flow.secret)
    return await browser.http.post("/oauth2/revoke", data={"token": token, **more}, auth=auth)


async def userinfo(browser, tokens) -> int:
    answer = await browser.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    return answer.status_code


async def test_an_access_token_says_whose_it_is_and_for_what(browser, flow, tokens, person):
    answer = await ask(browser, flow, tokens["access_token"])

    told = answer.json()
    claims = claims_of(tokens["access_token"])
    assert (told["active"], told["token_type"], told["iss"], told["sub"]) == (
        True,
        "Bearer",
        PUBLIC_URL,
        str(person.id),
    )
    assert (told["client_id"], told["exp"], told["jti"]) == (flow.client.client_id, claims["exp"], claims["jti"])
    assert told["scope"] == "openid profile email"
    assert "grant" not in told
    assert answer.headers["cache-control"] == "no-store"


async def test_a_refresh_token_is_told_to_its_client(browser, flow, tokens, person):
    told = (await ask(browser, flow, tokens["refresh_token"], token_type_hint="access_token")).json()

    assert (told["active"], told["sub"], told["client_id"]) == (True, str(person.id), flow.client.client_id)
    assert told["exp"] > told["iat"]


async def test_a_client_sees_no_token_of_another(stage, browser, tokens):
    other = Flow(*await stage.relying_party())

    assert (await ask(browser, other, tokens["access_token"])).json() == UNKNOWN
    assert (await ask(browser, other, tokens["refresh_token"])).json() == UNKNOWN


async def test_whom_a_token_is_for_sees_it(stage, browser, flow, tokens, monkeypatch):
    interface = Flow(*await stage.relying_party())
    read = stage.tokens.read_access
    monkeypatch.setattr(
        stage.tokens, "read_access", lambda token: {**read(token), "aud": ["x", interface.client.client_id]}
    )

    assert (await ask(browser, interface, tokens["access_token"])).json()["active"]


async def test_an_id_token_is_no_token_to_ask_about(browser, flow, tokens):
    assert (await ask(browser, flow, tokens["id_token"])).json() == UNKNOWN


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "." * 2, "x" * 8000])
async def test_what_is_no_token_of_ours_is_not_active(browser, flow, token):
    assert (await ask(browser, flow, token)).json() == UNKNOWN


@pytest.mark.parametrize("data", [{}, {"token": ""}, {"token": "x" * 8001}])
@pytest.mark.parametrize("path", ["introspect", "revoke"])
async def test_without_a_token_the_request_is_refused(browser, flow, path, data):
    answer = await browser.http.post(f"/oauth2/{path}", data=data, auth=(flow.client.client_id, flow.secret))

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", ["introspect", "revoke"])
async def test_who_does_not_prove_who_it_is_learns_nothing(browser, flow, tokens, path):
    for auth in (None, (flow.client.client_id, "wrong"), ("nobody", "x")):
        answer = await browser.http.post(f"/oauth2/{path}", data={"token": tokens["access_token"]}, auth=auth)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert await userinfo(browser, tokens) == 200


async def test_a_public_client_may_give_back_its_tokens_and_not_ask_about_them(stage, browser):
    client, _ = await stage.relying_party(token_endpoint_auth_method="none", secret_digest=b"")
    flow = Flow(client, "")
    form = {
        "grant_type": "authorization_code", "code": await flow.code(browser), "client_id": client.client_id,
        "redirect_uri": client.redirect_uris[0], "code_verifier": flow.verifier,
    }  # fmt: skip
    tokens = (await browser.http.post("/oauth2/token", data=form)).json()
    mine = {"client_id": client.client_id, "token": tokens["access_token"]}

    asked = await browser.http.post("/oauth2/introspect", data=mine)
    given = await browser.http.post("/oauth2/revoke", data=mine)

    assert asked.status_code == 401
    assert given.status_code == 200
    assert await userinfo(browser, tokens) == 401


async def test_a_session_that_ended_makes_its_tokens_inactive(stage, browser, flow, tokens, person):
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)

    assert (await ask(browser, flow, tokens["access_token"])).json() == UNKNOWN
    assert (await ask(browser, flow, tokens["refresh_token"])).json() == UNKNOWN


async def test_a_used_refresh_token_is_inactive(browser, flow, tokens):
    await flow.refresh(browser, tokens["refresh_token"])

    assert (await ask(browser, flow, tokens["refresh_token"])).json() == UNKNOWN


async def test_an_expired_token_is_inactive(browser, flow, tokens, monkeypatch):
    import time

    now = time.time()
    monkeypatch.setattr("parvis_identity.service.tokens.time.time", lambda: now + 700)

    assert (await ask(browser, flow, tokens["access_token"])).json() == UNKNOWN


async def test_a_token_of_the_client_itself_is_told_until_it_is_given_back(browser, flow):
    form = {"grant_type": "client_credentials"}
    auth = (flow.client.client_id, flow.secret)
    token = (await browser.http.post("/oauth2/token", data=form, auth=auth)).json()["access_token"]

    assert (await ask(browser, flow, token)).json()["sub"] == flow.client.client_id
    assert (await give_back(browser, flow, token)).status_code == 200
    assert (await ask(browser, flow, token)).json() == UNKNOWN


async def test_a_closed_client_has_no_token_that_counts(stage, browser, flow, monkeypatch):
    auth = (flow.client.client_id, flow.secret)
    token = (await browser.http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=auth)).json()
    interface = Flow(*await stage.relying_party())
    read = stage.tokens.read_access
    monkeypatch.setattr(stage.tokens, "read_access", lambda token: {**read(token), "aud": interface.client.client_id})
    before = (await ask(browser, interface, token["access_token"])).json()["active"]

    await stage.run("UPDATE clients SET closed_at = now() WHERE client_id = :id", id=flow.client.client_id)
    stage.clients.forget(flow.client.client_id)

    assert (before, (await ask(browser, interface, token["access_token"])).json()) == (True, UNKNOWN)


async def test_an_access_token_is_revoked_alone(browser, flow, tokens):
    answer = await give_back(browser, flow, tokens["access_token"], token_type_hint="refresh_token")

    assert (answer.status_code, answer.content) == (200, b"")
    assert await userinfo(browser, tokens) == 401
    assert (await ask(browser, flow, tokens["access_token"])).json() == UNKNOWN
    fresh = (await flow.refresh(browser, tokens["refresh_token"])).json()
    assert await userinfo(browser, fresh) == 200


async def test_a_refresh_token_is_revoked_with_its_family(stage, browser, flow, tokens):
    fresh = (await flow.refresh(browser, tokens["refresh_token"])).json()
    before = await stage.audited("token.revoked")

    await give_back(browser, flow, fresh["refresh_token"])

    assert (await flow.refresh(browser, fresh["refresh_token"])).json()["error"] == "invalid_grant"
    assert [await userinfo(browser, each) for each in (tokens, fresh)] == [401, 401]
    assert await stage.audited("token.revoked") == before + 1


async def test_the_family_ends_by_a_refresh_token_that_was_replaced_too(browser, flow, tokens):
    fresh = (await flow.refresh(browser, tokens["refresh_token"])).json()

    await give_back(browser, flow, tokens["refresh_token"])

    assert await userinfo(browser, fresh) == 401


async def test_giving_back_twice_or_what_is_unknown_is_no_error(browser, flow, tokens):
    for token in (tokens["access_token"], tokens["access_token"], str(uuid7()), "a.b.c", tokens["refresh_token"]):
        assert (await give_back(browser, flow, token)).status_code == 200
    assert (await give_back(browser, flow, tokens["refresh_token"])).status_code == 200


async def test_nobody_revokes_a_token_of_another_client(stage, browser, flow, tokens):
    other = Flow(*await stage.relying_party())

    for name in ("access_token", "refresh_token"):
        answer = await give_back(browser, other, tokens[name])
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert await userinfo(browser, tokens) == 200
    assert (await flow.refresh(browser, tokens["refresh_token"])).status_code == 200
