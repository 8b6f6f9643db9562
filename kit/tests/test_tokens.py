"""Tokens of the internal audience: what is accepted, what is not."""

import base64
import hmac
import json
import time
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from parvis_kit.errors import ServiceError, unavailable
from parvis_kit.tokens import AUDIENCE, TokenVerifier

ISSUER = "http://localhost:8600"


class Issuer:
    """Signs tokens and publishes its keys, as identity does; counts how often the keys are asked for."""

    def __init__(self) -> None:
        self.key = ECKey.generate_key("P-256", {"kid": "first", "use": "sig", "alg": "ES256"})
        self.asked = 0
        self.down = False

    async def keys(self) -> str:
        self.asked += 1
        if self.down:
            raise unavailable("service_unavailable", service="identity")
        return json.dumps(KeySet([self.key]).as_dict(private=False))

    def token(self, header: dict | None = None, key: ECKey | None = None, **changes: object) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(uuid4()),
            "org": str(uuid4()),
            "mbr": str(uuid4()),
            "mkind": "staff",
            "sid": str(uuid4()),
            "iat": now,
            "exp": now + 300,
            "auth_time": now - 60,
            "proof_time": now - 30,
        } | changes
        signing = key or self.key
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": signing.kid} | (header or {}), claims, signing)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def verifier(issuer: Issuer) -> TokenVerifier:
    return TokenVerifier(issuer.keys, issuer=ISSUER)


async def test_a_good_token_names_its_caller(issuer, verifier):
    account, membership = uuid4(), uuid4()
    token = issuer.token(sub=str(account), mbr=str(membership), amr=["pwd"])
    caller = await verifier.verify(token, service="web")
    assert (caller.account_id, caller.membership_id, caller.is_staff, caller.amr) == (
        account,
        membership,
        True,
        ("pwd",),
    )
    assert caller.is_fresh


@pytest.mark.parametrize(("ago", "fresh"), [(0, True), (890, True), (910, False), (None, False)])
async def test_what_is_sensitive_asks_for_a_proof_of_a_quarter_of_an_hour_at_most(issuer, verifier, ago, fresh):
    at = None if ago is None else int(time.time()) - ago
    assert (await verifier.verify(issuer.token(proof_time=at), service="web")).is_fresh is fresh


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"aud": "a-product"}, "token_invalid"),
        ({"aud": [AUDIENCE, "a-product"]}, "token_invalid"),
        ({"iss": "https://elsewhere.example"}, "token_invalid"),
        ({"exp": -1}, "token_expired"),  # numbers: seconds from now
        ({"exp": "tomorrow"}, "token_invalid"),
        ({"iat": 600}, "token_invalid"),
        ({"sub": "not-a-uuid"}, "token_invalid"),
    ],
)
async def test_a_token_with_one_wrong_claim_is_refused(issuer, verifier, change, reason):
    claims = {name: int(time.time()) + value if isinstance(value, int) else value for name, value in change.items()}
    with pytest.raises(ServiceError) as refused:
        await verifier.verify(issuer.token(**claims), service="web")
    assert refused.value.reason == reason


async def test_an_id_token_is_not_an_access_token(issuer, verifier):
    with pytest.raises(ServiceError, match="token_invalid"):
        await verifier.verify(issuer.token(header={"typ": "JWT"}), service="web")


async def test_a_token_signed_by_another_key_is_refused(issuer, verifier):
    forger = ECKey.generate_key("P-256", {"kid": "first", "use": "sig", "alg": "ES256"})
    with pytest.raises(ServiceError, match="token_invalid"):
        await verifier.verify(issuer.token(key=forger), service="web")


def part(told: dict[str, str]) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=")


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_another_algorithm_than_ours_is_refused(issuer, verifier, algorithm):
    """Whatever a token says of itself: no signature, or our public key taken for a shared secret."""
    claims = issuer.token().split(".")[1].encode()
    signed = part({"alg": algorithm, "typ": "at+jwt", "kid": "first"}) + b"." + claims
    mac = hmac.digest(issuer.key.as_pem(private=False), signed, "sha256") if algorithm == "HS256" else b""
    token = b".".join([signed, base64.urlsafe_b64encode(mac).rstrip(b"=")]).decode()
    with pytest.raises(ServiceError, match="token_invalid"):
        await verifier.verify(token, service="web")


async def test_a_key_of_another_kind_is_no_key_of_ours(issuer, verifier):
    """Signed in a way that is sound, and that nobody agreed to."""
    key = ECKey.generate_key("P-384", {"kid": "first", "use": "sig", "alg": "ES384"})
    token = jwt.encode(
        {"alg": "ES384", "typ": "at+jwt", "kid": "first"},
        json.loads(base64.urlsafe_b64decode(issuer.token().split(".")[1] + "==")),
        key,
        algorithms=["ES384"],
    )
    issuer.key = key
    with pytest.raises(ServiceError, match="token_invalid"):
        await verifier.verify(token, service="web")


@pytest.mark.parametrize("token", ["", "abc", "a.b.c", "é.é.é", "." * 10])
async def test_what_is_no_token_is_refused(verifier, token):
    with pytest.raises(ServiceError, match="token_invalid"):
        await verifier.verify(token, service="web")


async def test_a_remembered_token_still_expires(issuer, verifier, monkeypatch):
    token, later = issuer.token(), time.time() + 301
    await verifier.verify(token, service="web")
    monkeypatch.setattr("parvis_kit.tokens.time.time", lambda: later)
    with pytest.raises(ServiceError, match="token_expired"):
        await verifier.verify(token, service="web")


async def test_keys_are_asked_for_once_and_survive_identity_being_down(issuer, verifier):
    await verifier.verify(issuer.token(), service="web")
    issuer.down = True
    await verifier.verify(issuer.token(), service="web")
    assert issuer.asked == 1


async def test_unknown_keys_do_not_make_a_service_ask_for_each_token(issuer, verifier):
    await verifier.verify(issuer.token(), service="web")
    forger = ECKey.generate_key("P-256", {"kid": "other", "use": "sig", "alg": "ES256"})
    for _ in range(20):
        with pytest.raises(ServiceError):
            await verifier.verify(issuer.token(key=forger), service="web")
    assert issuer.asked == 1


async def test_a_caller_says_who_vouched_for_them(issuer, verifier):
    firm = uuid4()
    alone = await verifier.verify(issuer.token(acr="0", vouched=[str(firm)]), service="web")
    assert (alone.acr, alone.vouched) == ("0", (firm,))
    assert (await verifier.verify(issuer.token(acr="1"), service="web")).vouched == ()
    with pytest.raises(ServiceError, match="token_invalid"):
        await verifier.verify(issuer.token(vouched=["a firm"]), service="web")
