import asyncio

import httpx
import pytest
from identity_stage import PASSWORD, PUBLIC_URL, Flow, answer_of, claims_of, read
from joserfc import jwt
from joserfc.jwk import KeySet

from parvis_identity.service import clients
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture(scope="module")
async def person(stage):
    return await stage.person(mail="anne.roche@cabinet.example")


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.fixture(scope="module")
async def party(stage):
    return await stage.relying_party()


async def test_a_product_opens_after_signing_in_once(stage, person, party):
    browser, flow = stage.browser(), Flow(*party)

    asked = await flow.authorize(browser)
    assert asked.headers["location"].startswith("/login?next=")
    signed_in = await browser.sign_in(person.mail, at=asked.headers["location"])
    back = await browser.get(signed_in.headers["location"])
    answer = answer_of(back)
    tokens = (await flow.exchange(browser, answer["code"])).json()
    again = await flow.authorize(browser)

    assert answer["state"] == "s-123"
    assert answer["iss"] == PUBLIC_URL
    assert tokens["token_type"] == "Bearer"
    assert tokens["refresh_token"]
    claims = claims_of(tokens["id_token"])
    assert (claims["sub"], claims["aud"], claims["iss"], claims["nonce"]) == (
        str(person.id), party[0].client_id, PUBLIC_URL, "n-456",
    )  # fmt: skip
    assert (claims["name"], claims["email"], claims["locale"]) == ("Anne Roche", person.mail, "fr")
    assert claims["amr"] == ["pwd"]
    assert answer_of(again)["code"]


async def test_an_id_token_verifies_with_the_published_keys(browser, party):
    flow = Flow(*party)
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    configuration = (await browser.get("/.well-known/openid-configuration")).json()
    keys = KeySet.import_key_set((await browser.get(configuration["jwks_uri"])).json())

    read = jwt.decode(tokens["id_token"], keys, algorithms=["ES256"])

    assert read.header["alg"] == "ES256"
    assert configuration["issuer"] == PUBLIC_URL


async def test_userinfo_says_what_the_scope_allows(browser, party, person):
    flow = Flow(*party, extra={"scope": "openid email"})
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()

    answer = await browser.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})

    assert answer.json() == {"sub": str(person.id), "email": person.mail, "email_verified": True}


async def test_a_code_works_once_and_its_second_use_revokes_what_it_gave(browser, party, stage):
    flow = Flow(*party)
    code = await flow.code(browser)
    tokens = (await flow.exchange(browser, code)).json()

    second = await flow.exchange(browser, code)
    refreshed = await flow.refresh(browser, tokens["refresh_token"])
    seen = await browser.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})

    assert (second.status_code, second.json()["error"]) == (400, "invalid_grant")
    assert refreshed.json()["error"] == "invalid_grant"
    assert seen.status_code == 401
    assert await stage.audited("grant.reused") >= 1


async def test_of_ten_uses_of_a_code_at_once_one_succeeds(browser, party):
    flow = Flow(*party)
    code = await flow.code(browser)

    answers = await asyncio.gather(*(flow.exchange(browser, code) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [200, *[400] * 9]


async def test_a_refresh_token_is_replaced_and_its_second_use_revokes_the_family(browser, party, stage):
    flow = Flow(*party)
    first = (await flow.exchange(browser, await flow.code(browser))).json()
    second = (await flow.refresh(browser, first["refresh_token"])).json()
    await stage.run("UPDATE refresh_tokens SET replaced_at = replaced_at - interval '10 seconds'")

    reused = await flow.refresh(browser, first["refresh_token"])
    after = await flow.refresh(browser, second["refresh_token"])

    assert second["refresh_token"] != first["refresh_token"]
    assert claims_of(second["id_token"])["sub"]
    assert reused.json()["error"] == "invalid_grant"
    assert after.json()["error"] == "invalid_grant"


async def test_the_refresh_token_of_the_gateway_stays(browser, stage):
    async with stage.unit() as unit:
        web = await stage.clients.find(unit, "web")
    flow = Flow(web, "web-secret-of-the-tests")
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()

    answers = [await flow.refresh(browser, tokens["refresh_token"]) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "refresh_token" not in answers[0].json()


async def test_a_refresh_token_ends_with_its_session(browser, party):
    flow = Flow(*party)
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    await browser.get("/oauth2/logout", params={"id_token_hint": tokens["id_token"]})

    answer = await flow.refresh(browser, tokens["refresh_token"])

    assert answer.json()["error"] == "invalid_grant"


async def test_client_credentials_speak_for_the_client_itself(browser, party):
    form = {"grant_type": "client_credentials"}

    answer = await browser.http.post("/oauth2/token", data=form, auth=(party[0].client_id, party[1]))

    assert claims_of(answer.json()["access_token"])["sub"] == party[0].client_id
    assert "refresh_token" not in answer.json()


@pytest.mark.parametrize("subject_type", ["public", "pairwise"])
async def test_a_token_for_the_client_itself_says_whether_its_subjects_are_its_own(stage, browser, subject_type):
    client, secret = await stage.relying_party(subject_type=subject_type)

    answer = await browser.http.post(
        "/oauth2/token", data={"grant_type": "client_credentials"}, auth=(client.client_id, secret)
    )

    said = claims_of(answer.json()["access_token"]).get("subject_type", "public")
    assert said == subject_type


async def test_client_credentials_of_a_client_that_is_known_need_no_database(browser, party, monkeypatch):
    form, basic = {"grant_type": "client_credentials"}, (party[0].client_id, party[1])
    first = await browser.http.post("/oauth2/token", data=form, auth=basic)
    monkeypatch.setattr(clients, "_FRESH", 60.0)
    browser.stage.clients.forget(party[0].client_id)
    await browser.http.post("/oauth2/token", data=form, auth=basic)
    monkeypatch.setattr(Database, "begin", None)

    again = await browser.http.post("/oauth2/token", data=form, auth=basic)

    assert (first.status_code, again.status_code) == (200, 200)
    assert {**first.json(), "access_token": ""} == {**again.json(), "access_token": ""}
    for name in ("cache-control", "pragma", "content-type"):
        assert first.headers[name] == again.headers[name]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"request": "x"}, "invalid_request_object"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"nonce": "é"}, "invalid_request"),
    ],
)
async def test_a_bad_request_of_a_known_client_is_answered_to_it(browser, party, changes, error):
    answer = answer_of(await Flow(*party).authorize(browser, **changes))

    assert (answer["error"], answer["state"], answer["iss"]) == (error, "s-123", PUBLIC_URL)


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "https://paie.example/retour/autre"},
        {"redirect_uri": "https://attacker.example/"},
        {"redirect_uri": 'https://paie.example/"retour'},
        {"redirect_uri": "https://paie.example/é"},
        {"redirect_uri": None},
        {"client_id": "nobody"},
        {"client_id": "é\x00"},
        {"client_id": None},
        {"response_type": 'co"de'},
    ],
)
async def test_nobody_is_sent_to_an_address_that_is_not_registered(browser, party, changes):
    answer = await Flow(*party).authorize(browser, **changes)

    assert answer.status_code == 400
    assert "location" not in answer.headers


async def test_a_repeated_parameter_is_refused(browser, party):
    query = httpx.QueryParams([*Flow(*party).parameters.items(), ("state", "other")])

    answer = await browser.get(f"/oauth2/authorize?{query}")

    assert answer.status_code == 400


async def test_prompt_none_without_a_session_says_login_required(stage, party):
    answer = answer_of(await Flow(*party).authorize(stage.browser(), prompt="none"))

    assert answer["error"] == "login_required"


async def test_prompt_login_asks_again_once(browser, party, person):
    flow = Flow(*party)
    asked = await flow.authorize(browser, prompt="login")

    signed_in = await browser.sign_in(person.mail, at=asked.headers["location"])
    back = await browser.get(signed_in.headers["location"])

    assert asked.headers["location"].startswith("/login?next=")
    assert answer_of(back)["code"]


async def test_max_age_zero_asks_again_once(browser, party, person):
    flow = Flow(*party)
    asked = await flow.authorize(browser, max_age="0")

    signed_in = await browser.sign_in(person.mail, at=asked.headers["location"])
    back = await browser.get(signed_in.headers["location"])

    assert answer_of(back)["code"]


async def test_the_login_page_keeps_the_hint(stage, party):
    browser = stage.browser()
    asked = await Flow(*party).authorize(browser, login_hint="anne@exemple.fr")

    page = await browser.get(asked.headers["location"])

    assert 'value="anne@exemple.fr"' in read(page)


async def test_the_login_page_lets_its_form_end_at_the_client(stage, party):
    browser = stage.browser()
    asked = await Flow(*party).authorize(browser)

    page = await browser.get(asked.headers["location"])

    assert "form-action 'self' https://paie.example;" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "authorization_code", "code": "nothing"}, 400, "invalid_grant"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "é"}, 400, "invalid_grant"),
        ({"grant_type": 'pass"word'}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({}, 400, "invalid_request"),
        ({"grant_type": "client_credentials", "client_secret": "twice"}, 400, "invalid_request"),
        ({"grant_type": "client_credentials", "client_id": "other"}, 400, "invalid_request"),
    ],
)
async def test_a_bad_token_request_is_answered_in_the_protocols_form(browser, party, form, status, error):
    answer = await browser.http.post("/oauth2/token", data=form, auth=(party[0].client_id, party[1]))

    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic !!!", "Basic /w==", "Basic d2ViOndyb25n", "Basic OnNlY3JldA==", "Bearer x"],
)
async def test_a_client_that_cannot_be_authenticated_is_told_so(browser, header):
    form = {"grant_type": "client_credentials"}

    answer = await browser.http.post("/oauth2/token", data=form, headers={"Authorization": header})

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{}", "application/json"),
        (b"a=\xff", "application/x-www-form-urlencoded"),
        (b"a=%ff", "application/x-www-form-urlencoded"),
        (b"a=1&a=2", "application/x-www-form-urlencoded"),
        (b"a=" + b"x" * 40_000, "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % i for i in range(200)), "application/x-www-form-urlencoded"),
    ],
)
async def test_a_malformed_body_is_an_invalid_request(browser, content, kind):
    answer = await browser.http.post("/oauth2/token", content=content, headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_a_code_of_another_client_is_worth_nothing(browser, party, stage):
    other = await stage.relying_party()
    code = await Flow(*party).code(browser)

    answer = await Flow(*other).exchange(browser, code)

    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "changes",
    [{"code_verifier": "x" * 43}, {"code_verifier": ""}, {"redirect_uri": "https://paie.example/"}],
)
async def test_a_code_needs_its_verifier_and_its_address(browser, party, changes):
    flow = Flow(*party)

    answer = await flow.exchange(browser, await flow.code(browser), **changes)

    assert answer.json()["error"] in {"invalid_grant", "invalid_request"}


async def test_an_expired_code_is_worth_nothing(browser, party, stage):
    flow = Flow(*party)
    code = await flow.code(browser)
    await stage.run("UPDATE authorization_codes SET expires_at = now() - interval '1 second' WHERE used_at IS NULL")

    assert (await flow.exchange(browser, code)).json()["error"] == "invalid_grant"


async def test_a_product_is_told_for_which_organisation_it_was_launched(browser, person, stage):
    party = await stage.relying_party(product_id=uuid7())
    durand, petit = stage.town.found("durand", "Cabinet Durand"), stage.town.found("petit", "Cabinet Petit")
    stage.town.products[person.id, party[0].client_id] = [durand, petit]
    flow = Flow(*party, extra={"organisation": "petit"})

    tokens = (await flow.exchange(browser, await flow.code(browser))).json()

    claims = claims_of(tokens["id_token"])
    assert (claims["org_id"], claims["org_name"], claims["org_slug"]) == (str(petit.id), "Cabinet Petit", "petit")


async def test_a_product_that_is_not_assigned_says_who_can(browser, stage):
    party = await stage.relying_party(product_id=uuid7())
    stage.town.found("durand", "Cabinet Durand")

    answer = await Flow(*party).authorize(browser, organisation="durand")

    assert answer.status_code == 403
    assert "Paie ne vous est pas attribué" in read(answer)
    assert "Anne Roche" in read(answer)


async def test_who_may_assign_a_product_is_sent_to_do_so(browser, stage, monkeypatch):
    party = await stage.relying_party(product_id=uuid7())
    stage.town.found("durand", "Cabinet Durand")
    monkeypatch.setattr(stage.town, "may_assign", True)

    answer = await Flow(*party).authorize(browser, organisation="durand")

    assert "Vous pouvez vous l'attribuer vous-même" in read(answer)
    assert "Anne Roche" not in read(answer)
    assert 'href="/o/durand/applications"' in answer.text


async def test_a_product_of_several_organisations_asks_which(browser, person, stage):
    party = await stage.relying_party(product_id=uuid7())
    stage.town.products[person.id, party[0].client_id] = [
        stage.town.found("durand", "Cabinet Durand"), stage.town.found("petit", "Cabinet Petit"),
    ]  # fmt: skip

    answer = await Flow(*party).authorize(browser)

    assert answer.status_code == 409
    assert "Pour quelle organisation" in read(answer)


async def test_a_product_that_was_taken_away_gets_no_new_tokens(browser, person, stage):
    party = await stage.relying_party(product_id=uuid7())
    stage.town.products[person.id, party[0].client_id] = [stage.town.found("durand", "Cabinet Durand")]
    flow = Flow(*party)
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    stage.town.products.clear()

    answer = await flow.refresh(browser, tokens["refresh_token"])

    assert answer.json()["error"] == "invalid_grant"


async def test_the_password_of_the_tests_is_the_one_that_is_tested(stage, person):
    assert not list(stage.passwords.policy.broken(PASSWORD, [person.mail]))
