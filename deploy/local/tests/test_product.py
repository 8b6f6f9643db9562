"""The example product ends its own session when the portal says that somebody signed out, and for nothing else."""

import json
import time

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet

from parvis_local.product.ending import EVENT
from parvis_local.product.main import COOKIE, Product, Settings

ISSUER, CLIENT = "http://localhost:8600", "c1"
KEY = ECKey.generate_key("P-256", {"kid": "a"})
OTHER = ECKey.generate_key("P-256", {"kid": "a"})


@pytest.fixture
def product(tmp_path):
    file = tmp_path / "product.json"
    file.write_text(json.dumps({"client_id": CLIENT, "client_secret": "s"}))
    made = Product(Settings("http://127.0.0.1:8602", ISSUER, ISSUER, file))
    keys = KeySet([KEY]).as_dict(private=False)
    made._http = httpx.AsyncClient(
        base_url=ISSUER, transport=httpx.MockTransport(lambda _: httpx.Response(200, json=keys))
    )
    for name in ("one", "two"):
        made._sessions[name] = {"claims": {"sub": "anne", "sid": f"s-{name}"}, "id_token": "x"}
    return made


@pytest.fixture
async def caller(product):
    transport = httpx.ASGITransport(product.application())
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8602") as client:
        yield client


def token(*, key=KEY, header=None, without=(), **changes):
    now = int(time.time())
    claims = {
        "iss": ISSUER, "aud": CLIENT, "sub": "anne", "sid": "s-one", "iat": now, "exp": now + 120, "jti": "j1",
        "events": {EVENT: {}}, **changes,
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if name not in without}
    return jwt.encode({"alg": "ES256", "kid": "a", "typ": "logout+jwt", **(header or {})}, claims, key)


async def told(caller, logout_token):
    return await caller.post("/backchannel-logout", data={"logout_token": logout_token})


async def is_open(caller, name):
    return "anne" in (await caller.get("/", headers={"Cookie": f"{COOKIE}={name}"})).text


async def test_the_session_that_is_named_ends_and_no_other(caller):
    answer = await told(caller, token())
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert [await is_open(caller, name) for name in ("one", "two")] == [False, True]


async def test_without_a_session_all_of_the_person_end(caller):
    await told(caller, token(without=("sid",)))
    assert [await is_open(caller, name) for name in ("one", "two")] == [False, False]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: "not.a.token",
        lambda: token(key=OTHER),
        lambda: token(iss="https://elsewhere.example"),
        lambda: token(aud="c2"),
        lambda: token(exp=int(time.time()) - 600),
        lambda: token(iat=int(time.time()) - 3600),
        lambda: token(nonce="n"),
        lambda: token(events={}),
        lambda: token(events=[EVENT]),
        lambda: token(header={"typ": "JWT"}),
        lambda: token(without=("sub", "sid")),
        lambda: token(without=("jti",)),
        lambda: token(without=("iat",)),
    ],
    ids=[
        "malformed", "another key", "another issuer", "another client", "expired", "old", "nonce", "no event",
        "events are no object", "another kind", "nobody", "no jti", "no iat",
    ],
)  # fmt: skip
async def test_what_is_no_logout_token_ends_nothing(caller, wrong):
    answer = await told(caller, wrong())
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await is_open(caller, "one")


async def test_a_logout_token_counts_once(caller, product):
    logout_token = token()
    await told(caller, logout_token)
    product._sessions["one"] = {"claims": {"sub": "anne", "sid": "s-one"}, "id_token": "x"}
    answer = await told(caller, logout_token)
    assert (answer.status_code, await is_open(caller, "one")) == (400, True)


async def test_nothing_at_all_is_refused(caller):
    assert (await caller.post("/backchannel-logout")).status_code == 400
