"""How many portal accesses a member may have granted and open at a time (O5)."""

import asyncio

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError

QUOTA, PEOPLE = 3, 12


@pytest.fixture
async def record(stage, admin):
    """A contact with more people than anybody may give an access to."""
    record = await stage.contact(admin)
    for number in range(PEOPLE - 1):
        person = tenancy_pb2.Person(given_name="Yann", family_name=f"Le Bris {number}", mail=f"y{number}@bris.example")
        record = await admin.call("SavePerson", contact_id=record.contact.id, person=person)
    return record


async def limit(stage, actor, quota):
    statement = "UPDATE memberships SET access_quota = $2 WHERE id = $1::uuid"
    await stage.rows(actor, statement, actor.membership_id, quota)


async def grant(actor, record, place):
    return await actor.call("GrantAccess", contact_id=record.contact.id, person_id=record.people[place].id)


async def test_of_many_grants_at_once_as_many_are_given_as_may_be(stage, admin, record):
    await limit(stage, admin, QUOTA)
    grants = [grant(admin, record, place) for place in range(PEOPLE)]
    outcomes = await asyncio.gather(*grants, return_exceptions=True)
    reasons = [each.reason for each in outcomes if isinstance(each, ServiceError)]
    given = "SELECT count(*) FROM memberships WHERE granted_by = $1::uuid AND state IN (1, 2)"
    assert reasons == ["access_quota_reached"] * (PEOPLE - QUOTA)
    assert (await stage.rows(admin, given, admin.membership_id))[0]["count"] == QUOTA


async def test_who_has_given_enough_learns_how_many_and_who_can_help(stage, admin, record):
    manager = await stage.colleague(admin, "manager")
    await limit(stage, manager, 0)
    with refused(Kind.PRECONDITION, "access_quota_reached") as caught:
        await grant(manager, record, 0)
    told = caught.value.params
    assert (told["quota"], told["used"], told["helpers"]) == ("0", "0", "Anne Kervella")
    assert not stage.identity.managed.get((admin.organisation_id, record.contact.code))


async def test_a_cut_access_leaves_room_and_whoever_opens_it_again_answers_for_it(stage, admin, record):
    await limit(stage, admin, 1)
    first = await grant(admin, record, 0)
    await admin.call("CutAccess", membership_id=first.membership_id)
    await grant(admin, record, 1)
    with refused(Kind.PRECONDITION, "access_quota_reached"):
        await admin.call("ReopenAccess", membership_id=first.membership_id)
    other = await stage.colleague(admin, "manager")
    await limit(stage, other, 1)
    await other.call("ReopenAccess", membership_id=first.membership_id)
    with refused(Kind.PRECONDITION, "access_quota_reached"):
        await grant(other, record, 2)


async def test_who_is_invited_may_grant_no_more_than_who_invites(stage, admin, record):
    """Else whoever has a quota invites themself once more, without one."""
    manager = await stage.colleague(admin, "manager")
    await limit(stage, manager, 1)
    member = await stage.invite(manager, "manager")
    assert member.access_quota == 1
    assert not (await stage.invite(admin, "manager")).HasField("access_quota")


async def test_without_a_quota_there_is_no_end_and_a_lower_one_cuts_nobody(stage, admin, record):
    for place in range(2):
        await grant(admin, record, place)
    await limit(stage, admin, 1)
    people = (await admin.call("GetContact", id=record.contact.id)).people
    assert [each.access.state for each in people if each.HasField("access")] == [1, 1]
    with refused(Kind.PRECONDITION, "access_quota_reached"):
        await grant(admin, record, 2)
