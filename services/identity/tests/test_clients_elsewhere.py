"""A client that was changed or closed, and whoever has not heard of it."""

from time import monotonic
from types import SimpleNamespace

from identity_stage import make_stage
from test_product_clients import begin, flow_of, registered, row_of

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.service import clients

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
