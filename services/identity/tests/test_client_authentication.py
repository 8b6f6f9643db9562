"""How clients prove who they are, one test for each rule (RFC 6749, 2.3; RFC 7523; FAPI 2.0, 5.3.2.1)."""

import json
import time
from typing import Any

import pytest
from identity_stage import PUBLIC_URL
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from parvis_identity.models import Client
from parvis_identity.service import signatures
from parvis_identity.service.authentication import ASSERTION_TYPE
from parvis_identity.service.outgoing import NotReached, Reply

TOKEN = f"{PUBLIC_URL}/oauth2/token"
KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig"}, auto_kid=False)
FORM = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
async def party(stage):
    return await stage.relying_party()


async def by_key(stage, **changes: Any) -> Client:
    values = {"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [KEY.as_dict(private=False)]}}
    client, _ = await stage.relying_party(**{**values, **changes})
    return client


def assertion(client: Client, *, key: Any = KEY, alg: str = "ES256", kid: str | None = "one", **changes: Any) -> str:
    now = int(time.time())
    claims = {
        "iss": client.client_id, "sub": client.client_id, "aud": PUBLIC_URL, "exp": now + 60, "iat": now,
        "jti": str(time.perf_counter_ns()), **changes,
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not None}
    header = {"alg": alg, **({"kid": kid} if kid else {})}
    return jwt.encode(header, claims, key, algorithms=[alg])


async def present(stage, token: str, **changes: str):
    form = {**FORM, "client_assertion_type": ASSERTION_TYPE, "client_assertion": token, **changes}
    return await stage.browser().http.post("/oauth2/token", data=form)


async def test_a_secret_in_the_form_serves_clients_that_are_registered_so(stage):
    client, secret = await stage.relying_party(token_endpoint_auth_method="client_secret_post")
    post = stage.browser().http.post

    good = await post("/oauth2/token", data={**FORM, "client_id": client.client_id, "client_secret": secret})
    wrong = await post("/oauth2/token", data={**FORM, "client_id": client.client_id, "client_secret": "x"})
    other_way = await post("/oauth2/token", data=FORM, auth=(client.client_id, secret))

    assert good.status_code == 200
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert (other_way.status_code, other_way.json()["error"]) == (401, "invalid_client")


async def test_a_client_with_a_secret_cannot_do_without(stage, party):
    form = {**FORM, "client_id": party[0].client_id}

    assert (await stage.browser().http.post("/oauth2/token", data=form)).json()["error"] == "invalid_client"


async def test_a_secret_in_the_header_is_decoded_as_a_form_field(stage, party):
    # RFC 6749, 2.3.1: percent-encoded before Base64.
    encoded = "".join(f"%{ord(c):02X}" for c in party[1])

    answer = await stage.browser().http.post("/oauth2/token", data=FORM, auth=(party[0].client_id, encoded))

    assert answer.status_code == 200


@pytest.mark.parametrize("audience", [PUBLIC_URL, TOKEN, [PUBLIC_URL], [TOKEN, "https://other.example"]])
async def test_an_assertion_names_us_in_the_ways_of_openid_connect(stage, audience):
    client = await by_key(stage)

    assert (await present(stage, assertion(client, aud=audience))).status_code == 200


@pytest.mark.parametrize("audience", [TOKEN, [PUBLIC_URL], f"{PUBLIC_URL}/oauth2/par", f"{PUBLIC_URL}/"])
async def test_fapi_takes_the_issuer_alone_for_an_audience(stage, audience):
    client = await by_key(stage, profile="fapi2")

    refused = await present(stage, assertion(client, aud=audience))
    good = await present(stage, assertion(client))

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert good.json()["error"] == "invalid_request"  # proved, but a proof of its key is missing (RFC 9449)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"}, {"iss": None}, {"sub": "other"}, {"sub": None}, {"sub": 7}, {"aud": None},
        {"aud": "https://other.example"}, {"aud": 7}, {"exp": None}, {"exp": int(time.time()) - 300},
        {"exp": "soon"}, {"exp": int(time.time()) + 90_000}, {"exp": 1e300}, {"jti": None}, {"jti": 7},
        {"jti": "x" * 600},
        {"nbf": int(time.time()) + 3_600}, {"iat": int(time.time()) + 3_600},
    ],
)  # fmt: skip
async def test_an_assertion_that_breaks_a_rule_is_refused(stage, changes):
    client = await by_key(stage)

    answer = await present(stage, assertion(client, **changes))

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_clocks_may_differ_a_little(stage):
    client = await by_key(stage)

    assert (await present(stage, assertion(client, nbf=int(time.time()) + 8))).status_code == 200


async def test_an_assertion_counts_once(stage):
    client = await by_key(stage)
    token = assertion(client)

    answers = [await present(stage, token) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 401]


async def test_an_assertion_and_a_secret_at_once_are_refused(stage):
    answer = await present(stage, assertion(await by_key(stage)), client_secret="x")

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "changes", [{"client_id": "other"}, {"client_assertion_type": "x"}, {"client_assertion": "a.b.c"}]
)
async def test_an_assertion_that_is_not_the_clients_is_refused(stage, changes):
    answer = await present(stage, assertion(await by_key(stage)), **changes)

    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_an_assertion_of_another_key_is_refused(stage):
    other = ECKey.generate_key("P-256", auto_kid=False)

    for kid in ("one", "two", None):
        answer = await present(stage, assertion(await by_key(stage), key=other, kid=kid))
        assert answer.json()["error"] == "invalid_client"


async def test_each_algorithm_verifies_and_fapi_refuses_rs256(stage):
    rsa, okp = RSAKey.generate_key(2048, auto_kid=False), OKPKey.generate_key("Ed25519", auto_kid=False)
    keys = {"keys": [key.as_dict(private=False) for key in (KEY, rsa, okp)]}
    for alg, key in (("ES256", KEY), ("RS256", rsa), ("PS256", rsa), ("EdDSA", okp)):
        for profile in ("", "fapi2"):
            client = await by_key(stage, jwks=keys, profile=profile)
            answer = await present(stage, assertion(client, key=key, alg=alg, kid=None))
            assert (answer.status_code == 401) == (alg == "RS256" and bool(profile)), (alg, profile)


async def test_a_registered_algorithm_is_the_only_one(stage):
    client = await by_key(stage, token_endpoint_auth_signing_alg="PS256")

    assert (await present(stage, assertion(client))).json()["error"] == "invalid_client"


async def test_a_secret_is_no_key(stage):
    """An assertion signed with HMAC under the public key: the classic confusion."""
    from joserfc.jwk import OctKey

    client = await by_key(stage)
    key = OctKey.import_key(json.dumps(KEY.as_dict(private=False)).encode())

    assert (await present(stage, assertion(client, key=key, alg="HS256"))).json()["error"] == "invalid_client"


async def test_a_refused_client_leaves_a_trace(stage, party):
    before = await stage.audited("client.refused")

    await present(stage, assertion(await by_key(stage), aud="https://other.example"))
    await stage.browser().http.post("/oauth2/token", data=FORM, auth=(party[0].client_id, "wrong"))
    await stage.browser().http.post("/oauth2/token", data=FORM, auth=("nobody", "wrong"))

    assert await stage.audited("client.refused") == before + 2


class Elsewhere:
    """The address of a client's keys."""

    def __init__(self, *keys: Any) -> None:
        self.keys, self.asked, self.up = list(keys), 0, True

    async def get(self, url: str, *, accept: str = "") -> Reply:
        self.asked += 1
        if not self.up:
            raise NotReached("down")
        document = {"keys": [key.as_dict(private=False) for key in self.keys]}
        return Reply(200, {}, json.dumps(document).encode())


async def test_keys_at_an_address_are_fetched_kept_and_fetched_again_when_they_changed(stage, monkeypatch):
    client = await by_key(stage, jwks=None, jwks_uri="https://client.example/keys")
    elsewhere = Elsewhere(KEY)
    monkeypatch.setattr(stage.keys, "_outgoing", elsewhere)
    monkeypatch.setattr("parvis_identity.service.client_keys._AGAIN", 0.0)
    new = ECKey.generate_key("P-256", {"kid": "two"}, auto_kid=False)

    first = [(await present(stage, assertion(client))).status_code for _ in range(2)]
    asked = elsewhere.asked
    elsewhere.keys = [new]
    rotated = await present(stage, assertion(client, key=new, kid="two"))
    old = await present(stage, assertion(client))
    elsewhere.up = False
    down = await present(stage, assertion(client, key=new, kid="two"))

    assert (first, asked) == ([200, 200], 1)
    assert [rotated.status_code, old.status_code, down.status_code] == [200, 401, 200]


async def test_keys_in_a_private_network_are_not_fetched(stage):
    client = await by_key(stage, jwks=None, jwks_uri="http://127.0.0.1:1/keys")

    assert (await present(stage, assertion(client))).json()["error"] == "invalid_client"


@pytest.mark.parametrize(
    "document",
    [
        None, [], {}, {"keys": {}}, {"keys": [7]}, {"keys": [{"kty": "oct", "k": "AAAA"}]},
        {"keys": [KEY.as_dict(private=True)]}, {"keys": [{"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}]},
        {"keys": [{"kty": "RSA"}]}, {"keys": [RSAKey.generate_key(1024).as_dict(private=False)]},
        {"keys": [KEY.as_dict(private=False)] * 21},
    ],
)  # fmt: skip
def test_a_bad_key_set_is_refused(document):
    with pytest.raises(ValueError, match=r"^It "):
        signatures.keys_of(document)


def test_keys_of_other_kinds_are_left_out():
    kept = signatures.keys_of({"keys": [{"kty": "AKP"}, {**KEY.as_dict(private=False), "use": "enc"}]})

    assert kept == ()
