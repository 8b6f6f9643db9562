"""Proofs alone (RFC 9449, 4.3); what endpoints do with them stands in test_fapi_*.py."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from protocol_parts import PROOF_ALGORITHMS, Prover

from parvis_identity.domain import dpop as rules
from parvis_identity.service.dpop import Nonces, ProofRefused, Proofs

ISSUER = "https://portail.example"
USERINFO = f"{ISSUER}/oauth2/userinfo"


@pytest.fixture(scope="module")
def proofs() -> Proofs:
    return Proofs(issuer=ISSUER)


@pytest.fixture(scope="module")
def prover() -> Prover:
    return Prover(ECKey.generate_key("P-256"))


async def read(stage, proofs, *headers, **changes):
    given = {"method": "GET", "path": "/oauth2/userinfo", **changes}
    async with stage.unit() as unit:
        return await proofs.read(unit, headers, **given)


@pytest.mark.parametrize(("address", "normal"), [
    ("https://portail.example/oauth2/token", "https://portail.example/oauth2/token"),
    ("HTTPS://Portail.EXAMPLE/oauth2/token", "https://portail.example/oauth2/token"),
    ("https://portail.example:443/oauth2/token", "https://portail.example/oauth2/token"),
    ("http://portail.example:80/a", "http://portail.example/a"),
    ("http://localhost:8600/a", "http://localhost:8600/a"),
    ("https://portail.example", "https://portail.example/"),
    ("https://portail.example/a?b=c#d", "https://portail.example/a"),
    ("https://portail.example/%7Ea%2fb", "https://portail.example/~a%2Fb"),
    ("https://[2001:DB8::1]:443/a", "https://[2001:db8::1]/a"),
])  # fmt: skip
def test_addresses_are_compared_in_one_form(address, normal):
    assert rules.normalised(address) == normal


@pytest.mark.parametrize("address", ["", "oauth2/token", "ftp://a/b", "https:///a", "https://u@a/", "https://a:x/"])
def test_what_is_no_address_has_no_normal_form(address):
    with pytest.raises(ValueError, match=r".*"):
        rules.normalised(address)


@pytest.mark.parametrize("algorithm", PROOF_ALGORITHMS)
async def test_a_proof_names_the_key_that_made_it(stage, proofs, algorithm):
    prover = Prover.of(algorithm)

    proof = await read(stage, proofs, prover.proof("GET", USERINFO))

    assert proof.jkt == prover.jkt


async def test_without_a_header_there_is_no_proof(stage, proofs):
    assert await read(stage, proofs) is None


async def test_two_headers_are_refused(stage, proofs, prover):
    with pytest.raises(ProofRefused, match="more than one"):
        await read(stage, proofs, prover.proof("GET", USERINFO), prover.proof("GET", USERINFO))


@pytest.mark.parametrize("claims", [
    {"htm": "PUT"}, {"htm": "get"}, {"htm": None}, {"htm": 1},
    {"htu": USERINFO + "x"}, {"htu": "https://attacker.example/oauth2/userinfo"}, {"htu": None}, {"htu": ["x"]},
    {"htu": "http://[::/"}, {"htu": "http://portail.example/oauth2/userinfo"},
    {"jti": None}, {"jti": ""}, {"jti": 7}, {"jti": "x" * 257}, {"jti": "a\x00b"}, {"jti": "\ud800"},
    {"iat": None}, {"iat": "now"}, {"iat": True}, {"iat": 10**400}, {"iat": -1},
    {"nbf": "soon"}, {"exp": "late"},
])  # fmt: skip
async def test_a_claim_that_is_missing_or_wrong_is_refused(stage, proofs, prover, claims):
    with pytest.raises(ProofRefused):
        await read(stage, proofs, prover.proof("GET", USERINFO, **claims))


@pytest.mark.parametrize("seconds", [-10, 0, 10])
async def test_a_clock_may_be_ten_seconds_off(stage, proofs, prover, seconds):
    assert await read(stage, proofs, prover.proof("GET", USERINFO, age=-seconds))


@pytest.mark.parametrize("seconds", [-3600, -70, 70, 3600])
async def test_a_clock_may_not_be_more_than_a_minute_off(stage, proofs, prover, seconds):
    with pytest.raises(ProofRefused, match="iat"):
        await read(stage, proofs, prover.proof("GET", USERINFO, age=-seconds))


async def test_a_proof_may_say_from_when_and_until_when_it_is_good(stage, proofs, prover):
    now = int(datetime.now(UTC).timestamp())

    assert await read(stage, proofs, prover.proof("GET", USERINFO, nbf=now - 5, exp=now + 60))
    with pytest.raises(ProofRefused, match="nbf"):
        await read(stage, proofs, prover.proof("GET", USERINFO, nbf=now + 90))
    with pytest.raises(ProofRefused, match="exp"):
        await read(stage, proofs, prover.proof("GET", USERINFO, exp=now - 90))


@pytest.mark.parametrize("htu", [
    f"{USERINFO}?a=b#c", "HTTPS://PORTAIL.EXAMPLE/oauth2/userinfo", "https://portail.example:443/oauth2/userinfo",
])  # fmt: skip
async def test_an_address_may_be_written_in_other_ways(stage, proofs, prover, htu):
    assert await read(stage, proofs, prover.proof("GET", htu))


async def test_what_is_not_known_in_a_proof_is_ignored(stage, proofs, prover):
    assert await read(stage, proofs, prover.proof("GET", USERINFO, header={"tx_id": 1}, tx_id_key=2))


@pytest.mark.parametrize("header", [
    {"typ": None}, {"typ": "JWT"}, {"typ": "dpop+jwt+wrongyousee"}, {"jwk": None}, {"jwk": "x"}, {"jwk": {}},
    {"jwk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}}, {"jwk": {"kty": "oct", "k": "AAAA"}},
    {"jwk": {"kty": "EC", "crv": "P-256", "x": 1, "y": 2}}, {"crit": ["exp"]},
])  # fmt: skip
async def test_a_header_that_is_missing_or_wrong_is_refused(stage, proofs, prover, header):
    with pytest.raises(ProofRefused):
        await read(stage, proofs, prover.proof("GET", USERINFO, header=header))


async def test_a_private_key_in_the_header_is_refused(stage, proofs, prover):
    with pytest.raises(ProofRefused, match="no public key"):
        await read(stage, proofs, prover.proof("GET", USERINFO, header={"jwk": prover.key.as_dict(private=True)}))


@pytest.mark.parametrize(("algorithm", "key"), [
    ("RS256", lambda: RSAKey.generate_key(2048)), ("HS256", lambda: OctKey.generate_key(256)),
    ("ES384", lambda: ECKey.generate_key("P-384")), ("PS256", lambda: RSAKey.generate_key(1024)),
    ("EdDSA", lambda: OKPKey.generate_key("Ed448")), ("none", lambda: ECKey.generate_key("P-256")),
])  # fmt: skip
@pytest.mark.filterwarnings("ignore")
async def test_an_algorithm_or_a_key_that_is_too_weak_is_refused(stage, proofs, algorithm, key):
    with pytest.raises(ProofRefused):
        await read(stage, proofs, Prover(key(), algorithm).proof("GET", USERINFO))


async def test_a_signature_of_another_key_is_refused(stage, proofs, prover):
    other = ECKey.generate_key("P-256").as_dict(private=False)

    with pytest.raises(ProofRefused, match="signature"):
        await read(stage, proofs, prover.proof("GET", USERINFO, header={"jwk": other}))


async def test_a_proof_that_is_no_jwt_is_refused(stage, proofs, prover):
    head, body, signature = prover.proof("GET", USERINFO).split(".")
    altered = base64.urlsafe_b64encode(base64.urlsafe_b64decode(head + "==").replace(b'"alg"', b'"alg2"')).decode()
    listed = jws.serialize_compact(prover.header(), json.dumps([1]), prover.key, algorithms=["ES256"])

    for encoded in ("", "x", f"{head}.{body}", f"{head}.{body}.", f"{altered}.{body}.{signature}", "é.é.é", listed,
                    f"{head}.{body}.{signature}, {head}.{body}.{signature}", "a" * 5000):  # fmt: skip
        with pytest.raises(ProofRefused):
            await read(stage, proofs, encoded)


async def test_a_proof_comes_once(stage, proofs, prover):
    proof = prover.proof("GET", USERINFO)
    await read(stage, proofs, proof)

    with pytest.raises(ProofRefused, match="before"):
        await read(stage, proofs, proof)


async def test_of_ten_uses_of_a_proof_at_once_one_succeeds(stage, proofs, prover):
    proof = prover.proof("GET", USERINFO)

    results = await asyncio.gather(*(read(stage, proofs, proof) for _ in range(10)), return_exceptions=True)

    assert sum(not isinstance(result, ProofRefused) for result in results) == 1


async def test_two_keys_may_use_the_same_jti(stage, proofs, prover):
    await read(stage, proofs, prover.proof("GET", USERINFO, jti="one-jti"))

    assert await read(stage, proofs, Prover.of("ES256").proof("GET", USERINFO, jti="one-jti"))


async def test_a_proof_with_a_token_is_for_that_token(stage, proofs, prover):
    good, bad = prover.proof("GET", USERINFO, token="token"), prover.proof("GET", USERINFO, token="other")

    assert await read(stage, proofs, good, access_token="token")
    for proof in (bad, prover.proof("GET", USERINFO), prover.proof("GET", USERINFO, ath=7)):
        with pytest.raises(ProofRefused, match="ath"):
            await read(stage, proofs, proof, access_token="token")


async def test_an_installation_may_ask_for_nonces(stage, prover):
    strict = Proofs(issuer=ISSUER, nonces=Nonces(b"secret"))
    nonce = strict.nonce(datetime.now(UTC))

    assert await read(stage, strict, prover.proof("GET", USERINFO, nonce=nonce))
    for wrong in (None, "", "é", 5, Nonces(b"other").current(datetime.now(UTC))):
        with pytest.raises(ProofRefused) as refused:
            await read(stage, strict, prover.proof("GET", USERINFO, nonce=wrong))
        assert refused.value.error == "use_dpop_nonce"


def test_a_nonce_is_good_for_some_minutes():
    nonces, now = Nonces(b"secret"), datetime(2026, 1, 1, 12, tzinfo=UTC)

    assert nonces.accepts(nonces.current(now), now + timedelta(minutes=2))
    assert not nonces.accepts(nonces.current(now), now + timedelta(minutes=5))
