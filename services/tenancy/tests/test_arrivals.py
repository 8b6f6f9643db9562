"""Arriving beside acts on the same member: whoever waits for rights holds nobody meanwhile."""

import asyncio

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.caller import Caller
from parvis_tenancy.service import arrivals
from parvis_tenancy.store import rights

WAITING = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
HELD = "SELECT 1 FROM memberships WHERE organisation_id = $1 AND id = $2::uuid FOR UPDATE NOWAIT"


async def beside_an_act(stage, admin, member, arrive):
    """Somebody arrives while an act, which took its revision first as all do, comes to their membership."""
    async with stage.service.database.begin(Caller("tenancy"), organisation_id=admin.organisation_id) as unit:
        await unit.fetch("SELECT 1 FROM rights_revisions WHERE organisation_id = $1 FOR UPDATE", unit.organisation_id)
        arriving = asyncio.ensure_future(arrive)
        async with asyncio.timeout(20):
            while not await stage.rows(admin, WAITING):  # noqa: ASYNC110 - what is waited for is in PostgreSQL
                await asyncio.sleep(0.02)
        assert await unit.fetch(HELD, unit.organisation_id, member.id)
    await arriving
    found = await admin.call("GetMember", id=member.id)
    assert found.state == tenancy_pb2.MEMBERSHIP_STATE_ACTIVE


async def test_who_enters_holds_nobody_while_they_wait(stage, admin):
    member = await stage.invite(admin, "adviser")
    await beside_an_act(stage, admin, member, stage.arrive(member.account_id, str(admin.organisation_id)))


async def test_whose_account_begins_holds_nobody_while_they_wait(stage, admin):
    member = await stage.invite(admin, "adviser")

    async def begins():
        async with stage.service.database.begin(Caller("tenancy")) as unit:
            await arrivals.accept(unit, member.account_id, admin.organisation_id)

    await beside_an_act(stage, admin, member, begins())


async def test_those_who_make_changes_wait_then_change_something_do_not_wait_for_each_other(stage, admin):
    async def changes():
        async with stage.service.database.begin(Caller("tenancy"), organisation_id=admin.organisation_id) as unit:
            await rights.hold_revision(unit)
            await asyncio.sleep(0)
            return await rights.next_revision(unit, "test")

    one, other = await asyncio.gather(changes(), changes())
    assert abs(one - other) == 1
