"""What a personal account reaches through a link to an account of the firm."""

import pytest
from tenancy_stage import refused
from test_events import handled

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7


@pytest.fixture
async def client(stage, admin):
    """Somebody with a portal access of the firm, arrived."""
    return await stage.portal(admin, await stage.contact(admin))


async def tell(stage, client, personal_id, version, event_class=identity_events.AccountLinked):
    link = identity_events.AccountLink(
        personal_id=personal_id, managed_id=client.account_id, organisation_id=str(client.organisation_id)
    )
    async with stage.service.database.begin(Caller("identity")) as unit:
        sent = unit.emit(event_class(link=link), aggregate_id=uuid7(), version=version)
    await handled(stage, sent)


async def mine(stage, account_id):
    found = await stage.as_account(account_id).call("ListMyOrganisations")
    return [each.face.id for each in found.organisations]


async def test_the_personal_account_reaches_the_membership_of_the_managed_one(stage, client):
    person, firm = str(uuid7()), str(client.organisation_id)
    await tell(stage, client, person, 1)
    found = await stage.as_service("identity").call("ResolveMembership", account_id=person, organisation_id=firm)
    assert (found.id, found.account_id) == (client.membership_id, client.account_id)
    assert await mine(stage, person) == [firm]
    assert await mine(stage, client.account_id) == [firm]


async def employments(stage, account_id):
    found = await stage.as_service("identity").call("ListEmployments", account_id=account_id)
    return [(each.organisation.id, each.organisation.name, each.profile_id) for each in found.employments]


async def test_where_somebody_works_is_known_and_where_they_are_a_client_is_none_of_it(stage, admin, client):
    person, firm = str(uuid7()), str(client.organisation_id)
    await tell(stage, client, person, 1)

    [(where, name, profile_id)] = await employments(stage, admin.account_id)

    assert (where, bool(name), bool(profile_id)) == (firm, True, True)
    assert await employments(stage, client.account_id) == await employments(stage, person) == []
    assert await employments(stage, str(uuid7())) == []


async def test_nobody_else_reaches_it(stage, client):
    await tell(stage, client, str(uuid7()), 1)
    assert await mine(stage, str(uuid7())) == []
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.arrive(str(uuid7()), str(client.organisation_id))


async def test_the_end_of_a_link_is_on_the_revocation_stream(stage, admin, client):
    person = str(uuid7())
    await tell(stage, client, person, 1)
    await tell(stage, client, person, 2, identity_events.AccountUnlinked)
    [cut] = await stage.events(admin, events_pb2.MembershipCut)
    assert (cut.membership_id, cut.account_id) == (client.membership_id, person)
    assert await mine(stage, person) == []
    assert await mine(stage, client.account_id) == [str(client.organisation_id)]
    assert {"membership.linked", "membership.unlinked"} <= set(await stage.acts(admin))


async def test_an_older_change_of_a_link_comes_too_late(stage, client):
    person = str(uuid7())
    await tell(stage, client, person, 2, identity_events.AccountUnlinked)
    await tell(stage, client, person, 1)
    assert await mine(stage, person) == []


async def test_a_cut_access_is_reached_by_neither(stage, admin, client):
    person = str(uuid7())
    await tell(stage, client, person, 1)
    await admin.call("CutAccess", membership_id=client.membership_id)
    assert await mine(stage, person) == await mine(stage, client.account_id) == []
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.arrive(person, str(client.organisation_id))


async def test_ones_own_membership_comes_first(stage, admin, client):
    colleague = await stage.colleague(admin, "junior")
    await tell(stage, client, colleague.account_id, 1)
    found = await stage.arrive(colleague.account_id, str(admin.organisation_id))
    assert found.membership_id == colleague.membership_id
    assert await mine(stage, colleague.account_id) == [str(admin.organisation_id)]


async def test_the_firm_is_told_nothing_of_the_personal_account(stage, admin, client):
    person = str(uuid7())
    await tell(stage, client, person, 1)
    contacts = (await admin.call("ListContacts")).contacts
    records = [await admin.call("GetContact", id=each.id) for each in contacts]
    assert not [each for each in records if person in str(each)]
    audit = await stage.rows(admin, "SELECT * FROM audit")
    assert not [row for row in audit if person in str(dict(row))]
