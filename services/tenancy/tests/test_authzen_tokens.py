"""Who asks: a product's own token, as bearer or bound to a key and proven with it; nobody else's."""

import time

import pytest
from authzen_stage import Pep, make_world, new_key, proof_of, refusal
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from tenancy_stage import refused

from parvis_kit.errors import Kind, unavailable
from parvis_kit.ids import uuid7
from parvis_tenancy.http.callers import ProductTokens


@pytest.fixture(scope="module")
async def world(stage, provider):
    world = await make_world(stage, provider, scoped=("read",))
    await world.person("anne", read="all")
    await world.record("kerautret", "anne")
    return world


@pytest.fixture
async def pep(stage, world):
    return Pep(stage, world.product.client_id)


@pytest.fixture
def asked(world):
    return world.asked("anne", "read", "kerautret")


async def test_nobody_asks_without_a_token(pep, asked):
    answer = await pep.post("evaluation", asked, Authorization=None)
    assert await refusal(answer) == (401, "token_missing")
    assert answer.headers["www-authenticate"].startswith("Bearer realm=")


def forged(pep):
    now = int(time.time())
    claims = {"iss": "http://localhost:8600", "iat": now, "exp": now + 300}
    claims |= dict.fromkeys(("aud", "sub", "client_id"), pep.client_id)
    key = ECKey.generate_key("P-256", {"kid": "k"})
    return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": "k"}, claims, key)


WORTHLESS = {
    "not-a-token": (lambda pep: "x.y.z", "token_invalid"),
    "of-a-person": (
        lambda pep: pep.token_of(sub=str(uuid7()), sid=str(uuid7()), grant=str(uuid7())),
        "token_of_a_person",
    ),
    "acting-for-a-person": (lambda pep: pep.token_of(act={"sub": "other"}), "token_of_a_person"),
    "for-another-audience": (lambda pep: pep.token_of(aud="parvis-internal"), "token_of_a_person"),
    "exchanged-for-another": (lambda pep: pep.token_of(client_id="another"), "token_of_a_person"),
    "expired": (lambda pep: pep.token_of(exp=int(time.time()) - 1), "token_expired"),
    "of-another-issuer": (lambda pep: pep.token_of(iss="https://elsewhere.example"), "token_invalid"),
    "of-the-future": (lambda pep: pep.token_of(iat=int(time.time()) + 60), "token_invalid"),
    "without-client": (lambda pep: pep.token_of(client_id=None), "token_invalid"),
    "without-end": (lambda pep: pep.token_of(exp=None), "token_invalid"),
    "an-id-token": (lambda pep: pep.token_of(typ="JWT"), "token_invalid"),
    "signed-by-another-key": (forged, "token_invalid"),
    "bound-to-a-certificate": (lambda pep: pep.token_of(cnf={"x5t#S256": "x"}), "token_invalid"),
}


@pytest.mark.parametrize(("make", "reason"), WORTHLESS.values(), ids=WORTHLESS)
async def test_a_token_that_is_not_the_products_own_is_worthless(pep, asked, make, reason):
    answer = await pep.post("evaluation", asked, Authorization=f"Bearer {make(pep)}")
    assert await refusal(answer) == (401, reason)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_while_identity_is_away_known_keys_go_on_and_unknown_ones_do_not(stage, pep):
    tokens = ProductTokens(never, issuer="http://localhost:8600")
    sent = {"method": "POST", "path": "/"}
    with refused(Kind.UNAVAILABLE, "peer_unavailable"):
        await tokens.asker(f"Bearer {pep.token}", [], **sent)
    tokens._keys = KeySet([stage.key])
    assert (await tokens.asker(f"Bearer {pep.token}", [], **sent)).client_id == pep.client_id
    with refused(Kind.UNAUTHENTICATED, "token_invalid"):
        await tokens.asker(f"Bearer {forged(pep)}", [], **sent)


async def never():
    raise unavailable("peer_unavailable")


async def test_who_asks_is_known_before_what_is_asked_is_read(pep):
    assert await refusal(await pep.post("evaluation", "{", Authorization=None)) == (401, "token_missing")


async def test_a_bound_token_is_no_bearer_token(pep, asked):
    key = new_key()
    token = pep.token_of(cnf={"jkt": key.thumbprint()})
    assert await refusal(await pep.post("evaluation", asked, Authorization=f"Bearer {token}")) == (401, "token_bound")


async def test_a_bound_token_counts_with_a_proof_once(pep, asked):
    key = new_key()
    token = pep.token_of(cnf={"jkt": key.thumbprint()})
    sent = {"Authorization": f"DPoP {token}", "DPoP": proof_of(key, token)}
    first, second = [await pep.post("evaluation", asked, **sent) for _ in range(2)]
    assert (first.status_code, first.json()["decision"]) == (200, True)
    assert await refusal(second) == (401, "proof_invalid")


BAD_PROOFS = {
    "another-method": {"htm": "GET"},
    "another-endpoint": {"path": "evaluations"},
    "another-origin": {"issuer": "https://elsewhere.example"},
    "another-token": {"ath": "x"},
    "old": {"iat": 1},
    "without-identifier": {"jti": ""},
}


@pytest.mark.parametrize("changes", BAD_PROOFS.values(), ids=BAD_PROOFS)
async def test_a_proof_for_something_else_proves_nothing(pep, asked, changes):
    key = new_key()
    token = pep.token_of(cnf={"jkt": key.thumbprint()})
    sent = {"Authorization": f"DPoP {token}", "DPoP": proof_of(key, token, **changes)}
    assert await refusal(await pep.post("evaluation", asked, **sent)) == (401, "proof_invalid")


async def test_a_proof_with_another_key_or_none_at_all_proves_nothing(pep, asked):
    token = pep.token_of(cnf={"jkt": new_key().thumbprint()})
    for proof in (proof_of(new_key(), token), None, "x.y.z"):
        answer = await pep.post("evaluation", asked, Authorization=f"DPoP {token}", DPoP=proof)
        assert await refusal(answer) == (401, "proof_invalid")
