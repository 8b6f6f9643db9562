"""Requests that a client signs, inside the address or at one of its own (OpenID Connect Core, 6)."""

import base64
import hashlib
import json
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from identity_stage import PUBLIC_URL, Flow, answer_of, claims_of
from joserfc import jwt
from joserfc.jwk import ECKey

from parvis_identity.service.outgoing import NotReached, Reply

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
KEY = ECKey.generate_key("P-256", {"kid": "one"}, auto_kid=False)
KEYS = {"keys": [KEY.as_dict(private=False)]}


@pytest.fixture(scope="module")
async def person(stage):
    return await stage.person(mail="anne.roche@cabinet.example")


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


def signed(client, *, key: Any = KEY, alg: str = "ES256", **claims: Any) -> str:
    return jwt.encode({"alg": alg, "kid": "one"}, {"iss": client.client_id, **claims}, key, algorithms=[alg])


def unsigned(**claims: Any) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(each).encode()).decode().rstrip("=") for each in ({"alg": "none"}, claims)
    ]
    return f"{parts[0]}.{parts[1]}."


async def test_what_a_request_object_says_counts(stage, browser):
    client, secret = await stage.relying_party(jwks=KEYS)
    said = {
        "state": "inside",
        "nonce": "inside",
        "aud": PUBLIC_URL,
        "max_age": 600,
        "claims": {"id_token": {"email": None}},
    }

    for text in (signed(client, **said), unsigned(**said)):
        flow = Flow(client, secret)
        answer = answer_of(await flow.authorize(browser, request=text))
        claims = claims_of((await flow.exchange(browser, answer["code"])).json()["id_token"])
        assert (answer["state"], claims["nonce"]) == ("inside", "inside")


async def test_a_redirect_address_inside_counts_and_must_be_registered(stage, browser):
    client, secret = await stage.relying_party(jwks=KEYS)
    flow = Flow(client, secret)

    good = await flow.authorize(
        browser, request=signed(client, redirect_uri=client.redirect_uris[0]), redirect_uri="https://other.example/"
    )
    bad = await flow.authorize(browser, request=signed(client, redirect_uri="https://other.example/"))

    assert answer_of(good)["code"]
    assert bad.status_code == 400


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "other"}, {"aud": "https://other.example"}, {"client_id": "other"}, {"response_type": "token"},
        {"exp": 1}, {"nbf": int(time.time()) + 600}, {"request": "x"}, {"request_uri": "x"}, {"exp": "soon"},
        {"state": "a\0b"},
    ],
)  # fmt: skip
async def test_a_request_object_that_breaks_a_rule_is_refused(stage, browser, claims):
    client, secret = await stage.relying_party(jwks=KEYS)

    answer = answer_of(await Flow(client, secret).authorize(browser, request=signed(client, **claims)))

    assert (answer["error"], answer["state"]) == ("invalid_request_object", "s-123")


async def test_a_request_object_is_signed_as_registered(stage, browser):
    stranger = ECKey.generate_key("P-256", {"kid": "one"}, auto_kid=False)
    for registered, made, good in (
        ("ES256", signed, True), ("PS256", signed, False), ("ES256", lambda _: unsigned(), False),
        ("none", lambda _: unsigned(), True), ("none", signed, False),
        ("", lambda client: signed(client, key=stranger), False), ("", lambda _: unsigned() + "AAAA", False),
    ):  # fmt: skip
        client, secret = await stage.relying_party(jwks=KEYS, request_object_signing_alg=registered)
        answer = answer_of(await Flow(client, secret).authorize(browser, request=made(client)))
        assert ("code" in answer) == good, registered


class Elsewhere:
    def __init__(self, text: str, status: int = 200) -> None:
        self.reply = Reply(status, {}, text.encode())

    async def get(self, url: str, *, accept: str = "") -> Reply:
        if "down" in url:
            raise NotReached("The address does not answer.")
        return self.reply


async def test_a_request_is_fetched_where_it_is_registered(stage, browser, monkeypatch):
    text = unsigned(state="there")
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    at = "https://paie.example/request"
    client, secret = await stage.relying_party(request_uris=[at, "https://down.example/"])
    flow = Flow(client, secret)
    monkeypatch.setattr(stage.site.request_objects, "_outgoing", Elsewhere(text))

    for uri in (at, f"{at}#{digest}", f"{at}#version-2"):
        assert answer_of(await flow.authorize(browser, request_uri=uri))["state"] == "there"
    for uri in (f"{at}#{'x' * 43}", "https://other.example/", "https://down.example/", f"{at}/more", ""):
        assert answer_of(await flow.authorize(browser, request_uri=uri))["error"] == "invalid_request_uri"
    both = answer_of(await flow.authorize(browser, request_uri=at, request=text))
    assert both["error"] == "invalid_request"


async def test_a_request_in_our_own_network_is_not_fetched(stage, browser):
    client, secret = await stage.relying_party(request_uris=["http://127.0.0.1:1/request"])

    answer = answer_of(await Flow(client, secret).authorize(browser, request_uri=client.request_uris[0]))

    assert answer["error"] == "invalid_request_uri"


async def test_what_an_object_asked_for_is_kept_while_the_person_signs_in(stage, person):
    client, secret = await stage.relying_party(jwks=KEYS)
    browser, flow = stage.browser(), Flow(client, secret)
    asked = await flow.authorize(
        browser, request=signed(client, state="kept", prompt="login", exp=int(time.time()) + 300)
    )
    # Whoever takes long to type a password comes back after what was asked has run out.
    await stage.run("UPDATE pushed_requests SET expires_at = now() - interval '1 second'")

    signed_in = await browser.sign_in(person.mail, at=asked.headers["location"])
    back = await browser.get(signed_in.headers["location"])

    assert "request_uri" in parse_qs(urlsplit(asked.headers["location"]).query)["next"][0]
    assert answer_of(back)["state"] == "kept"
