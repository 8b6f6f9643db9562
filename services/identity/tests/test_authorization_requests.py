"""What a client asks for at the authorization endpoint, one test for each rule (OpenID Connect Core)."""

import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from identity_stage import PUBLIC_URL, Flow, answer_of, claims_of, read
from joserfc import jwt
from joserfc.jwk import KeySet

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture(scope="module")
async def person(stage):
    account = await stage.person(mail="anne.roche@cabinet.example")
    await stage.run(
        "UPDATE accounts SET phone_number = '+33102030405', address = '{\"formatted\": \"1 rue A\"}' WHERE id = :id",
        id=account.id,
    )
    return account


@pytest.fixture(scope="module")
async def other(stage):
    return await stage.person(mail="luc.morel@cabinet.example")


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.fixture(scope="module")
async def party(stage):
    return await stage.relying_party()


async def tokens_of(flow: Flow, browser) -> dict[str, Any]:
    return (await flow.exchange(browser, await flow.code(browser))).json()


async def userinfo(browser, tokens: dict[str, Any]):
    return await browser.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})


# Whom the client means


async def test_a_hint_at_who_is_signed_in_is_no_question(browser, party):
    flow = Flow(*party)
    hint = (await tokens_of(flow, browser))["id_token"]

    assert answer_of(await flow.authorize(browser, prompt="none", id_token_hint=hint))["code"]


async def test_a_hint_at_somebody_else_asks_them_to_sign_in_once(stage, browser, party, person, other):
    flow = Flow(*party)
    hint = (await tokens_of(flow, browser))["id_token"]
    theirs = stage.browser()
    await theirs.sign_in(other.mail)

    silent = answer_of(await flow.authorize(theirs, prompt="none", id_token_hint=hint))
    asked = await flow.authorize(theirs, id_token_hint=hint)
    again = await theirs.sign_in(other.mail, at=asked.headers["location"])
    wrong = answer_of(await theirs.get(again.headers["location"]))
    right = await theirs.sign_in(person.mail, at=asked.headers["location"])
    good = answer_of(await theirs.get(right.headers["location"]))

    assert silent["error"] == "login_required"
    assert asked.headers["location"].startswith("/login")
    assert wrong["error"] == "login_required"
    assert good["code"]


async def test_the_claim_sub_means_somebody_too(browser, party, person, other):
    flow = Flow(*party)
    asked = {"id_token": {"sub": {"value": str(person.id)}}}
    another = {"id_token": {"sub": {"value": str(other.id)}}}

    assert answer_of(await flow.authorize(browser, claims=json.dumps(asked)))["code"]
    refused = answer_of(await flow.authorize(browser, claims=json.dumps(another), prompt="none"))
    assert refused["error"] == "login_required"


@pytest.mark.parametrize("hint", ["x", "a.b.c", ""])
async def test_a_hint_that_is_not_ours_is_refused(browser, party, hint):
    answer = answer_of(await Flow(*party).authorize(browser, id_token_hint=hint or "e30.e30."))

    assert answer["error"] == "invalid_request"


async def test_a_hint_of_another_client_is_refused(stage, browser, party):
    hint = (await tokens_of(Flow(*await stage.relying_party()), browser))["id_token"]

    assert answer_of(await Flow(*party).authorize(browser, id_token_hint=hint))["error"] == "invalid_request"


# How recently, how surely


async def test_a_client_s_own_greatest_age_counts_when_it_asks_for_none(stage, browser):
    flow = Flow(*await stage.relying_party(default_max_age=0))

    assert (await flow.authorize(browser)).headers["location"].startswith("/login")
    assert answer_of(await flow.authorize(browser, max_age="600"))["code"]


async def test_a_strength_that_is_essential_and_not_there_is_refused(browser, party):
    def asked(**acr: Any) -> str:
        return json.dumps({"id_token": {"acr": acr}})

    flow = Flow(*party)
    refused = answer_of(await flow.authorize(browser, claims=asked(essential=True, values=["9"])))

    assert refused["error"] == "unmet_authentication_requirements"
    assert answer_of(await flow.authorize(browser, claims=asked(essential=True, values=["9", "1"])))["code"]
    assert answer_of(await flow.authorize(browser, claims=asked(values=["9"])))["code"]
    assert answer_of(await flow.authorize(browser, acr_values="9"))["code"]


# What it is told


async def test_each_scope_tells_what_the_account_holds(browser, party, person):
    flow = Flow(*party, extra={"scope": "openid profile email address phone"})

    told = (await userinfo(browser, await tokens_of(flow, browser))).json()

    assert told["address"] == {"formatted": "1 rue A"}
    assert told["phone_number"] == "+33102030405"
    assert (told["given_name"], told["email"]) == ("Anne", person.mail)


async def test_claims_are_told_where_they_were_asked_for(browser, party, person):
    asked = {"id_token": {"email": {"essential": True}, "unknown": None}, "userinfo": {"given_name": None}}
    flow = Flow(*party, extra={"scope": "openid", "claims": json.dumps(asked)})

    tokens = await tokens_of(flow, browser)

    claims, told = claims_of(tokens["id_token"]), (await userinfo(browser, tokens)).json()
    assert claims["email"] == person.mail
    assert "given_name" not in claims
    assert told == {"sub": str(person.id), "given_name": "Anne"}


@pytest.mark.parametrize(
    "claims", ["x", "[]", "7", '{"id_token": []}', '{"userinfo": {"email": 7}}', "[" * 3000, "x" * 9000]
)
async def test_a_malformed_claims_parameter_is_refused(browser, party, claims):
    answer = answer_of(await Flow(*party).authorize(browser, claims=claims))

    assert answer["error"] == "invalid_request"


async def test_a_client_gets_userinfo_signed_as_it_registered(stage, browser):
    client, secret = await stage.relying_party(userinfo_signed_response_alg="RS256")

    answer = await userinfo(browser, await tokens_of(Flow(client, secret), browser))

    keys = KeySet.import_key_set((await browser.get("/oauth2/jwks")).json())
    told = jwt.decode(answer.text, keys, algorithms=["RS256"])
    assert answer.headers["content-type"] == "application/jwt"
    assert (told.claims["iss"], told.claims["aud"], told.claims["name"]) == (PUBLIC_URL, client.client_id, "Anne Roche")


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256", "EdDSA"])
async def test_id_tokens_are_signed_as_registered(stage, browser, algorithm):
    flow = Flow(*await stage.relying_party(id_token_signed_response_alg=algorithm))

    tokens = await tokens_of(flow, browser)

    keys = KeySet.import_key_set((await browser.get("/oauth2/jwks")).json())
    claims = jwt.decode(tokens["id_token"], keys, algorithms=[algorithm]).claims
    whole = hashlib.new("sha512" if algorithm == "EdDSA" else "sha256", tokens["access_token"].encode()).digest()
    assert claims["at_hash"] == base64.urlsafe_b64encode(whole[: len(whole) // 2]).decode().rstrip("=")


async def test_pairwise_clients_of_two_sectors_know_a_person_by_two_names(stage, browser, person):
    values = {"subject_type": "pairwise"}
    one = Flow(*await stage.relying_party(**values))
    same = Flow(*await stage.relying_party(**values))
    another = Flow(*await stage.relying_party(**values, redirect_uris=["https://other.example/cb"]))

    subjects = [claims_of((await tokens_of(flow, browser))["id_token"])["sub"] for flow in (one, same, another, one)]
    tokens = await tokens_of(one, browser)

    assert subjects[0] == subjects[1] == subjects[3] != subjects[2]
    assert str(person.id) not in subjects
    assert (await userinfo(browser, tokens)).json()["sub"] == subjects[0]
    assert claims_of(tokens["access_token"])["sub"] == subjects[0]


async def test_a_scope_that_a_client_did_not_register_is_not_granted(stage, browser):
    flow = Flow(*await stage.relying_party(scope="openid email"))

    assert (await tokens_of(flow, browser))["scope"] == "openid email"


# Consent


async def test_a_client_that_nobody_vouched_for_asks_once_for_what_it_wants(stage, browser):
    flow = Flow(*await stage.relying_party(consent_required=True, policy_uri="https://paie.example/policy"))

    silent = answer_of(await flow.authorize(browser, prompt="none"))
    page = await flow.authorize(browser)
    shared = await answer_consent(browser, page, "yes")
    again = answer_of(await flow.authorize(browser))
    less = answer_of(await flow.authorize(browser, prompt="none", scope="openid"))
    more = await flow.authorize(browser, scope="openid profile email phone")
    asked_again = await flow.authorize(browser, prompt="consent")

    assert silent["error"] == "consent_required"
    assert "Transmettre ceci à Paie ?" in read(page)
    assert "https://paie.example/policy" in page.text
    assert answer_of(shared)["code"]
    assert again["code"]
    assert less["code"]
    assert "votre numéro de téléphone" in read(more)
    assert asked_again.status_code == 200


async def test_who_refuses_goes_back_with_access_denied(stage, browser):
    flow = Flow(*await stage.relying_party(consent_required=True))

    back = answer_of(await answer_consent(browser, await flow.authorize(browser), "no"))

    assert (back["error"], back["state"]) == ("access_denied", "s-123")


async def test_nobody_agrees_for_somebody_else(stage, browser, other):
    flow = Flow(*await stage.relying_party(consent_required=True))
    page = await flow.authorize(browser)

    answer = await answer_consent(browser, page, "yes", account=str(other.id))

    assert answer.headers["location"].startswith("/oauth2/authorize")


async def test_agreeing_needs_the_form_of_the_page(stage, browser):
    flow = Flow(*await stage.relying_party(consent_required=True))

    answer = await answer_consent(browser, await flow.authorize(browser), "yes", csrf="x" * 43)

    assert answer.status_code >= 400


async def answer_consent(browser, page, answer: str, **changes: str):
    form = next(f for f in re.findall(r"<form.*?</form>", page.text, re.DOTALL) if f'value="{answer}"' in f)
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    fields = {name: value.replace("&amp;", "&") for name, value in hidden.items()}
    return await browser.http.post(
        "/oauth2/consent", data={**fields, "answer": answer, **changes}, headers={"Origin": PUBLIC_URL}
    )


# The way of the answer


async def test_an_answer_by_form_posts_itself(browser, party):
    page = await Flow(*party).authorize(browser, response_mode="form_post")
    refused = await Flow(*party).authorize(browser, response_mode="form_post", scope="openid", prompt="none login")

    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', page.text))
    script = re.search(r"<script>(.*?)</script>", page.text)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert 'action="https://paie.example/retour"' in page.text
    assert (fields["state"], fields["iss"]) == ("s-123", PUBLIC_URL)
    assert fields["code"]
    assert f"'sha256-{digest}'" in page.headers["content-security-policy"]
    assert 'name="error" value="invalid_request"' in refused.text


async def test_the_query_of_a_redirect_address_is_kept(stage, browser):
    flow = Flow(*await stage.relying_party(redirect_uris=["https://paie.example/retour?a=1"]))

    location = (await flow.authorize(browser)).headers["location"]
    page = await flow.authorize(browser, response_mode="form_post")

    assert parse_qs(urlsplit(location).query)["a"] == ["1"]
    assert 'action="https://paie.example/retour?a=1"' in page.text
    assert 'name="a"' not in page.text


async def test_a_long_request_comes_through_the_sign_in_page_too(stage, party, person):
    browser = stage.browser()
    asked = await Flow(*party).authorize(browser, state="x" * 5000)

    signed_in = await browser.sign_in(person.mail, at=asked.headers["location"])

    assert answer_of(await browser.get(signed_in.headers["location"]))["state"] == "x" * 5000


async def test_an_application_on_a_device_is_answered_on_any_port(stage, browser):
    local = ["http://127.0.0.1/cb", "http://[::1]:4000/cb", "http://localhost/cb"]
    native = Flow(*await stage.relying_party(redirect_uris=local, application_type="native"))
    web = Flow(*await stage.relying_party(redirect_uris=local))

    for address in ("http://127.0.0.1:5000/cb", "http://[::1]/cb", "http://[::1]:5000/cb"):
        assert (
            (await native.authorize(browser, redirect_uri=address)).headers["location"].startswith(f"{address}?code=")
        )
        assert (await web.authorize(browser, redirect_uri=address)).status_code == 400
    for address in (
        "http://localhost:5000/cb",
        "http://127.0.0.1:5000/other",
        "http://127.0.0.2/cb",
        "http://127.0.0.1:x/cb",
    ):
        assert (await native.authorize(browser, redirect_uri=address)).status_code == 400


# What is promised


async def test_discovery_promises_what_is_there(stage, browser):
    told = (await browser.get("/.well-known/openid-configuration")).json()
    same = (await browser.get("/.well-known/oauth-authorization-server")).json()

    assert told == same
    assert "registration_endpoint" not in told  # nobody may register here
    paths = {route.path for route in stage.app.routes}
    for name, value in told.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.removeprefix(PUBLIC_URL) in paths, name
