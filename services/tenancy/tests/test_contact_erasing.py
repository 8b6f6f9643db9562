"""A firm erases a contact: the record, its people and its accesses go, and nobody else's do."""

import asyncpg
import pytest
from test_events import handled

from parvis.records.v1 import events_pb2
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit import audit
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError

EVERYWHERE = ("contacts", "people", "contact_advisers", "access_contacts")


async def everything(stage, admin):
    return [
        f"{table} {dict(row)}"
        for table in EVERYWHERE
        for row in await stage.rows(admin, f"SELECT * FROM {table}")  # noqa: S608 - above
    ]


async def test_nothing_says_who_it_was_and_no_list_shows_it(stage, admin):
    gone, stays = await stage.contact(admin), await stage.contact(admin, name="Boulangerie Le Goff")

    await admin.call("EraseContact", id=gone.contact.id)

    of_it = [line for line in await everything(stage, admin) if gone.contact.id in line]
    assert [line for line in of_it if "erautret" in line.lower()] == []
    assert {line.split()[0] for line in of_it} == {"contacts", "people"}
    listed = await admin.call("ListContacts")
    assert [each.id for each in listed.contacts] == [stays.contact.id]
    assert listed.total == 1
    for again in ("GetContact", "EraseContact"):
        with pytest.raises(ServiceError) as refused:
            await admin.call(again, id=gone.contact.id)
        assert refused.value.kind is Kind.NOT_FOUND


async def test_its_accesses_are_closed_and_identity_hears_whose_accounts_they_were(stage, admin):
    record = await stage.contact(admin)
    client = await stage.portal(admin, record)

    await admin.call("EraseContact", id=record.contact.id)

    [told] = await stage.events(admin, events_pb2.ContactErased)
    assert list(told.account_ids) == [str(client.account_id)]
    cuts = await stage.events(admin, tenancy_events.MembershipCut)
    assert cuts[-1].account_id == str(client.account_id)
    states = await stage.rows(admin, "SELECT state FROM memberships WHERE kind = 2")
    assert [row["state"] for row in states] == [tenancy_pb2.MEMBERSHIP_STATE_CUT]


async def test_others_hear_of_it_without_its_name_under_the_kind_that_they_know(stage, admin):
    record = await stage.contact(admin)
    await admin.call("EraseContact", id=record.contact.id)
    changed = (await stage.events(admin, tenancy_events.ContactChanged))[-1].contact
    assert (changed.name, changed.addresses.main, changed.kind) == ("—", "", tenancy_pb2.CONTACT_KIND_CLIENT)
    assert list(changed.advisers) == []


async def test_the_trail_says_that_it_was_done_and_no_more_about_whom(stage, admin, database_urls):
    record = await stage.contact(admin)
    await admin.call("EraseContact", id=record.contact.id)
    connection = await asyncpg.connect(database_urls.service)
    await audit.seal(connection)
    await connection.close()
    query = "SELECT id FROM outbox WHERE subject = $1 ORDER BY id DESC LIMIT 1"
    async with stage.service.database.begin(Caller("tenancy")) as unit:
        [sent] = await unit.fetch(query, events_pb2.ContactErased.DESCRIPTOR.full_name)
    await handled(stage, sent["id"])
    said = await stage.rows(admin, f"SELECT act, details FROM audit WHERE target_id = '{record.contact.id}'")  # noqa: S608 - an id
    assert "contact.erased" in {row["act"] for row in said}
    assert [row for row in said if "erautret" in str(row["details"])] == []
