"""Clients that register and change themselves, one test for each rule (RFC 7591, RFC 7592)."""

import hashlib
import json
from typing import Any

import pytest
from identity_stage import make_stage
from joserfc.jwk import ECKey

from parvis_identity.service.outgoing import NotReached, Reply

TOKEN = "initial-access-token"
KEY = ECKey.generate_key("P-256", {"kid": "one"}, auto_kid=False)
KEYS = {"keys": [KEY.as_dict(private=False)]}
LEAST = {"redirect_uris": ["https://client.example/cb"]}
BY_KEY = {**LEAST, "token_endpoint_auth_method": "private_key_jwt", "jwks": KEYS}


class Elsewhere:
    """What an address of a client answers."""

    def __init__(self, *listed: str, status: int = 200, body: bytes | None = None) -> None:
        self.reply = Reply(status, {}, json.dumps(listed).encode() if body is None else body)

    async def get(self, url: str, *, accept: str = "") -> Reply:
        if "down" in url:
            raise NotReached("The address does not answer.")
        return self.reply


@pytest.fixture(scope="module")
async def stage(database):
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    return await make_stage(database, registration="token", registration_token_sha256=digest)


async def send(
    stage, said: Any, *, token: str = TOKEN, method: str = "POST", at: str = "/oauth2/register", **headers: str
):
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return await stage.browser().http.request(method, at, json=said, headers=headers)


async def own(stage, registered: dict[str, Any], method: str, said: Any = None, *, token: str = ""):
    at = registered["registration_client_uri"].removeprefix(stage.settings.public_url)
    return await send(stage, said, token=token or registered["registration_access_token"], method=method, at=at)


async def test_a_client_registers_with_the_defaults_of_the_standards(stage):
    answer = await send(stage, LEAST)
    told = answer.json()

    assert answer.status_code == 201
    assert answer.headers["cache-control"] == "no-store"
    assert (told["token_endpoint_auth_method"], told["id_token_signed_response_alg"]) == (
        "client_secret_basic",
        "RS256",
    )
    assert (told["grant_types"], told["response_types"]) == (["authorization_code"], ["code"])
    assert (told["subject_type"], told["client_secret_expires_at"]) == ("public", 0)
    assert len(told["client_secret"]) >= 43
    assert told["registration_client_uri"].endswith(told["client_id"])


async def test_what_was_registered_is_told_back(stage):
    said = {
        **LEAST,
        "client_name": "Étude Durand", "logo_uri": "https://client.example/logo.png",
        "policy_uri": "https://client.example/policy", "tos_uri": "https://client.example/tos",
        "client_uri": "https://client.example/", "contacts": ["anne@client.example"], "default_max_age": 300,
        "require_auth_time": True, "jwks_uri": "https://client.example/keys", "scope": "openid email",
        "userinfo_signed_response_alg": "RS256", "id_token_signed_response_alg": "PS256",
        "request_object_signing_alg": "none", "request_uris": ["https://client.example/request#hash"],
        "post_logout_redirect_uris": ["https://client.example/out"], "application_type": "native",
        "initiate_login_uri": "https://client.example/login", "default_acr_values": ["1"],
        "backchannel_logout_uri": "https://client.example/bye", "backchannel_logout_session_required": True,
        "grant_types": ["authorization_code", "refresh_token"], "software_id": "s", "software_version": "2",
        "pkce_required": False, "rotates_refresh_tokens": False,
    }  # fmt: skip

    told = (await send(stage, {**said, "unknown_member": 1})).json()

    assert {name: told.get(name) for name in said} == said
    assert "unknown_member" not in told


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_without_the_initial_access_token_nobody_registers(stage, token):
    answer = await send(stage, LEAST, token=token)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_provider_decides_who_may_register(database):
    closed, anybody = await make_stage(database), await make_stage(database, registration="open")

    assert (await send(closed, LEAST)).status_code == 403
    assert (await send(anybody, LEAST, token="")).status_code == 201


@pytest.mark.parametrize(
    "redirects",
    [
        None, [], "https://client.example/cb", ["https://client.example/cb#part"], ["http://client.example/cb"],
        ["javascript:alert(1)"], ["https://*.example/"], [7], ["https://client.example/cb"] * 21, [""],
        ["https://user@client.example/"], ["https://client.example/" + "x" * 2000],
    ],
)  # fmt: skip
async def test_a_redirect_address_that_cannot_be_is_refused(stage, redirects):
    answer = await send(stage, {"redirect_uris": redirects})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_redirect_uri")


@pytest.mark.parametrize(
    "changes",
    [
        {"grant_types": ["implicit"]}, {"response_types": ["code id_token"]}, {"response_types": ["token"]},
        {"token_endpoint_auth_method": "client_secret_jwt"}, {"id_token_signed_response_alg": "none"},
        {"id_token_signed_response_alg": "HS256"}, {"userinfo_signed_response_alg": "none"},
        {"id_token_encrypted_response_alg": "RSA-OAEP"}, {"subject_type": "secret"}, {"application_type": "desktop"},
        {"token_endpoint_auth_method": "private_key_jwt"}, {"jwks": KEYS, "jwks_uri": "https://client.example/keys"},
        {"jwks": {"keys": [KEY.as_dict(private=True)]}}, {"jwks": []}, {"jwks_uri": "http://client.example/keys"},
        {"logo_uri": "javascript:alert(1)"}, {"logo_uri": 7}, {"contacts": "anne"}, {"contacts": ["x" * 300]},
        {"default_max_age": "300"}, {"default_max_age": True}, {"default_max_age": -1}, {"require_auth_time": "yes"},
        {"scope": ["openid"]}, {"scope": "nothing known"}, {"client_name": "x" * 300}, {"client_name": "a\x07b"},
        {"profile": "fapi9"}, {"software_statement": "a.b.c"}, {"pkce_required": 1},
        {"token_endpoint_auth_method": "none", "grant_types": ["client_credentials"]},
        {"redirect_uris": ["https://a.example/", "https://b.example/"], "subject_type": "pairwise"},
    ],
)  # fmt: skip
async def test_metadata_that_cannot_be_had_is_refused(stage, changes):
    answer = await send(stage, {**LEAST, **changes})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")
    assert answer.json()["error_description"].isascii()


async def test_fapi_clients_are_held_to_their_profile(stage):
    told = (await send(stage, {**BY_KEY, "profile": "fapi2", "pkce_required": False})).json()
    refused = [
        await send(stage, {**LEAST, "profile": "fapi2", **changes})
        for changes in (
            {}, {"jwks": KEYS, "token_endpoint_auth_method": "client_secret_basic"},
            {"jwks": KEYS, "id_token_signed_response_alg": "RS256"},
            {"jwks": KEYS, "token_endpoint_auth_signing_alg": "RS256"},
            {"jwks": KEYS, "request_object_signing_alg": "none"},
        )
    ]  # fmt: skip

    assert told["require_pushed_authorization_requests"]
    assert told["dpop_bound_access_tokens"]
    assert told["pkce_required"]
    assert not told["rotates_refresh_tokens"]
    assert "client_secret" not in told
    assert [answer.status_code for answer in refused] == [400] * 5


async def test_public_clients_have_no_secret_and_must_use_pkce(stage):
    told = (await send(stage, {**LEAST, "token_endpoint_auth_method": "none", "pkce_required": False})).json()

    assert "client_secret" not in told
    assert told["pkce_required"]
    assert told["rotates_refresh_tokens"]


@pytest.mark.parametrize(
    ("elsewhere", "status"),
    [
        (Elsewhere("https://a.example/", "https://b.example/", "https://c.example/"), 201),
        (Elsewhere("https://a.example/"), 400),
        (Elsewhere(status=404), 400),
        (Elsewhere(body=b"<html>"), 400),
        (Elsewhere(body=b"{}"), 400),
    ],
)
async def test_a_sector_lists_every_redirect_address(stage, monkeypatch, elsewhere, status):
    monkeypatch.setattr(stage.site.registration, "_outgoing", elsewhere)
    said = {
        "redirect_uris": ["https://a.example/", "https://b.example/"], "subject_type": "pairwise",
        "sector_identifier_uri": "https://sector.example/file",
    }  # fmt: skip

    assert (await send(stage, said)).status_code == status


async def test_a_sector_in_our_own_network_is_not_fetched(stage):
    answer = await send(stage, {**LEAST, "sector_identifier_uri": "http://127.0.0.1:1/file"})

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata")


async def test_a_client_reads_changes_and_removes_itself(stage):
    registered = (await send(stage, {**LEAST, "client_name": "Before", "tos_uri": "https://client.example/tos"})).json()
    said = {**LEAST, "client_id": registered["client_id"], "client_name": "After"}

    read = (await own(stage, registered, "GET")).json()
    changed = (await own(stage, registered, "PUT", said)).json()
    removed = await own(stage, registered, "DELETE")
    gone = await own(stage, registered, "GET")

    assert (read["client_name"], read["tos_uri"]) == ("Before", "https://client.example/tos")
    assert "client_secret" not in read
    assert changed["client_name"] == "After"
    assert "tos_uri" not in changed
    assert (removed.status_code, gone.status_code) == (204, 401)


async def test_a_changed_client_counts_at_once(stage):
    registered = (await send(stage, {**LEAST, "grant_types": ["authorization_code", "client_credentials"]})).json()
    proof = (registered["client_id"], registered["client_secret"])
    form = {"grant_type": "client_credentials"}
    before = await stage.browser().http.post("/oauth2/token", data=form, auth=proof)

    await own(stage, registered, "PUT", {**LEAST, "client_id": registered["client_id"]})
    after = await stage.browser().http.post("/oauth2/token", data=form, auth=proof)

    assert before.status_code == 200
    assert after.json()["error"] == "unauthorized_client"


async def test_a_client_that_changes_its_way_of_proof_gets_or_loses_its_secret(stage):
    registered = (await send(stage, BY_KEY)).json()

    to_secret = (await own(stage, registered, "PUT", {**LEAST, "client_id": registered["client_id"]})).json()
    to_key = (await own(stage, registered, "PUT", {**BY_KEY, "client_id": registered["client_id"]})).json()

    assert to_secret["client_secret"]
    assert "client_secret" not in to_key


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_nobody_but_the_client_manages_it(stage, method):
    registered, other = (await send(stage, LEAST)).json(), (await send(stage, LEAST)).json()
    said = {**LEAST, "client_id": registered["client_id"]}

    for token in ("wrong", other["registration_access_token"], TOKEN):
        answer = await own(stage, registered, method, said, token=token)
        assert answer.status_code == 401


@pytest.mark.parametrize("changes", [{"client_id": "other"}, {"client_secret": "wrong"}, {"client_secret": 7}])
async def test_a_change_names_its_own_client_and_secret(stage, changes):
    registered = (await send(stage, LEAST)).json()

    answer = await own(stage, registered, "PUT", {**LEAST, "client_id": registered["client_id"], **changes})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"), (b"[]", "application/json"), (b"[" * 20_000, "application/json"),
        (b"{}", "text/plain"), (b'{"a": "' + b"x" * 40_000 + b'"}', "application/json"),
        (b'{"client_name": "a\\u0000b"}', "application/json"), (b"\xff", "application/json"),
    ],
)  # fmt: skip
async def test_a_malformed_registration_is_an_invalid_request(stage, content, kind):
    headers = {"Content-Type": kind, "Authorization": f"Bearer {TOKEN}"}

    answer = await stage.browser().http.post("/oauth2/register", content=content, headers=headers)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_registrations_leave_a_trace(stage):
    before = await stage.audited("client.registered")

    await send(stage, LEAST)

    assert await stage.audited("client.registered") == before + 1


async def test_whoever_registers_many_waits(database):
    anybody = await make_stage(database, registration="open")
    await anybody.forget_failures()

    answers = [await send(anybody, LEAST, token="") for _ in range(23)]

    assert [answer.status_code for answer in answers[:20]] == [201] * 20
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    await anybody.forget_failures()
