"""Bound tokens at userinfo (RFC 9449, 7), and nonces (8)."""

import pytest
from identity_stage import PUBLIC_URL, Flow, answer_of, make_stage
from protocol_parts import Prover, make_fapi_party

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
USERINFO = f"{PUBLIC_URL}/oauth2/userinfo"


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


def refused(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP", "dPoP"])
async def test_the_scheme_is_written_in_any_case(http, party, tokens, person, scheme):
    answer = await party.userinfo(http, tokens["access_token"], scheme=scheme)

    assert answer.json()["sub"] == str(person.id)
    assert answer.headers["cache-control"] == "no-store"


async def test_a_post_needs_a_proof_for_post(http, party, tokens):
    token = tokens["access_token"]

    async def post(method: str):
        proof = party.proof(method, "/oauth2/userinfo", token=token)
        return await http.post("/oauth2/userinfo", headers={"Authorization": f"DPoP {token}", "DPoP": proof})

    assert (await post("POST")).status_code == 200
    assert refused(await post("GET")) == (401, "invalid_dpop_proof")


async def test_a_bound_token_is_worth_nothing_as_a_bearer_token(http, party, tokens):
    token = tokens["access_token"]
    proof = party.proof("GET", "/oauth2/userinfo", token=token)

    bare = await party.userinfo(http, token, scheme="Bearer", proof=None)
    proved = await party.userinfo(http, token, scheme="Bearer", proof=proof)
    posted = await http.post("/oauth2/userinfo", data={"access_token": token})

    for answer in (bare, proved, posted):
        assert refused(answer) == (401, "invalid_token")
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_bearer_token_is_worth_nothing_with_a_proof(stage, browser):
    client, secret = await stage.relying_party()
    flow, prover = Flow(client, secret), Prover.of("ES256")
    token = (await flow.exchange(browser, await flow.code(browser))).json()["access_token"]
    headers = {"Authorization": f"DPoP {token}", "DPoP": prover.proof("GET", USERINFO, token=token)}

    assert refused(await browser.get("/oauth2/userinfo", headers=headers)) == (401, "invalid_token")


async def test_a_bound_token_needs_a_proof(http, party, tokens):
    answer = await party.userinfo(http, tokens["access_token"], proof=None)

    assert refused(answer) == (401, "invalid_dpop_proof")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('DPoP error="invalid_dpop_proof"')
    assert 'algs="ES256 PS256 EdDSA' in challenge


@pytest.mark.parametrize("said", [
    {"header": {"typ": None}}, {"header": {"typ": "dpop+jwt+wrongyousee"}}, {"header": {"jwk": None}},
    {"header": {"alg": "none"}}, {"jti": None}, {"htm": None}, {"htm": "PUT"}, {"htu": None},
    {"htu": f"{USERINFO}ohnonotagain"}, {"iat": None}, {"age": 3600}, {"age": -3600}, {"ath": None}, {"ath": "x"},
])  # fmt: skip
async def test_a_bad_proof_shows_nothing(http, party, tokens, said):
    answer = await party.userinfo(http, tokens["access_token"], **said)
    after = await party.userinfo(http, tokens["access_token"])

    assert refused(answer) == (401, "invalid_dpop_proof")
    assert after.status_code == 200


@pytest.mark.parametrize("said", [
    {"htu": f"{USERINFO}?allthedoors#programmed"}, {"htu": "HTTP://LOCALHOST:8600/oauth2/userinfo"},
    {"header": {"tx_id": 1}, "tx_id_key": 2},
])  # fmt: skip
async def test_a_proof_may_say_more_and_write_its_address_otherwise(http, party, tokens, said):
    assert (await party.userinfo(http, tokens["access_token"], **said)).status_code == 200


async def test_a_proof_of_another_key_shows_nothing(http, party, tokens):
    token = tokens["access_token"]
    proof = Prover.of("ES256").proof("GET", USERINFO, token=token)

    assert refused(await party.userinfo(http, token, proof=proof)) == (401, "invalid_token")


async def test_neither_two_proofs_nor_one_twice_shows_anything(http, party, tokens):
    token = tokens["access_token"]
    first, second = (party.proof("GET", "/oauth2/userinfo", token=token) for _ in range(2))

    assert refused(await party.userinfo(http, token, proof=[first, second])) == (401, "invalid_dpop_proof")
    assert (await party.userinfo(http, token, proof=first)).status_code == 200
    assert refused(await party.userinfo(http, token, proof=first)) == (401, "invalid_dpop_proof")


async def test_a_token_of_another_client_needs_that_clients_key(stage, http, party, tokens):
    other = await make_fapi_party(stage)

    answer = await other.userinfo(http, tokens["access_token"])

    assert refused(answer) == (401, "invalid_token")


async def test_without_a_token_both_schemes_are_named(http):
    answer = await http.get("/oauth2/userinfo")

    challenges = answer.headers.get_list("www-authenticate")
    assert answer.status_code == 401
    assert [challenge.split()[0] for challenge in challenges] == ["Bearer", "DPoP"]


# Nonces


async def test_an_installation_may_ask_for_nonces_at_every_endpoint(database):
    stage = await make_stage(database, dpop_nonces=True)
    person, browser, party = await stage.person(), stage.browser(), await make_fapi_party(stage)
    await browser.sign_in(person.mail)
    nonces: list[str] = []
    plain = party.prover.proof
    made = Prover(party.prover.key)
    made.proof = lambda *given, **said: plain(*given, **said, nonce=nonces[-1] if nonces else None)
    party.prover = made

    first = await party.push(browser.http, proof=party.proof("POST", "/oauth2/par"))
    assert refused(first) == (400, "use_dpop_nonce")
    nonces.append(first.headers["dpop-nonce"])
    asked = await browser.get(
        "/oauth2/authorize", params=await party.pushed(browser.http, proof=party.proof("POST", "/oauth2/par"))
    )
    tokens = await party.exchange(browser.http, answer_of(asked)["code"])
    token = tokens.json()["access_token"]
    seen = await party.userinfo(browser.http, token)
    nonces.append("forged")
    forged = await party.userinfo(browser.http, token)

    assert tokens.headers["dpop-nonce"]
    assert seen.status_code == 200
    assert refused(forged) == (401, "use_dpop_nonce")
    assert 'error="use_dpop_nonce"' in forged.headers["www-authenticate"]
    assert forged.headers["dpop-nonce"]
