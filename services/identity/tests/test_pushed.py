"""Pushed authorization requests (RFC 9126), as clients of the FAPI 2.0 profile use them."""

import asyncio
import time
from urllib.parse import parse_qsl, urlsplit

import pytest
from identity_stage import PUBLIC_URL, Flow, answer_of, claims_of, read
from protocol_parts import Prover, make_fapi_party, sign

from parvis_identity.service.pushed import PREFIX

pytestmark = pytest.mark.usefixtures("nobody_failed_before")


@pytest.fixture(scope="module")
async def person(stage):
    return await stage.person()


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.fixture
async def party(stage):
    return await make_fapi_party(stage)


async def authorize(browser, address: dict[str, str]):
    return await browser.get("/oauth2/authorize", params=address)


async def test_a_pushed_request_is_kept_for_a_minute(stage, party):
    answer = await party.push(stage.browser().http)

    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"request_uri", "expires_in"}
    assert answer.json()["request_uri"].startswith(PREFIX)
    assert 5 <= answer.json()["expires_in"] <= 600


async def test_no_secret_of_the_client_is_kept(stage, party):
    await party.push(stage.browser().http)

    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT parameters::text AS said FROM pushed_requests WHERE client_id = $1",
                                party.client.client_id)  # fmt: skip
    assert "assertion" not in rows[0]["said"]


async def test_a_pushed_request_leads_to_a_code(browser, party):
    answer = answer_of(await authorize(browser, await party.pushed(browser.http)))

    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == ("s-123", PUBLIC_URL)


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
async def test_each_strong_algorithm_serves(stage, browser, algorithm):
    party = await make_fapi_party(stage, algorithm)

    assert (await party.push(browser.http)).status_code == 201


async def test_an_assertion_with_rs256_is_refused(stage, browser):
    party = await make_fapi_party(stage, "RS256")

    answer = await party.push(browser.http)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("audience", [
    [PUBLIC_URL], f"{PUBLIC_URL}/oauth2/par", f"{PUBLIC_URL}/oauth2/token", "https://other.example/", None,
])  # fmt: skip
async def test_the_audience_is_the_issuer_as_a_text(browser, party, audience):
    answer = await party.push(browser.http, **party.asserter.form(aud=audience))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize(("seconds", "status"), [(8, 201), (65, 401)])
async def test_an_assertion_may_be_from_eight_seconds_ahead(browser, party, seconds, status):
    ahead = int(time.time()) + seconds
    answer = await party.push(browser.http, **party.asserter.form(nbf=ahead, iat=ahead, exp=ahead + 60))

    assert answer.status_code == status


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_other_methods_are_refused_with_405(stage, method):
    answer = await stage.browser().http.request(method, "/oauth2/par")

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize(("content", "kind", "status"), [
    (b"{}", "application/json", 400), (b"a=%ff", "application/x-www-form-urlencoded", 400),
    (b"state=1&state=2", "application/x-www-form-urlencoded", 400), (b"x", "", 400),
    (b"a=" + b"x" * 40_000, "application/x-www-form-urlencoded", 413),
])  # fmt: skip
async def test_a_body_that_is_no_small_form_is_refused(stage, content, kind, status):
    answer = await stage.browser().http.post("/oauth2/par", content=content, headers={"Content-Type": kind})

    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request")


@pytest.mark.parametrize(("changes", "error"), [
    ({"redirect_uri": None}, "invalid_request"),
    ({"redirect_uri": "https://paie.example/retour/autre"}, "invalid_request"),
    ({"redirect_uri": "https://attacker.example/"}, "invalid_request"),
    ({"redirect_uri": 'https://paie.example/"'}, "invalid_request"),
    ({"response_type": None}, "invalid_request"),
    ({"response_type": "code id_token"}, "unsupported_response_type"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge": "short"}, "invalid_request"),
    ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
    ({"prompt": "none login"}, "invalid_request"),
    ({"max_age": "soon"}, "invalid_request"),
    ({"dpop_jkt": "short"}, "invalid_request"),
    ({"nonce": "é"}, "invalid_request"),
])  # fmt: skip
async def test_a_request_that_could_not_be_answered_is_refused_at_once(browser, party, changes, error):
    answer = await party.push(browser.http, **changes)

    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.json()["error_description"].isascii()


async def test_a_client_that_does_not_prove_itself_pushes_nothing(browser, party):
    none = dict.fromkeys(party.asserter.form())

    for changes in (none, {**none, "client_id": party.client.client_id}, {"client_id": "other"}):
        answer = await party.push(browser.http, **changes)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_a_request_without_pushing_is_refused(browser, party):
    answer = answer_of(await authorize(browser, {**party.parameters, "client_id": party.client.client_id}))

    assert (answer["error"], answer["state"], answer["iss"]) == ("invalid_request", "s-123", PUBLIC_URL)


async def test_policy_may_ask_any_client_to_push(stage, browser):
    client, secret = await stage.relying_party(require_pushed_authorization_requests=True)
    flow = Flow(client, secret)

    plain = answer_of(await flow.authorize(browser))
    pushed = await browser.http.post("/oauth2/par", data=flow.parameters, auth=(client.client_id, secret))
    opened = await authorize(browser, {"client_id": client.client_id, "request_uri": pushed.json()["request_uri"]})

    assert plain["error"] == "invalid_request"
    assert (await flow.exchange(browser, answer_of(opened)["code"])).json()["token_type"] == "Bearer"


async def test_nothing_but_what_was_pushed_counts(browser, party):
    address = await party.pushed(browser.http, state=None)
    others = {"state": "outside", "nonce": "outside", "scope": "openid", "redirect_uri": "https://attacker.example/"}

    answer = answer_of(await authorize(browser, {**address, **others}))
    tokens = (await party.exchange(browser.http, answer["code"])).json()

    assert "state" not in answer
    assert claims_of(tokens["id_token"])["nonce"] == "n-456"
    assert tokens["scope"] == "openid profile email"


async def test_a_request_may_be_opened_again_before_it_is_answered(stage, person, party):
    browser = stage.browser()
    address = await party.pushed(browser.http)

    first = await authorize(browser, address)
    second = await authorize(browser, address)
    signed_in = await browser.sign_in(person.mail, at=second.headers["location"])
    back = await browser.get(signed_in.headers["location"])

    assert first.headers["location"].startswith("/login?next=")
    assert answer_of(back)["code"]


async def test_a_request_is_answered_once(browser, party):
    address = await party.pushed(browser.http)
    await authorize(browser, address)

    again = await authorize(browser, address)

    assert (again.status_code, again.headers.get("location")) == (400, None)
    assert "invalid_request_uri" in read(again)


async def test_of_ten_openings_at_once_one_is_answered(browser, party):
    address = await party.pushed(browser.http)

    answers = await asyncio.gather(*(authorize(browser, address) for _ in range(10)))

    assert sorted(answer.status_code for answer in answers) == [303, *[400] * 9]


async def test_a_request_of_another_client_is_worth_nothing(stage, browser, party):
    other = await make_fapi_party(stage)
    address = await party.pushed(browser.http)

    for changes in ({"client_id": other.client.client_id}, {"client_id": ""}):
        answer = await authorize(browser, {**address, **changes})
        assert (answer.status_code, answer.headers.get("location")) == (400, None)
    assert (await authorize(browser, {"request_uri": address["request_uri"]})).status_code == 400


@pytest.mark.parametrize("request_uri", [PREFIX, f"{PREFIX}x", f'{PREFIX}é"', f"{PREFIX}{'x' * 3000}"])
async def test_a_request_that_was_never_pushed_is_worth_nothing(browser, party, request_uri):
    answer = await authorize(browser, {"client_id": party.client.client_id, "request_uri": request_uri})

    assert (answer.status_code, answer.headers.get("location")) == (400, None)


async def expire(stage, party) -> None:
    await stage.run("UPDATE pushed_requests SET expires_at = now() - interval '1 second' WHERE client_id = :client",
                    client=party.client.client_id)  # fmt: skip


async def test_an_expired_request_is_worth_nothing(stage, browser, party):
    address = await party.pushed(browser.http)
    await expire(stage, party)

    answer = await authorize(browser, address)

    assert answer.status_code == 400
    assert "invalid_request_uri" in read(answer)


async def test_a_person_may_take_longer_than_the_request_lives(stage, person, party):
    browser = stage.browser()
    address = await party.pushed(browser.http)
    asked = await authorize(browser, address)
    await expire(stage, party)

    signed_in = await browser.sign_in(person.mail, at=asked.headers["location"])
    back = await browser.get(signed_in.headers["location"])
    elsewhere = await authorize(stage.browser(), address)

    assert answer_of(back)["code"]
    assert elsewhere.status_code == 400


async def test_a_seal_of_another_request_opens_nothing(stage, party):
    browser = stage.browser()
    first, second = await party.pushed(browser.http), await party.pushed(browser.http)
    asked = await authorize(browser, first)
    after = dict(parse_qsl(urlsplit(asked.headers["location"]).query))["next"]
    seal = dict(parse_qsl(urlsplit(after).query))["parvis_opened"]
    await expire(stage, party)

    for given in (seal, "", "x", "é", seal[:-2], "A" * 200):
        assert (await authorize(browser, {**second, "parvis_opened": given})).status_code == 400
    assert (await authorize(browser, {**first, "parvis_opened": seal})).status_code == 303


@pytest.mark.parametrize("pushed", [{"prompt": "login"}, {"max_age": "0"}])
async def test_a_pushed_request_may_ask_for_a_new_sign_in_once(browser, person, party, pushed):
    asked = await authorize(browser, await party.pushed(browser.http, **pushed))
    signed_in = await browser.sign_in(person.mail, at=asked.headers["location"])

    back = await browser.get(signed_in.headers["location"])

    assert asked.headers["location"].startswith("/login?next=")
    assert answer_of(back)["code"]


async def test_the_sign_in_page_knows_a_pushed_request(stage, party):
    browser = stage.browser()
    asked = await authorize(browser, await party.pushed(browser.http, login_hint="anne@exemple.fr", ui_locales="en"))

    page = await browser.get(asked.headers["location"])

    assert 'value="anne@exemple.fr"' in read(page)
    assert '<html lang="en"' in read(page)
    assert "form-action 'self' https://paie.example;" in page.headers["content-security-policy"]


@pytest.mark.parametrize("length", [64, 384])
async def test_a_long_nonce_comes_back_whole(browser, party, length):
    tokens = (await party.exchange(browser.http, await party.code(browser.http, nonce="n" * length))).json()

    assert claims_of(tokens["id_token"])["nonce"] == "n" * length


async def test_a_long_state_comes_back_whole(browser, party):
    answer = await authorize(browser, await party.pushed(browser.http, state="s" * 1000))

    assert answer_of(answer)["state"] == "s" * 1000


async def test_neither_nonce_nor_state_is_needed(browser, party):
    answer = answer_of(await authorize(browser, await party.pushed(browser.http, state=None, nonce=None)))
    tokens = (await party.exchange(browser.http, answer["code"])).json()

    assert "state" not in answer
    assert "nonce" not in claims_of(tokens["id_token"])


async def test_scopes_come_in_any_order(browser, party):
    answer = await authorize(browser, await party.pushed(browser.http, scope="email profile openid"))

    assert answer_of(answer)["code"]


async def test_discovery_names_what_clients_of_the_profile_need(stage):
    said = (await stage.browser().get("/.well-known/openid-configuration")).json()

    assert said["pushed_authorization_request_endpoint"] == f"{PUBLIC_URL}/oauth2/par"
    assert said["require_pushed_authorization_requests"] is False
    assert {"ES256", "PS256", "EdDSA"} <= set(said["dpop_signing_alg_values_supported"])
    assert not {"RS256", "none"} & set(said["dpop_signing_alg_values_supported"])
    assert said["authorization_response_iss_parameter_supported"] is True
    assert "private_key_jwt" in said["token_endpoint_auth_methods_supported"]
    assert {"ES256", "PS256", "EdDSA"} <= set(said["token_endpoint_auth_signing_alg_values_supported"])
    assert said["code_challenge_methods_supported"] == ["S256"]


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
async def test_a_client_of_the_profile_proves_itself_by_its_key_alone(stage, browser, method):
    client, secret = await stage.relying_party(profile="fapi2", token_endpoint_auth_method=method)
    flow, prover = Flow(client, secret), Prover.of("ES256")
    auth = (client.client_id, secret) if method == "client_secret_basic" else None
    form = {**flow.parameters, **({"client_secret": secret} if method == "client_secret_post" else {})}

    for path in ("/oauth2/par", "/oauth2/token"):
        headers = {"DPoP": prover.proof("POST", f"{PUBLIC_URL}{path}")}
        sent = {**form, "grant_type": "client_credentials"}
        answer = await browser.http.post(path, data=sent, auth=auth, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def request_object(stage, party, **claims):
    said = {**party.parameters, "client_id": party.client.client_id, "iss": party.client.client_id, "aud": PUBLIC_URL}
    return sign({"alg": "ES256", "kid": party.asserter.key.thumbprint()}, {**said, **claims}, party.asserter.key)


async def test_a_request_may_be_pushed_as_a_signed_object(stage, browser, party):
    outside = dict.fromkeys(party.parameters)
    pushed = await party.push(browser.http, **outside, request=await request_object(stage, party, state="inside"))
    address = {"client_id": party.client.client_id, "request_uri": pushed.json()["request_uri"]}

    answer = answer_of(await authorize(browser, address))

    assert answer["state"] == "inside"
    assert (await party.exchange(browser.http, answer["code"])).status_code == 200


@pytest.mark.parametrize("claims", [
    {"iss": "other"}, {"aud": "https://other.example"}, {"client_id": "other"}, {"request_uri": "x"},
    {"redirect_uri": None}, {"exp": 1},
])  # fmt: skip
async def test_an_object_that_is_not_good_pushes_nothing(stage, browser, party, claims):
    answer = await party.push(browser.http, request=await request_object(stage, party, **claims))

    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_request_object", "invalid_request"}


async def test_a_client_of_the_profile_says_inside_alone_what_counts(stage, browser, party):
    signed = await request_object(stage, party, code_challenge=None, code_challenge_method=None)

    answer = await party.push(browser.http, request=signed)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_parameters_of_ours_are_not_taken_from_clients(browser, person, party):
    address = await party.pushed(browser.http, prompt="login", parvis_since="0")

    assert (await authorize(browser, address)).headers["location"].startswith("/login")


async def test_a_replay_leaves_an_audit_line(stage, party):
    http, form, proof = stage.browser().http, party.asserter.form(), party.proof("POST", "/oauth2/par")
    before = [await stage.audited("assertion.replayed"), await stage.audited("proof.replayed")]
    await party.push(http, **form)
    await party.push(http, proof=proof)

    answers = [await party.push(http, **form), await party.push(http, proof=proof)]

    assert [(answer.status_code, answer.json()["error"]) for answer in answers] == [
        (401, "invalid_client"), (400, "invalid_dpop_proof"),
    ]  # fmt: skip
    assert [await stage.audited("assertion.replayed"), await stage.audited("proof.replayed")] == [
        before[0] + 1, before[1] + 1,
    ]  # fmt: skip
