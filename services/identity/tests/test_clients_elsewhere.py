"""A client that was changed or closed, and whoever has not heard of it."""

from datetime import UTC, datetime
from time import monotonic
from types import SimpleNamespace

import pytest
from identity_stage import WEB_SECRET, make_stage, settings_for
from test_product_clients import begin, flow_of, registered, row_of

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.service import clients
from parvis_identity.store import openid as store
from parvis_kit.caller import Caller

OWN = {"grant_type": "client_credentials"}


async def test_a_new_secret_counts_alone_in_every_process_a_second_later(stage, database, monkeypatch):
    made = await registered(stage)
    elsewhere, secret = (await make_stage(database)).browser(), (made.client_id, made.client_secret)
    before = await elsewhere.http.post("/oauth2/token", data=OWN, auth=secret)
    await stage.client_rpc.RotateClientSecret(begin(stage), pb.RotateClientSecretRequest(client_id=made.client_id))

    monkeypatch.setattr(clients, "time", SimpleNamespace(monotonic=lambda: monotonic() + 1))
    after = await elsewhere.http.post("/oauth2/token", data=OWN, auth=secret)

    assert (before.status_code, after.status_code) == (200, 401)


async def test_a_client_that_got_a_token_of_its_own_says_when(stage):
    made = await registered(stage)

    await stage.browser().http.post("/oauth2/token", data=OWN, auth=(made.client_id, made.client_secret))

    assert (await row_of(stage, made.client_id)).HasField("used_at")


async def test_what_was_granted_while_another_process_had_not_heard_stays_worthless(stage, database, monkeypatch):
    monkeypatch.setattr(clients, "_FRESH", 60.0)
    made = await registered(stage)
    elsewhere = await make_stage(database)
    browser = elsewhere.browser()
    flow = await flow_of(elsewhere, browser, made)
    await stage.client_rpc.SetClientOpen(begin(stage), pb.SetClientOpenRequest(client_id=made.client_id, open=False))
    tokens = (await flow.exchange(browser, await flow.code(browser))).json()
    elsewhere.clients.forget(made.client_id)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}

    closed = await browser.get("/oauth2/userinfo", headers=bearer)
    await stage.client_rpc.SetClientOpen(begin(stage), pb.SetClientOpenRequest(client_id=made.client_id, open=True))
    elsewhere.clients.forget(made.client_id)

    refreshed = await flow.refresh(browser, tokens["refresh_token"])
    opened = await browser.get("/oauth2/userinfo", headers=bearer)
    assert (closed.status_code, refreshed.status_code, opened.status_code) == (401, 400, 401)


async def test_what_was_read_before_a_change_is_not_kept(stage, monkeypatch):
    made = await registered(stage)
    read = clients.store.find_client

    async def overtaken(unit, client_id):
        found = await read(unit, client_id)
        await stage.client_rpc.RotateClientSecret(begin(stage), pb.RotateClientSecretRequest(client_id=client_id))
        return found

    monkeypatch.setattr(clients.store, "find_client", overtaken)

    async with stage.unit() as unit:
        await stage.clients.find(unit, made.client_id)

    assert stage.clients.kept(made.client_id) is None


async def test_two_secrets_of_the_gateway_count_while_it_is_renewed(stage):
    async def start_with(*secrets):
        async with stage.database.begin(Caller("identity")) as unit:
            told = settings_for(web_client_secret=",".join(secrets))
            await store.save_client(unit, clients.gateway_client(told, unit.now))
        stage.clients.forget("web")

    async def counts(secret):
        answer = await stage.browser().http.post("/oauth2/introspect", data={"token": "x"}, auth=("web", secret))
        return answer.status_code == 200

    new = "another-secret-of-the-tests"
    try:
        assert [await counts(WEB_SECRET), await counts(new)] == [True, False]
        await start_with(WEB_SECRET, new)
        assert [await counts(WEB_SECRET), await counts(new)] == [True, True]
        await start_with(new, WEB_SECRET)
        assert [await counts(WEB_SECRET), await counts(new)] == [True, True]
        await start_with(new)
        assert [await counts(WEB_SECRET), await counts(new)] == [False, True]
        with pytest.raises(ValueError, match="more than two"):
            clients.gateway_client(settings_for(web_client_secret="a,b,c"), datetime.now(UTC))
    finally:
        await start_with(WEB_SECRET)
