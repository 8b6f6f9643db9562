"""Clients of products, as their provider manages them: registered, changed, closed, with secrets that change."""

import json

import pytest
from identity_stage import Flow, answer_of, claims_of, read
from joserfc.jwk import ECKey

from parvis.identity.v1 import identity_pb2 as pb
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.ids import uuid7

FIRM, OTHER = uuid7(), uuid7()
KEYS = json.dumps({"keys": [ECKey.generate_key("P-256", {"kid": "a", "alg": "ES256"}).as_dict(private=False)]})


def settings(**changes):
    plain = {
        "redirect_uris": ["https://paie.example/retour"],
        "application_type": "web",
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": "ES256",
        "subject_type": "public",
        "pkce_required": True,
        "rotates_refresh_tokens": True,
    }
    return pb.ClientSettings(**{**plain, **changes})


async def registered(stage, **changes):
    request = pb.RegisterClientRequest(name="Paie", product_id=str(uuid7()), settings=settings(**changes))
    return await stage.client_rpc.RegisterClient(begin(stage), request)


def begin(stage, organisation_id=FIRM):
    return lambda: stage.unit(organisation_id)


async def row_of(stage, client_id):
    async with stage.unit(FIRM) as unit:
        return await stage.client_rpc.GetClient(unit, pb.GetClientRequest(client_id=client_id))


async def refused_with(stage, **changes):
    """What is wrong with which member of a registration."""
    with pytest.raises(ServiceError, match="client_invalid") as caught:
        await registered(stage, **changes)
    return {(each.field, each.reason) for each in caught.value.violations}


async def flow_of(stage, browser, made, **changes):
    async with stage.unit() as unit:
        client = await stage.clients.find(unit, made.client_id)
    person = await stage.person()
    face = stage.town.found(f"firm-{uuid7().hex[-6:]}", "Cabinet")
    stage.town.products[person.id, made.client_id] = [face]
    await browser.sign_in(person.mail)
    return Flow(client, made.client_secret, **changes)


async def test_what_is_registered_is_what_is_read_back(stage):
    wanted = {
        "post_logout_redirect_uris": ["https://paie.example/"],
        "backchannel_logout_uri": "https://paie.example/fin",
        "backchannel_logout_session_required": True,
        "scopes": ["profile", "email"],
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks_uri": "https://paie.example/jwks",
        "id_token_signed_response_alg": "PS256",
        "subject_type": "pairwise",
        "rotates_refresh_tokens": False,
        "devices": True,
    }
    made = await registered(stage, **wanted)

    found = await row_of(stage, made.client_id)

    assert found.settings == settings(**wanted)
    assert (made.client_secret, found.has_secret) == ("", False)


async def test_the_provider_decides_what_a_product_may_ask_for(stage):
    browser = stage.browser()
    flow = await flow_of(stage, browser, await registered(stage, scopes=["email"]))

    tokens = (await flow.exchange(browser, await flow.code(browser))).json()

    assert tokens["scope"].split() == ["openid", "email"]


async def test_the_id_token_is_signed_as_the_provider_chose(stage):
    browser = stage.browser()
    flow = await flow_of(stage, browser, await registered(stage, id_token_signed_response_alg="EdDSA"))

    tokens = (await flow.exchange(browser, await flow.code(browser))).json()

    assert stage.tokens.read_hint(tokens["id_token"])["aud"] == flow.client.client_id
    assert claims_of("." + tokens["id_token"].split(".")[0])["alg"] == "EdDSA"


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"redirect_uris": []}, ("redirect_uris", "required")),
        ({"redirect_uris": ["http://paie.example/"]}, ("redirect_uris", "not_a_redirect_address")),
        ({"redirect_uris": ["https://a.example/"] * 21}, ("redirect_uris", "too_many")),
        ({"post_logout_redirect_uris": ["paie"]}, ("post_logout_redirect_uris", "not_a_redirect_address")),
        ({"backchannel_logout_uri": "ftp://x.example/"}, ("backchannel_logout_uri", "not_a_redirect_address")),
        ({"token_endpoint_auth_method": "private_key_jwt"}, ("jwks_json", "keys_needed")),
        ({"token_endpoint_auth_method": "private_key_jwt", "jwks_json": "{"}, ("jwks_json", "not_a_key_set")),
        (
            {"token_endpoint_auth_method": "private_key_jwt", "jwks_json": KEYS, "jwks_uri": "https://a.example/"},
            ("jwks_json", "keys_twice"),
        ),
        ({"profile": "fapi2"}, ("token_endpoint_auth_method", "fapi_needs_key")),
        (
            {
                "profile": "fapi2", "token_endpoint_auth_method": "private_key_jwt", "jwks_json": KEYS,
                "id_token_signed_response_alg": "RS256",
            },
            ("id_token_signed_response_alg", "fapi_algorithm"),
        ),
        ({"id_token_signed_response_alg": "HS256"}, ("id_token_signed_response_alg", "not_accepted")),
        ({"token_endpoint_auth_method": "secret"}, ("token_endpoint_auth_method", "not_accepted")),
        ({"exchange_audiences": ["web"]}, ("exchange_audiences", "unknown_client")),
        (
            {"exchange_audiences": ["web"], "token_endpoint_auth_method": "none"},
            ("exchange_audiences", "public_exchange"),
        ),
        (
            {"subject_type": "pairwise", "redirect_uris": ["https://a.example/", "https://b.example/"]},
            ("sector_identifier_uri", "not_accepted"),
        ),
    ],
)  # fmt: skip
async def test_what_cannot_be_registered_is_said_at_its_member(stage, changes, wrong):
    assert wrong in await refused_with(stage, **changes)


async def test_a_secret_that_holds_is_not_made_again_by_a_change(stage):
    made = await registered(stage)
    request = pb.UpdateClientRequest(
        client_id=made.client_id, name="Paie 2", settings=settings(redirect_uris=["https://neuf.example/"])
    )

    changed = await stage.client_rpc.UpdateClient(begin(stage), request)

    found = await row_of(stage, made.client_id)
    assert (changed.client_secret, list(found.settings.redirect_uris)) == ("", ["https://neuf.example/"])


async def test_a_client_that_gets_a_secret_instead_of_a_key_is_told_it(stage):
    made = await registered(stage, token_endpoint_auth_method="none")
    request = pb.UpdateClientRequest(client_id=made.client_id, name="Paie", settings=settings())

    changed = await stage.client_rpc.UpdateClient(begin(stage), request)

    assert (made.client_secret, len(changed.client_secret) > 40) == ("", True)


async def test_a_changed_address_counts_at_once(stage):
    browser = stage.browser()
    made = await registered(stage)
    flow = await flow_of(stage, browser, made)
    before = await flow.authorize(browser)
    request = pb.UpdateClientRequest(
        client_id=made.client_id, name="Paie", settings=settings(redirect_uris=["https://neuf.example/"])
    )

    await stage.client_rpc.UpdateClient(begin(stage), request)
    after = await flow.authorize(browser)

    assert (before.status_code, after.status_code) == (303, 400)


@pytest.mark.parametrize(("hours", "statuses"), [(0, [401, 200]), (24, [200, 200])])
async def test_an_old_secret_counts_as_long_as_was_said(stage, hours, statuses):
    browser = stage.browser()
    made = await registered(stage)
    flow = await flow_of(stage, browser, made)
    request = pb.RotateClientSecretRequest(client_id=made.client_id, keep_hours=hours)

    fresh = await stage.client_rpc.RotateClientSecret(begin(stage), request)

    answers = [
        await Flow(flow.client, secret, verifier=flow.verifier).exchange(browser, await flow.code(browser))
        for secret in (made.client_secret, fresh.client_secret)
    ]
    assert [answer.status_code for answer in answers] == statuses


async def test_an_old_secret_ends_with_its_time(stage):
    browser = stage.browser()
    made = await registered(stage)
    flow = await flow_of(stage, browser, made)
    request = pb.RotateClientSecretRequest(client_id=made.client_id, keep_hours=1)
    await stage.client_rpc.RotateClientSecret(begin(stage), request)
    await stage.run("UPDATE clients SET previous_secret_until = now() - interval '1 second'")
    stage.clients.forget(made.client_id)

    refused = await flow.exchange(browser, await flow.code(browser))

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("hours", [-1, 721])
async def test_an_overlap_has_an_end(stage, hours):
    made = await registered(stage)
    request = pb.RotateClientSecretRequest(client_id=made.client_id, keep_hours=hours)
    with pytest.raises(ServiceError, match="overlap_too_long"):
        await stage.client_rpc.RotateClientSecret(begin(stage), request)


async def test_a_client_without_secret_gets_none(stage):
    made = await registered(stage, token_endpoint_auth_method="none")
    with pytest.raises(ServiceError, match="client_has_no_secret"):
        await stage.client_rpc.RotateClientSecret(begin(stage), pb.RotateClientSecretRequest(client_id=made.client_id))


async def test_a_closed_client_signs_nobody_in_and_what_it_had_is_worthless(stage):
    browser = stage.browser()
    made = await registered(stage)
    flow = await flow_of(stage, browser, made)
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()

    await stage.client_rpc.SetClientOpen(begin(stage), pb.SetClientOpenRequest(client_id=made.client_id, open=False))

    page = await flow.authorize(browser)
    userinfo = await browser.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    refreshed = await flow.refresh(browser, tokens["refresh_token"])
    assert (page.status_code, userinfo.status_code, refreshed.status_code) == (403, 401, 401)
    assert "Paie est fermé" in read(page) or "Paie is closed" in read(page)


async def test_a_client_that_is_opened_again_signs_people_in_and_old_tokens_stay_worthless(stage):
    browser = stage.browser()
    made = await registered(stage)
    flow = await flow_of(stage, browser, made)
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    for open_ in (False, True):
        request = pb.SetClientOpenRequest(client_id=made.client_id, open=open_)
        await stage.client_rpc.SetClientOpen(begin(stage), request)

    again = answer_of(await flow.authorize(browser))
    refreshed = await flow.refresh(browser, tokens["refresh_token"])

    assert ("code" in again, refreshed.status_code) == (True, 400)


async def test_another_organisation_finds_no_client(stage):
    made = await registered(stage)
    calls = {
        "UpdateClient": pb.UpdateClientRequest(client_id=made.client_id, name="x", settings=settings()),
        "RotateClientSecret": pb.RotateClientSecretRequest(client_id=made.client_id),
        "SetClientOpen": pb.SetClientOpenRequest(client_id=made.client_id),
        "FinishTrial": pb.FinishTrialRequest(client_id=made.client_id, state="x"),
    }
    for name, request in calls.items():
        with pytest.raises(ServiceError) as caught:
            await getattr(stage.client_rpc, name)(begin(stage, OTHER), request)
        assert (caught.value.kind, caught.value.reason) == (Kind.NOT_FOUND, "client_not_found"), name


async def test_the_gateway_and_clients_that_registered_themselves_are_no_product(stage):
    async with stage.unit(FIRM) as unit:
        with pytest.raises(ServiceError, match="client_not_found"):
            await stage.client_rpc.GetClient(unit, pb.GetClientRequest(client_id="web"))


async def test_a_client_that_got_tokens_says_when(stage):
    browser = stage.browser()
    made = await registered(stage)
    flow = await flow_of(stage, browser, made)
    before = (await row_of(stage, made.client_id)).HasField("used_at")

    await flow.exchange(browser, await flow.code(browser))

    assert (before, (await row_of(stage, made.client_id)).HasField("used_at")) == (False, True)


async def test_a_closed_client_is_no_audience(stage):
    browser = stage.browser()
    other = await registered(stage)
    flow = await flow_of(stage, browser, await registered(stage, exchange_audiences=[other.client_id]))
    grant = stage.town.products[next(key for key in stage.town.products if key[1] == flow.client.client_id)]
    person = next(key[0] for key in stage.town.products if key[1] == flow.client.client_id)
    stage.town.products[person, other.client_id] = grant
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    asked = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": tokens["access_token"],
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "audience": other.client_id,
    }
    mine = (flow.client.client_id, flow.secret)

    before = await browser.http.post("/oauth2/token", data=asked, auth=mine)
    closing = pb.SetClientOpenRequest(client_id=other.client_id, open=False)
    await stage.client_rpc.SetClientOpen(begin(stage), closing)
    after = await browser.http.post("/oauth2/token", data=asked, auth=mine)

    assert (before.status_code, after.json()["error"]) == (200, "invalid_target")


async def test_what_a_client_was_refused_for_is_remembered(stage):
    browser = stage.browser()
    made = await registered(stage)
    flow = await flow_of(stage, browser, made)
    code = await flow.code(browser)
    await Flow(flow.client, "wrong", verifier=flow.verifier).exchange(browser, code)
    first = (await row_of(stage, made.client_id)).refused_for
    await stage.run("UPDATE clients SET refused_at = refused_at - interval '1 minute'")

    await flow.authorize(browser, redirect_uri="https://autre.example/cb")

    second = (await row_of(stage, made.client_id)).refused_for
    assert (first, second) == ("proof client_secret_basic", "redirect_uri https://autre.example/cb")


async def test_strangers_do_not_write_at_every_try(stage):
    browser = stage.browser()
    made = await registered(stage)
    flow = await flow_of(stage, browser, made)
    for place in ("a", "b"):
        await flow.authorize(browser, redirect_uri=f"https://{place}.example/")
    assert (await row_of(stage, made.client_id)).refused_for == "redirect_uri https://a.example/"
