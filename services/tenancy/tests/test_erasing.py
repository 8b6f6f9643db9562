"""A person whose account is gone leaves every organisation; their memberships stay and say no more who they were."""

import asyncpg
import pytest
from test_events import handled

from parvis.records.v1 import events_pb2
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit import audit
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7

NAMES = "SELECT id, account_id, given_name, family_name, mail, identifier, state FROM memberships ORDER BY id"


@pytest.fixture
def erase(stage, database_urls):
    async def erase(account_id):
        connection = await asyncpg.connect(database_urls.service)
        await audit.seal(connection)
        await connection.close()
        erasure_id = uuid7()
        event = events_pb2.AccountErased(erasure_id=str(erasure_id), account_id=account_id)
        async with stage.service.database.begin(Caller("identity")) as unit:
            sent = unit.emit(event, aggregate_id=erasure_id)
        await handled(stage, sent)
        return erasure_id

    return erase


async def told(stage, erasure_id, event_class):
    async with stage.service.database.begin(Caller("tenancy")) as unit:
        query = "SELECT payload FROM outbox WHERE aggregate_id = $1 AND subject = $2"
        rows = await unit.fetch(query, erasure_id, event_class.DESCRIPTOR.full_name)
    return [event_class.FromString(row["payload"]) for row in rows]


async def test_a_member_is_nameless_and_out_and_nobody_else_changes(stage, admin, erase):
    member, other = await stage.invite(admin, "adviser"), await stage.invite(admin, "adviser")
    await stage.arrive(member.account_id, str(admin.organisation_id))
    before = {str(row["id"]): dict(row) for row in await stage.rows(admin, NAMES)}

    erasure_id = await erase(member.account_id)

    after = {str(row["id"]): dict(row) for row in await stage.rows(admin, NAMES)}
    changed = [each for each in before if before[each] != after[each]]
    assert changed == [member.id]
    gone = after[member.id]
    assert (gone["given_name"], gone["family_name"], gone["mail"]) == ("", "—", "")
    assert gone["state"] == tenancy_pb2.MEMBERSHIP_STATE_CUT
    assert str(gone["account_id"]) != member.account_id
    assert other.id in after
    [person] = await told(stage, erasure_id, events_pb2.PersonErased)
    assert [each.membership_id for each in person.memberships] == [member.id]
    [answer] = await told(stage, erasure_id, events_pb2.RecordsErased)
    assert answer.service == "tenancy"
    assert answer.erased["memberships"] == 1


async def test_a_client_keeps_no_access_and_the_firm_its_contact(stage, admin, erase):
    record = await stage.contact(admin)
    client = await stage.portal(admin, record)
    await erase(client.account_id)
    assert await stage.rows(admin, "SELECT 1 FROM access_contacts") == []
    people = await stage.rows(admin, "SELECT given_name, family_name, mail FROM people")
    assert {tuple(row) for row in people} == {("", "", "")}
    contacts = await stage.rows(admin, "SELECT name FROM contacts")
    assert [row["name"] for row in contacts] == [record.contact.name]


async def test_a_second_time_changes_nothing(stage, admin, erase):
    member = await stage.invite(admin, "adviser")
    await erase(member.account_id)
    before = [dict(row) for row in await stage.rows(admin, NAMES)]
    erasure_id = await erase(member.account_id)
    assert [dict(row) for row in await stage.rows(admin, NAMES)] == before
    [person] = await told(stage, erasure_id, events_pb2.PersonErased)
    assert list(person.memberships) == []


async def test_others_hear_at_once_that_the_access_ended(stage, admin, erase):
    member = await stage.invite(admin, "adviser")
    await stage.arrive(member.account_id, str(admin.organisation_id))
    await erase(member.account_id)
    cuts = await stage.events(admin, tenancy_events.MembershipCut)
    assert (cuts[-1].membership_id, cuts[-1].account_id) == (member.id, member.account_id)
    changed = await stage.events(admin, tenancy_events.MembershipChanged)
    assert (changed[-1].family_name, changed[-1].mail) == ("—", "")


async def test_rights_of_the_past_stay_without_whose_account_it_was(stage, admin, erase):
    member = await stage.invite(admin, "adviser")
    await stage.arrive(member.account_id, str(admin.organisation_id))
    await erase(member.account_id)
    facts = await stage.rows(admin, "SELECT fact::text AS fact FROM fact_history")
    assert [row for row in facts if member.account_id in row["fact"]] == []
    assert [row for row in facts if member.id in row["fact"]] != []
