"""What tenancy does when something happened in identity."""

import asyncio

from tenancy_stage import refused

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7

INVITED, ACTIVE = tenancy_pb2.MEMBERSHIP_STATE_INVITED, tenancy_pb2.MEMBERSHIP_STATE_ACTIVE


async def tell(stage, event, version=0):
    """Identity's outbox, played by tenancy's."""
    async with stage.service.database.begin(Caller("identity")) as unit:
        return unit.emit(event, aggregate_id=uuid7(), version=version)


async def handled(stage, message_id):
    query = "SELECT 1 FROM inbox WHERE message_id = $1"
    async with asyncio.timeout(20):
        while True:
            async with stage.service.database.begin(Caller("tenancy")) as unit:
                if await unit.fetch(query, message_id):
                    return
            await asyncio.sleep(0.02)


async def test_the_first_password_accepts_the_invitations_of_all_firms(stage, provider, admin):
    other = await stage.firm(provider)
    member = await stage.invite(admin, "adviser")
    profile_id = await stage.profile(other, "junior")
    second = await other.call("InviteMember", mail=member.mail, given_name="M", family_name="T", profile_id=profile_id)
    await handled(stage, await tell(stage, identity_events.AccountActivated(account_id=member.account_id)))
    states = [(await who.call("GetMember", id=each.id)).state for who, each in ((admin, member), (other, second))]
    assert states == [ACTIVE, ACTIVE]
    assert [each.state for each in await stage.events(admin, events_pb2.MembershipChanged)][-1] == ACTIVE


async def test_a_cut_access_stays_cut_when_the_password_is_set(stage, admin):
    access = await stage.contact(admin)
    given = await admin.call("GrantAccess", contact_id=access.contact.id, person_id=access.people[0].id)
    await admin.call("CutAccess", membership_id=given.membership_id)
    await handled(stage, await tell(stage, identity_events.AccountActivated(account_id=given.account_id)))
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.arrive(given.account_id, str(admin.organisation_id))


async def test_names_follow_the_account_and_old_news_change_nothing(stage, admin):
    colleague = await stage.colleague(admin, "adviser", "Marc Tanguy")
    for version, family_name in ((2, "Tanguy-Roux"), (1, "Tanguy")):
        event = identity_events.AccountChanged(
            account_id=colleague.account_id,
            mail="marc@roux.example",
            given_name="Marc",
            family_name=family_name,
            locale="en",
        )
        await handled(stage, await tell(stage, event, version))
    member = (await admin.call("ListMembers", query="tanguy roux")).members[0]
    assert (member.id, member.mail) == (colleague.membership_id, "marc@roux.example")


async def test_a_changed_grant_reaches_a_cached_one_by_broadcast(stage, admin):
    junior = await stage.colleague(admin, "junior")
    with refused(Kind.FORBIDDEN, "right_missing"):
        await junior.call("ListCustomers")
    before = (await junior.call("GetFrame")).rights
    me = await admin.call("GetMember", id=junior.membership_id)
    await admin.call("UpdateMember", id=me.id, profile_id=await stage.profile(admin, "manager"), version=me.version)
    async with asyncio.timeout(5):
        while (after := (await junior.call("GetFrame")).rights) == before:  # noqa: ASYNC110 - it is another task's
            await asyncio.sleep(0.01)
    assert "folders.configure" in after
