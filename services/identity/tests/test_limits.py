"""How much of one client may wait, and which clients are swept."""

import hashlib

import pytest
from identity_stage import make_stage

from parvis_identity.domain.client_metadata import DEVICE
from parvis_identity.domain.throttle import Throttle
from parvis_identity.service import housekeeping, limits
from parvis_kit.ids import uuid7

MOST = 3
TOKEN = "initial-access-token"


@pytest.fixture(scope="module")
async def stage(database):
    digest = hashlib.sha256(TOKEN.encode()).hexdigest()
    return await make_stage(database, client_waiting=MOST, registration="token", registration_token_sha256=digest)


async def push(stage, client, secret):
    form = {"client_id": client.client_id} if not secret else {}
    challenge = {"code_challenge": "a" * 43, "code_challenge_method": "S256"}
    asked = {"response_type": "code", "redirect_uri": client.redirect_uris[0], "scope": "openid", **challenge}
    auth = (client.client_id, secret) if secret else None
    return await stage.browser().http.post("/oauth2/par", data={**form, **asked}, auth=auth)


async def begin(stage, client, secret):
    form = {"client_id": client.client_id} if not secret else {}
    auth = (client.client_id, secret) if secret else None
    return await stage.browser().http.post("/oauth2/device_authorization", data={**form, "scope": "openid"}, auth=auth)


async def party(stage, *, public=False):
    changes = {"token_endpoint_auth_method": "none"} if public else {}
    client, secret = await stage.relying_party(grant_types=["authorization_code", "refresh_token", DEVICE], **changes)
    return client, "" if public else secret


CALLS = pytest.mark.parametrize(("call", "good"), [(push, 201), (begin, 200)], ids=["pushed", "device"])


@CALLS
async def test_a_client_that_has_enough_waiting_is_told_to_come_back(stage, call, good):
    mine = await party(stage)

    answers = [await call(stage, *mine) for _ in range(MOST + 1)]

    assert [answer.status_code for answer in answers] == [*[good] * MOST, 429]
    assert answers[-1].json()["error"] == "temporarily_unavailable"
    assert int(answers[-1].headers["retry-after"]) > 0


@CALLS
async def test_another_client_is_not_held_up(stage, call, good):
    busy, other = await party(stage), await party(stage)
    for _ in range(MOST + 1):
        await call(stage, *busy)

    assert (await call(stage, *other)).status_code == good


@CALLS
async def test_what_has_expired_waits_no_more(stage, call, good):
    mine = await party(stage)
    for _ in range(MOST):
        await call(stage, *mine)
    for table in ("pushed_requests", "device_codes"):
        await stage.run(f"UPDATE {table} SET expires_at = now() - interval '1 second'")  # noqa: S608 - ours

    assert (await call(stage, *mine)).status_code == good


@CALLS
async def test_of_a_public_client_a_place_is_held_up_and_no_number_shared(stage, monkeypatch, call, good):
    rule = limits.OF_A_PLACE
    few = Throttle(free=MOST, first=rule.first, longest=rule.longest, forgets_after=rule.forgets_after)
    monkeypatch.setattr(limits, "OF_A_PLACE", few)
    mine = await party(stage, public=True)

    answers = [await call(stage, *mine) for _ in range(MOST + 2)]
    await stage.forget_failures()  # as from another place
    elsewhere = await call(stage, *mine)

    assert [answer.status_code for answer in answers] == [*[good] * (MOST + 1), 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert elsewhere.status_code == good


async def self_registered(stage, *, days):
    said = {"redirect_uris": ["https://client.example/cb"]}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    made = (await stage.browser().http.post("/oauth2/register", json=said, headers=headers)).json()
    await stage.run(
        "UPDATE clients SET created_at = now() - make_interval(days => :days) WHERE client_id = :id",
        days=days, id=made["client_id"],
    )  # fmt: skip
    return made["client_id"]


async def left(stage, *client_ids):
    async with stage.unit() as unit:
        return [bool(await unit.fetch("SELECT 1 FROM clients WHERE client_id = $1", each)) for each in client_ids]


async def test_who_registered_and_never_came_is_swept(stage):
    old, young = await self_registered(stage, days=31), await self_registered(stage, days=29)
    used = await self_registered(stage, days=31)
    await stage.run("UPDATE clients SET used_at = now() WHERE client_id = :id", id=used)

    async with stage.unit() as unit:
        await housekeeping.sweep_clients(unit, 30)

    assert await left(stage, old, young, used) == [False, True, True]
    assert await stage.audited("client.swept") == 1


async def test_products_and_the_gateway_are_never_swept(stage):
    client, _ = await stage.relying_party(product_id=uuid7())
    await stage.run("UPDATE clients SET created_at = now() - interval '9 years'")

    async with stage.unit() as unit:
        await housekeeping.sweep_clients(unit, 30)

    assert await left(stage, client.client_id, "web") == [True, True]


async def test_nothing_is_swept_where_that_is_switched_off(stage):
    old = await self_registered(stage, days=4000)
    async with stage.unit() as unit:
        await housekeeping.sweep_clients(unit, 0)
    assert await left(stage, old) == [True]
