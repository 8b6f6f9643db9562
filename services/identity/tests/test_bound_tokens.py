"""Codes and tokens that are bound to a key (RFC 9449), at the token endpoint."""

import asyncio
import base64
import json
import time

import pytest
from identity_stage import PUBLIC_URL, Flow, claims_of
from protocol_parts import Prover, make_fapi_party

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
TOKEN = f"{PUBLIC_URL}/oauth2/token"


@pytest.fixture(scope="module")
async def person(stage):
    return await stage.person()


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


@pytest.fixture
async def http(browser):
    return browser.http


@pytest.fixture
async def party(stage):
    return await make_fapi_party(stage)


@pytest.fixture
async def tokens(http, party):
    return await party.tokens(http)


def header_of(token: str) -> dict[str, str]:
    return json.loads(base64.urlsafe_b64decode(token.split(".", maxsplit=1)[0] + "=="))


def refused(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


# The token endpoint


async def test_tokens_are_bound_to_the_key_of_the_proof(party, tokens):
    said = claims_of(tokens["access_token"])

    assert tokens["token_type"] == "DPoP"
    assert said["cnf"] == {"jkt": party.prover.jkt}
    assert claims_of(tokens["id_token"])["nonce"] == "n-456"


async def test_without_a_proof_there_are_no_tokens(http, party):
    assert refused(await party.exchange(http, await party.code(http), bare=True)) == (400, "invalid_request")


async def test_policy_may_ask_any_client_for_proofs(stage, browser):
    client, secret = await stage.relying_party(dpop_bound_access_tokens=True)
    flow = Flow(client, secret)
    form = {"grant_type": "client_credentials"}
    headers = {"DPoP": Prover.of("ES256").proof("POST", TOKEN)}

    plain = await flow.exchange(browser, await flow.code(browser))
    proved = await browser.http.post("/oauth2/token", data=form, auth=(client.client_id, secret), headers=headers)

    assert refused(plain) == (400, "invalid_request")
    assert claims_of(proved.json()["access_token"])["cnf"]


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
async def test_each_strong_algorithm_makes_proofs(http, party, algorithm):
    party.prover = Prover.of(algorithm)

    tokens = await party.tokens(http)

    assert (await party.userinfo(http, tokens["access_token"])).status_code == 200


@pytest.mark.parametrize("said", [
    {"htm": "GET"}, {"htu": f"{TOKEN}x"}, {"htu": None}, {"jti": None}, {"iat": None}, {"age": 3600}, {"age": -3600},
    {"header": {"typ": "JWT"}}, {"header": {"jwk": None}}, {"header": {"alg": "none"}},
])  # fmt: skip
async def test_a_bad_proof_gets_no_tokens(http, party, said):
    form = {**party.asserter.form(), "grant_type": "client_credentials"}
    made = {"method": "POST", "address": TOKEN, **said}
    proof = party.prover.proof(made.pop("method"), made.pop("address"), **made)

    answer = await http.post("/oauth2/token", data=form, headers={"DPoP": proof})

    assert refused(answer) == (400, "invalid_dpop_proof")
    assert answer.headers["cache-control"] == "no-store"


async def test_two_proofs_get_no_tokens(http, party):
    form = {**party.asserter.form(), "grant_type": "client_credentials"}
    headers = [("DPoP", party.proof("POST", "/oauth2/token")) for _ in range(2)]

    assert refused(await http.post("/oauth2/token", data=form, headers=headers)) == (400, "invalid_dpop_proof")


async def test_a_proof_gets_tokens_once(http, party):
    proof = party.proof("POST", "/oauth2/token")

    async def ask():
        form = {**party.asserter.form(), "grant_type": "client_credentials"}
        return await http.post("/oauth2/token", data=form, headers={"DPoP": proof})

    answers = await asyncio.gather(*(ask() for _ in range(5)))

    assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]


@pytest.mark.parametrize("seconds", [-10, 10])
async def test_proofs_may_be_ten_seconds_off_everywhere(http, party, seconds):
    proof = party.proof("POST", "/oauth2/par", age=-seconds)
    code = await party.code(http, proof=proof)
    made = Prover(party.prover.key)
    made.proof = lambda *given, **said: party.prover.proof(*given, **{**said, "age": -seconds})

    tokens = (await party.exchange(http, code, prover=made)).json()
    seen = await party.userinfo(http, tokens["access_token"], age=-seconds)

    assert seen.status_code == 200


async def test_proofs_may_say_how_long_they_are_good(http, party):
    now = int(time.time())
    made = Prover(party.prover.key)
    made.proof = lambda *given, **said: party.prover.proof(*given, **said, nbf=now - 10, exp=now + 300)
    tokens = (await party.exchange(http, await party.code(http), prover=made)).json()

    seen = await party.userinfo(http, tokens["access_token"], nbf=now - 10, exp=now + 300)

    assert seen.status_code == 200


# Codes


async def test_a_code_is_bound_to_the_key_of_the_pushed_proof(http, party):
    bound = {"proof": party.proof("POST", "/oauth2/par")}

    good = await party.exchange(http, await party.code(http, **bound))
    bound = {"proof": party.proof("POST", "/oauth2/par")}
    bad = await party.exchange(http, await party.code(http, **bound), prover=Prover.of("ES256"))

    assert good.status_code == 200
    assert refused(bad) == (400, "invalid_grant")


async def test_a_code_is_bound_to_the_key_that_the_request_names(http, party):
    good = await party.exchange(http, await party.code(http, dpop_jkt=party.prover.jkt))
    code = await party.code(http, dpop_jkt=Prover.of("ES256").jkt)
    bad = await party.exchange(http, code)

    assert good.status_code == 200
    assert refused(bad) == (400, "invalid_grant")


async def test_a_code_may_be_bound_in_both_ways(http, party):
    code = await party.code(http, dpop_jkt=party.prover.jkt, proof=party.proof("POST", "/oauth2/par"))

    assert (await party.exchange(http, code)).status_code == 200


async def test_a_request_that_names_another_key_than_its_proof_is_refused(http, party):
    answer = await party.push(http, dpop_jkt=Prover.of("ES256").jkt, proof=party.proof("POST", "/oauth2/par"))

    assert refused(answer) == (400, "invalid_request")


async def test_a_bad_proof_pushes_nothing(http, party):
    answer = await party.push(http, proof=party.proof("POST", "/oauth2/token"))

    assert refused(answer) == (400, "invalid_dpop_proof")


async def test_a_request_that_is_not_pushed_may_name_a_key_too(stage, browser):
    client, secret = await stage.relying_party()
    prover = Prover.of("ES256")
    flow = Flow(client, secret, extra={"dpop_jkt": prover.jkt})

    bare = await flow.exchange(browser, await flow.code(browser))
    form = {"grant_type": "authorization_code", "code": await flow.code(browser), "code_verifier": flow.verifier,
            "redirect_uri": client.redirect_uris[0]}  # fmt: skip
    headers = {"DPoP": prover.proof("POST", TOKEN)}
    proved = await browser.http.post("/oauth2/token", data=form, auth=(client.client_id, secret), headers=headers)

    assert refused(bare) == (400, "invalid_grant")
    assert proved.json()["token_type"] == "DPoP"


async def test_a_code_of_another_client_is_worth_nothing(stage, http, party):
    other = await make_fapi_party(stage)
    other.verifier = party.verifier

    assert refused(await other.exchange(http, await party.code(http))) == (400, "invalid_grant")


async def test_a_client_with_the_key_of_another_is_nobody(stage, http, party):
    other = await make_fapi_party(stage)
    party.asserter.client_id = other.client.client_id
    party.asserter.extra = {"iss": other.client.client_id, "sub": other.client.client_id}

    answer = await party.token(http, grant_type="client_credentials", client_id=other.client.client_id)

    assert refused(answer) == (401, "invalid_client")


async def test_a_code_works_once_and_its_second_use_ends_the_tokens(http, party):
    code = await party.code(http)
    tokens = (await party.exchange(http, code)).json()

    again = await party.exchange(http, code)
    seen = await party.userinfo(http, tokens["access_token"])

    assert refused(again) == (400, "invalid_grant")
    assert refused(seen) == (401, "invalid_token")


async def test_a_code_lives_for_a_minute_at_most(stage, http, party):
    code = await party.code(http)
    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT max(expires_at) - now() AS left FROM authorization_codes WHERE used_at IS NULL")
    await stage.run("UPDATE authorization_codes SET expires_at = now() WHERE used_at IS NULL")

    assert rows[0]["left"].total_seconds() <= 60
    assert refused(await party.exchange(http, code)) == (400, "invalid_grant")


@pytest.mark.parametrize("verifier", [None, "x" * 43, ""])
async def test_a_code_needs_its_verifier(http, party, verifier):
    answer = await party.exchange(http, await party.code(http), code_verifier=verifier)

    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_grant", "invalid_request"}


async def test_a_client_that_does_not_prove_itself_gets_no_tokens(http, party):
    none = dict.fromkeys(party.asserter.form())

    answer = await party.exchange(http, await party.code(http), **none, client_id=party.client.client_id)

    assert refused(answer) == (401, "invalid_client")


# Refresh tokens


async def test_a_refresh_token_of_the_profile_stays(http, party, tokens):
    answers = [
        await party.token(http, grant_type="refresh_token", refresh_token=tokens["refresh_token"]) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert all("refresh_token" not in answer.json() for answer in answers)
    assert (await party.userinfo(http, answers[1].json()["access_token"])).status_code == 200


async def test_a_refresh_token_needs_a_proof_and_its_client(stage, http, party, tokens):
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    other = await make_fapi_party(stage)

    assert refused(await party.token(http, bare=True, **form)) == (400, "invalid_request")
    assert refused(await other.token(http, **form)) == (400, "invalid_grant")
    none = {**dict.fromkeys(party.asserter.form()), "client_id": party.client.client_id}
    assert refused(await party.token(http, **form, **none)) == (401, "invalid_client")


async def test_a_confidential_client_may_take_a_new_key(http, party, tokens):
    fresh = Prover.of("ES256")

    answer = await party.token(http, prover=fresh, grant_type="refresh_token", refresh_token=tokens["refresh_token"])

    assert claims_of(answer.json()["access_token"])["cnf"] == {"jkt": fresh.jkt}


async def test_a_refresh_token_of_a_public_client_is_bound_to_its_key(stage, browser):
    client, _ = await stage.relying_party(token_endpoint_auth_method="none", secret_digest=b"")
    flow, prover, other = Flow(client, ""), Prover.of("ES256"), Prover.of("ES256")

    async def ask(prover: Prover | None, **form: str):
        headers = {"DPoP": prover.proof("POST", TOKEN)} if prover else {}
        sent = {"client_id": client.client_id, **form}
        return await browser.http.post("/oauth2/token", data=sent, headers=headers)

    code = {"grant_type": "authorization_code", "code": await flow.code(browser), "code_verifier": flow.verifier,
            "redirect_uri": client.redirect_uris[0]}  # fmt: skip
    first = (await ask(prover, **code)).json()
    refresh = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}

    stolen = [await ask(each, **refresh) for each in (other, None)]
    second = await ask(prover, **refresh)

    assert [refused(answer) for answer in stolen] == [(400, "invalid_grant")] * 2
    assert second.json()["token_type"] == "DPoP"


async def test_a_grant_that_was_bound_gives_no_bearer_tokens_later(stage, browser):
    client, secret = await stage.relying_party()
    flow = Flow(client, secret)
    form = {"grant_type": "authorization_code", "code": await flow.code(browser), "code_verifier": flow.verifier,
            "redirect_uri": client.redirect_uris[0]}  # fmt: skip
    headers = {"DPoP": Prover.of("ES256").proof("POST", TOKEN)}
    auth = (client.client_id, secret)
    tokens = (await browser.http.post("/oauth2/token", data=form, auth=auth, headers=headers)).json()

    answer = await flow.refresh(browser, tokens["refresh_token"])

    assert refused(answer) == (400, "invalid_grant")


async def test_tokens_for_a_client_of_the_profile_are_signed_well_whatever_it_registered(stage, http):
    weak = await make_fapi_party(stage, id_token_signed_response_alg="RS256", userinfo_signed_response_alg="RS256")

    tokens = await weak.tokens(http)
    seen = await weak.userinfo(http, tokens["access_token"])

    assert [header_of(each)["alg"] for each in (tokens["id_token"], tokens["access_token"], seen.text)] == ["ES256"] * 3
