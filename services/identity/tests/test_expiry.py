"""Sessions end in time, and say so; what is old goes in batches, on an index."""

import pytest
from identity_stage import Flow
from sqlalchemy import text

from parvis_identity.models import Base
from parvis_identity.service import sessions
from parvis_identity.store.sweeping import SWEPT
from parvis_kit.errors import ServiceError
from parvis_records.retention import apply, statement

pytestmark = pytest.mark.usefixtures("nobody_failed_before")
#: A password for once stays with its account when its time is up: its owner is told so at sign-in. A firm sees the
#: tokens of its directory that expired.
STAYING = {"credentials", "scim_tokens"}
IDLE = "last_seen_at = now() - interval '12 hours 1 second'"
OLD = "started_at = now() - interval '30 days 1 second', last_seen_at = now()"


async def signed_in(stage):
    """Somebody at a product, with its tokens."""
    person, browser = await stage.person(), stage.browser()
    await browser.sign_in(person.mail)
    flow = Flow(*await stage.relying_party(backchannel_logout_uri="https://paie.example/fin"))
    return person, browser, flow, (await flow.exchange(browser, await flow.code(browser))).json()


async def aged(stage, person, how):
    await stage.run(f"UPDATE sessions SET {how} WHERE account_id = :a", a=person.id)  # noqa: S608 - of this file


async def expire(stage):
    async with stage.unit() as unit:
        return await sessions.expire(unit)


async def notices(stage, person):
    async with stage.unit() as unit:
        query = text("SELECT count(*) FROM logout_notices WHERE account_id = :a")
        return await unit.scalar(query, {"a": person.id})


@pytest.mark.parametrize("how", [IDLE, OLD])
async def test_a_session_whose_time_is_up_is_worth_nothing_before_anybody_swept(stage, how):
    person, browser, flow, tokens = await signed_in(stage)
    await aged(stage, person, how)
    assert (await flow.refresh(browser, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    userinfo = await browser.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert userinfo.status_code == 401
    assert "/login" in (await flow.authorize(browser)).headers["location"]


@pytest.mark.parametrize(("how", "why"), [(IDLE, "idle"), (OLD, "old")])
async def test_its_end_is_told_to_services_and_clients_and_written_down(stage, how, why):
    person, _, _, _ = await signed_in(stage)
    await expire(stage)
    told = len(await stage.events("SessionEnded"))
    await aged(stage, person, how)

    assert await expire(stage) == 1

    assert len(await stage.events("SessionEnded")) == told + 1
    assert await notices(stage, person) == 1
    async with stage.unit() as unit:
        rows = await unit.fetch("SELECT details FROM audit WHERE act = 'session.expired' ORDER BY at DESC LIMIT 1")
    assert f'"why": "{why}"' in str(rows[0]["details"]).replace("'", '"')


async def test_an_end_is_told_once(stage):
    person, _, _, _ = await signed_in(stage)
    await aged(stage, person, IDLE)
    assert [await expire(stage), await expire(stage)] == [1, 0]


async def test_a_session_in_use_goes_on(stage):
    _, browser, flow, _ = await signed_in(stage)
    assert await expire(stage) == 0
    assert "code=" in (await flow.authorize(browser)).headers["location"]


async def test_many_ends_are_told_in_batches(stage):
    people = [(await signed_in(stage))[0] for _ in range(3)]
    for person in people:
        await aged(stage, person, IDLE)
    async with stage.unit() as unit:
        assert await sessions.expire(unit, most=2) == 2
    assert await expire(stage) == 1


async def test_all_other_sessions_end_and_the_one_at_hand_goes_on(stage):
    person = await stage.person()
    browsers = [stage.browser() for _ in range(3)]
    for browser in browsers:
        await browser.sign_in(person.mail)
    async with stage.unit() as unit:
        mine = (await unit.fetch("SELECT id FROM sessions WHERE account_id = $1 ORDER BY id", person.id))[0]["id"]
    async with stage.unit(account_id=person.id, session_id=mine) as unit:
        assert await sessions.end_others(unit) == 2
        assert [each.id for each in await sessions.list_mine(unit)] == [mine]


async def test_nobody_ends_others_without_a_session(stage):
    async with stage.unit() as unit:
        with pytest.raises(ServiceError):
            await sessions.end_others(unit)


@pytest.mark.parametrize(
    "swept", [each for each in SWEPT if not each.daily and not each.owned], ids=lambda swept: swept.table
)
async def test_what_is_old_is_found_on_an_index(stage, swept):
    async with stage.unit() as unit:
        await unit.fetch("SET LOCAL enable_seqscan = off")
        plan = await unit.fetch(f"EXPLAIN {statement(swept)}", unit.now - swept.kept, 10)
    lines = "\n".join(row[0] for row in plan)
    assert "Seq Scan" not in lines
    assert swept.column in lines


async def test_what_is_old_goes_a_batch_at_a_time(stage):
    await stage.run(
        "INSERT INTO sign_in_attempts (key, failures, last_at, blocked_until) "
        "SELECT sha256(n::text::bytea), 1, now() - interval '2 days', now() FROM generate_series(1, 5) n"
    )
    attempts = next(each for each in SWEPT if each.table == "sign_in_attempts")
    async with stage.unit() as unit:
        assert [await apply(unit, attempts, most=3) for _ in range(3)] == [3, 2, 0]


def test_whatever_expires_is_swept():
    expiring = {table.name for table in Base.metadata.sorted_tables if "expires_at" in table.columns}
    assert expiring <= {swept.table for swept in SWEPT} | STAYING
