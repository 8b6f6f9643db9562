"""One product calls another in a person's name (RFC 8693): for whom, with what, and who is said to act."""

import time

import httpx
import pytest
from identity_stage import PUBLIC_URL, Flow, claims_of

from parvis_identity.service import sessions
from parvis_identity.service.token_exchange import ACCESS_TOKEN, EXCHANGE
from parvis_kit.ids import uuid7

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture
async def person(stage):
    return await stage.person()


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.fixture
async def archive(stage):
    return Flow(*await stage.relying_party(name="Archive"))


@pytest.fixture
async def payroll(stage, archive):
    grants = ["authorization_code", "refresh_token", "client_credentials", EXCHANGE]
    party = await stage.relying_party(exchange_audiences=[archive.client.client_id], grant_types=grants)
    return Flow(*party)


@pytest.fixture
async def token(payroll, browser) -> str:
    return (await payroll.exchange(browser, await payroll.code(browser))).json()["access_token"]


async def swap(browser, flow, token: str, audience: Flow | str, **changes: str | None) -> httpx.Response:
    form = {
        "grant_type": EXCHANGE, "subject_token": token, "subject_token_type": ACCESS_TOKEN,
        "audience": audience if isinstance(audience, str) else audience.client.client_id, **changes,
    }  # fmt: skip
    form = {name: value for name, value in form.items() if value is not None}
    return await browser.http.post("/oauth2/token", data=form, auth=(flow.client.client_id, flow.secret))


async def introspect(browser, flow, token: str) -> dict:
    auth = (flow.client.client_id, flow.secret)
    return (await browser.http.post("/oauth2/introspect", data={"token": token}, auth=auth)).json()


async def test_a_token_for_another_product_says_whose_it_is_and_who_acts(browser, payroll, archive, token, person):
    answer = await swap(browser, payroll, token, archive)

    told = answer.json()
    claims = claims_of(told["access_token"])
    assert (told["issued_token_type"], told["token_type"], told["scope"]) == (ACCESS_TOKEN, "Bearer", "profile email")
    assert "refresh_token" not in told
    assert "id_token" not in told
    assert (claims["iss"], claims["sub"], claims["aud"]) == (PUBLIC_URL, str(person.id), archive.client.client_id)
    assert (claims["client_id"], claims["act"]) == (payroll.client.client_id, {"sub": payroll.client.client_id})
    assert answer.headers["cache-control"] == "no-store"


async def test_whom_it_is_for_may_ask_about_it(browser, payroll, archive, token):
    exchanged = (await swap(browser, payroll, token, archive)).json()["access_token"]

    told = await introspect(browser, archive, exchanged)

    assert (told["active"], told["aud"], told["act"]) == (
        True, archive.client.client_id, {"sub": payroll.client.client_id},
    )  # fmt: skip
    assert (await introspect(browser, archive, token)) == {"active": False}


async def test_it_lives_no_longer_than_what_it_was_exchanged_for(stage, browser, payroll, archive, token, monkeypatch):
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 400)

    answer = await swap(browser, payroll, token, archive)
    claims = claims_of(answer.json()["access_token"])

    assert claims["exp"] == claims_of(token)["exp"]
    assert 195 <= answer.json()["expires_in"] <= 200


async def test_it_ends_with_the_session(stage, browser, payroll, archive, token, person):
    exchanged = (await swap(browser, payroll, token, archive)).json()["access_token"]
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)

    assert await introspect(browser, archive, exchanged) == {"active": False}
    assert (await swap(browser, payroll, token, archive)).json()["error"] == "invalid_request"


async def test_the_scope_can_only_become_narrower(browser, payroll, archive, token):
    narrow = (await swap(browser, payroll, token, archive, scope="email")).json()
    wide = (await swap(browser, payroll, token, archive, scope="email phone")).json()
    sign_in = (await swap(browser, payroll, token, archive, scope="openid")).json()

    assert narrow["scope"] == "email"
    assert (wide["error"], sign_in["error"]) == ("invalid_scope", "invalid_scope")


async def test_it_opens_no_userinfo(browser, payroll, archive, token):
    exchanged = (await swap(browser, payroll, token, archive)).json()["access_token"]

    answer = await browser.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {exchanged}"})

    assert answer.status_code == 401


async def test_a_product_exchanges_only_for_audiences_of_its_policy(stage, browser, payroll, archive, token):
    other = Flow(*await stage.relying_party())

    for audience in (other, payroll, "nobody", "https://archive.example/"):
        assert (await swap(browser, payroll, token, audience)).json()["error"] == "invalid_target"
    assert (await swap(browser, payroll, token, "")).json()["error"] == "invalid_request"
    resource = await swap(browser, payroll, token, archive, resource="https://archive.example/")
    assert resource.json()["error"] == "invalid_target"


async def test_a_client_without_the_grant_type_cannot(stage, browser, archive, token):
    client, secret = await stage.relying_party(exchange_audiences=[archive.client.client_id])

    answer = await swap(browser, Flow(client, secret), token, archive)

    assert answer.json()["error"] == "unauthorized_client"


async def test_a_public_client_cannot(stage, browser, archive, token):
    client, _ = await stage.relying_party(
        exchange_audiences=[archive.client.client_id], grant_types=[EXCHANGE], token_endpoint_auth_method="none"
    )
    form = {
        "grant_type": EXCHANGE, "client_id": client.client_id, "subject_token": token,
        "subject_token_type": ACCESS_TOKEN, "audience": archive.client.client_id,
    }  # fmt: skip

    assert (await browser.http.post("/oauth2/token", data=form)).json()["error"] == "unauthorized_client"


async def test_a_token_that_a_product_came_by_is_worth_nothing_to_it(stage, browser, payroll, archive):
    other = Flow(*await stage.relying_party())
    theirs = (await other.exchange(browser, await other.code(browser))).json()["access_token"]

    assert (await swap(browser, payroll, theirs, archive)).json()["error"] == "invalid_request"


async def test_whom_a_token_is_for_may_exchange_it_and_the_chain_is_told(stage, browser, payroll, archive, token):
    third = Flow(*await stage.relying_party())
    exchanged = (await swap(browser, payroll, token, archive)).json()["access_token"]
    await stage.run(
        "UPDATE clients SET grant_types = grant_types || :g, exchange_audiences = :a WHERE client_id = :c",
        g=[EXCHANGE], a=[third.client.client_id, archive.client.client_id], c=archive.client.client_id,
    )  # fmt: skip
    stage.clients._known.clear()

    further = (await swap(browser, archive, exchanged, third)).json()["access_token"]

    assert claims_of(further)["act"] == {
        "sub": archive.client.client_id, "act": {"sub": payroll.client.client_id},
    }  # fmt: skip
    deep = exchanged
    for _ in range(3):
        deep = (await swap(browser, archive, deep, archive)).json()["access_token"]
    assert (await swap(browser, archive, deep, archive)).json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    "changes",
    [
        {"subject_token": None}, {"subject_token": ""}, {"subject_token": "a.b.c"}, {"subject_token_type": None},
        {"subject_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"actor_token": "x", "actor_token_type": ACCESS_TOKEN}, {"actor_token_type": ACCESS_TOKEN},
    ],
)  # fmt: skip
async def test_a_malformed_request_is_refused(browser, payroll, archive, token, changes):
    answer = await swap(browser, payroll, token, archive, **changes)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_an_id_token_and_a_refresh_token_are_not_exchanged(browser, payroll, archive):
    tokens = (await payroll.exchange(browser, await payroll.code(browser))).json()

    for name in ("id_token", "refresh_token"):
        assert (await swap(browser, payroll, tokens[name], archive)).json()["error"] == "invalid_request"


async def test_a_token_of_the_client_itself_speaks_for_nobody(browser, payroll, archive):
    auth = (payroll.client.client_id, payroll.secret)
    own = (await browser.http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=auth)).json()

    assert (await swap(browser, payroll, own["access_token"], archive)).json()["error"] == "invalid_request"


async def test_a_token_of_the_client_itself_says_who_acts(browser, payroll, archive, token):
    auth = (payroll.client.client_id, payroll.secret)
    own = (await browser.http.post("/oauth2/token", data={"grant_type": "client_credentials"}, auth=auth)).json()

    answer = await swap(
        browser, payroll, token, archive, actor_token=own["access_token"], actor_token_type=ACCESS_TOKEN
    )

    assert claims_of(answer.json()["access_token"])["act"] == {"sub": payroll.client.client_id}


async def test_a_token_that_was_given_back_is_not_exchanged(browser, payroll, archive, token):
    auth = (payroll.client.client_id, payroll.secret)
    await browser.http.post("/oauth2/revoke", data={"token": token}, auth=auth)

    assert (await swap(browser, payroll, token, archive)).json()["error"] == "invalid_request"


async def test_the_audience_must_be_the_persons_to_use(stage, browser, person, payroll, archive, token):
    await stage.run("UPDATE clients SET product_id = :p WHERE client_id = :c", p=uuid7(), c=archive.client.client_id)
    stage.clients._known.clear()
    refused = await swap(browser, payroll, token, archive)
    stage.town.products[person.id, archive.client.client_id] = [stage.town.found("durand", "Cabinet Durand")]
    given = await swap(browser, payroll, token, archive)

    assert refused.json()["error"] == "invalid_target"
    assert given.status_code == 200


async def test_a_pairwise_audience_knows_the_person_by_its_own_name(stage, browser, person, payroll, archive, token):
    await stage.run("UPDATE clients SET subject_type = 'pairwise' WHERE client_id = :c", c=archive.client.client_id)
    stage.clients._known.clear()

    exchanged = (await swap(browser, payroll, token, archive)).json()["access_token"]
    theirs = (await archive.exchange(browser, await archive.code(browser))).json()["id_token"]

    assert claims_of(exchanged)["sub"] == claims_of(theirs)["sub"] != str(person.id)


async def test_an_exchange_is_audited(stage, browser, payroll, archive, token):
    before = await stage.audited("token.exchanged")

    await swap(browser, payroll, token, archive)

    assert await stage.audited("token.exchanged") == before + 1


async def test_discovery_names_the_grant_type(browser):
    assert EXCHANGE in (await browser.get("/.well-known/openid-configuration")).json()["grant_types_supported"]
