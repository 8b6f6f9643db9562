"""Clients are told when a session ends, by back channel: what they are told, when, and how often it is tried."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest
from identity_stage import PUBLIC_URL, Flow, claims_of
from joserfc import jwt
from joserfc.jwk import KeySet
from logout_listener import deliver, listening, opened
from sqlalchemy import text

from parvis_identity.service import logout, sessions
from parvis_identity.service.logout import LogoutNotices
from parvis_identity.service.outgoing import Outgoing
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually, running

pytestmark = pytest.mark.usefixtures("nobody_failed_before", "empty_queue")


@pytest.fixture
async def person(stage):
    return await stage.person()


@pytest.fixture
async def browser(stage, person):
    browser = stage.browser()
    await browser.sign_in(person.mail)
    return browser


async def waiting(stage) -> list:
    async with stage.unit() as unit:
        return await unit.fetch("SELECT * FROM logout_notices WHERE done_at IS NULL ORDER BY id")


async def make_due(stage) -> None:
    await stage.run("UPDATE logout_notices SET due_at = now() WHERE done_at IS NULL")


async def test_a_sign_out_is_told_with_a_token_that_proves_itself(stage, browser, person, sender, listener):
    _, tokens = await opened(stage, browser, listener)
    before = int(time.time())

    await browser.get("/oauth2/logout", params={"id_token_hint": tokens["id_token"]})
    await deliver(sender)

    keys = KeySet.import_key_set((await browser.get("/oauth2/jwks")).json())
    read = jwt.decode(listener.tokens[0], keys, algorithms=["ES256"])
    told = claims_of(tokens["id_token"])
    assert read.header["typ"] == "logout+jwt"
    assert {name: read.claims[name] for name in ("iss", "aud", "sub", "sid")} == {
        "iss": PUBLIC_URL, "aud": told["aud"], "sub": told["sub"], "sid": told["sid"],
    }  # fmt: skip
    assert read.claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert before <= read.claims["iat"] < read.claims["exp"] <= before + 130
    assert read.claims["jti"]
    assert "nonce" not in read.claims
    assert b"content-type: application/x-www-form-urlencoded" in listener.heads[0].lower()
    assert len(listener.tokens) == 1
    assert await waiting(stage) == []


async def test_the_token_is_signed_with_the_algorithm_of_the_client(stage, browser, sender, listener):
    _, tokens = await opened(stage, browser, listener, id_token_signed_response_alg="RS256")

    await browser.get("/oauth2/logout", params={"id_token_hint": tokens["id_token"]})
    await deliver(sender)

    keys = KeySet.import_key_set((await browser.get("/oauth2/jwks")).json())
    assert jwt.decode(listener.tokens[0], keys, algorithms=["RS256"]).header["alg"] == "RS256"


async def test_every_client_of_the_session_is_told_and_no_other(stage, browser, person, sender, listener):
    async with listening() as second, listening() as elsewhere:
        _, tokens = await opened(stage, browser, listener)
        await opened(stage, browser, second)
        other = stage.browser()
        await other.sign_in(person.mail)
        await opened(stage, other, elsewhere)
        silent = Flow(*await stage.relying_party())
        await silent.exchange(browser, await silent.code(browser))

        await browser.get("/oauth2/logout", params={"id_token_hint": tokens["id_token"]})
        await deliver(sender)

        assert (len(listener.tokens), len(second.tokens), len(elsewhere.tokens)) == (1, 1, 0)
        assert claims_of(listener.tokens[0])["aud"] != claims_of(second.tokens[0])["aud"]


async def test_a_client_that_does_not_answer_keeps_nobody_waiting(stage, browser, sender, listener):
    listener.pause = 30
    _, tokens = await opened(stage, browser, listener)

    answer = await browser.get("/oauth2/logout", params={"id_token_hint": tokens["id_token"]})
    await sender.begin()
    page = await browser.get(answer.headers["location"])

    assert page.status_code == 200
    assert sender._sending  # it is being told still


async def test_what_fails_is_tried_again_after_growing_waits(stage, browser, sender, listener):
    listener.status = 503
    _, tokens = await opened(stage, browser, listener)
    await browser.get("/oauth2/logout", params={"id_token_hint": tokens["id_token"]})
    waits = []
    for _ in range(3):
        assert await deliver(sender) == 1
        assert await deliver(sender) == 0
        waits.append(((await waiting(stage))[0]["due_at"] - datetime.now(UTC)).total_seconds())
        await make_due(stage)

    listener.status = 200
    await deliver(sender)

    assert [3 < waits[0] < 7, 17 < waits[1] < 25, 75 < waits[2] < 97] == [True] * 3
    assert await waiting(stage) == []
    assert len({claims_of(token)["jti"] for token in listener.tokens}) == 4


def test_the_waits_end_at_an_hour():
    assert timedelta(hours=1) <= logout.wait_after(500) <= timedelta(hours=1.2)


async def test_a_client_out_of_reach_rests_as_a_whole_and_others_are_told(stage, person, sender, listener):
    async with listening() as dead:
        address = dead.url
    party = await stage.relying_party(backchannel_logout_uri=address)
    for _ in range(6):
        browser = stage.browser()
        await browser.sign_in(person.mail)
        flow = Flow(*party)
        await flow.exchange(browser, await flow.code(browser))
    await opened(stage, browser, listener)
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)

    assert await deliver(sender) == 5
    assert await deliver(sender) == 0
    left = await waiting(stage)
    assert len(listener.tokens) == 1
    assert sorted(row["attempts"] for row in left) == [0, 0, 1, 1, 1, 1]
    assert {row["trouble"] for row in left if row["attempts"]} == {"The address does not answer."}


async def test_a_token_that_is_refused_keeps_no_other_from_its_client(stage, browser, person, sender, listener):
    listener.status = 400
    flow, _ = await opened(stage, browser, listener)
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)
    await deliver(sender)
    listener.status = 200
    await browser.sign_in(person.mail)
    await flow.exchange(browser, await flow.code(browser))
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)

    assert await deliver(sender) == 1
    assert len(await waiting(stage)) == 1


async def test_after_a_day_it_is_given_up_and_remembered(stage, browser, person, sender, listener):
    listener.status = 500
    await opened(stage, browser, listener)
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)
    await stage.run("UPDATE logout_notices SET created_at = created_at - interval '25 hours'")
    before = await stage.audited("logout.undelivered")

    await deliver(sender)

    assert await waiting(stage) == []
    assert await stage.audited("logout.undelivered") == before + 1


async def test_two_workers_send_once(stage, browser, person, sender, listener):
    await opened(stage, browser, listener)
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)
    other = LogoutNotices(stage.database, stage.tokens, Outgoing("127.0.0.0/8"))

    assert sum(await asyncio.gather(sender.begin(), other.begin())) == 1
    await asyncio.gather(sender.settled(), other.settled())
    assert len(listener.tokens) == 1


async def test_what_a_worker_took_and_did_not_send_is_taken_over(stage, browser, person, sender, listener):
    await opened(stage, browser, listener)
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)
    from parvis_identity.store import logout as store

    async with stage.unit() as unit:
        await store.claim(unit, most=5, of_one_client=5, but=[], lease=logout.LEASE)

    assert await deliver(sender) == 0
    await stage.run("UPDATE logout_notices SET due_at = due_at - interval '61 seconds'")
    assert await deliver(sender) == 1
    assert len(listener.tokens) == 1


async def test_a_client_that_went_away_is_not_looked_for(stage, browser, person, sender, listener):
    flow, _ = await opened(stage, browser, listener)
    async with stage.unit() as unit:
        await sessions.end(unit, person.id)
    await stage.run("UPDATE clients SET backchannel_logout_uri = '' WHERE client_id = :c", c=flow.client.client_id)

    assert await deliver(sender) == 1
    assert (listener.tokens, await waiting(stage)) == ([], [])


async def test_the_worker_sends_by_itself(stage, browser, person, sender, listener):
    await opened(stage, browser, listener)

    async def told() -> int:
        return len(listener.tokens)

    async with running(sender.run):
        async with stage.unit() as unit:
            await sessions.end(unit, person.id)
        assert await eventually(told, within=5) == 1


async def test_notices_of_last_month_are_swept(stage):
    from parvis_identity.store import sweeping
    from parvis_records.retention import apply

    person = await stage.person()
    client, _ = await stage.relying_party()
    for days in (29, 31):
        await stage.run(
            "INSERT INTO logout_notices (id, client_id, account_id, session_id, created_at, due_at, attempts, done_at, "
            "trouble) VALUES (:i, :c, :a, :i, now(), now(), 1, now() - make_interval(days => :d), '')",
            i=uuid7(), c=client.client_id, a=person.id, d=days,
        )  # fmt: skip

    async with stage.unit() as unit:
        await apply(unit, next(each for each in sweeping.SWEPT if each.table == "logout_notices"))
        assert await unit.scalar(text("SELECT count(*) FROM logout_notices")) == 1
