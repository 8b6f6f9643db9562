"""The closing of an organisation: who asks for it and how, what is refused meanwhile, reopening, the day itself."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from tenancy_stage import refused
from test_events import handled

from parvis.records.v1 import events_pb2 as records_events
from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit import audit
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError
from parvis_tenancy import ending
from parvis_tenancy.service import closings

NAME = "Cabinet Armor"


@pytest.fixture
def come(stage, database_urls):
    """The day of an organisation has come; `days` from now on."""

    async def come(organisation_id, days=0):
        connection = await asyncpg.connect(database_urls.service)
        await audit.seal(connection)
        await connection.close()
        async with stage.service.database.begin(Caller("tenancy")) as unit:
            query = "UPDATE closings SET due_at = now() + $2 WHERE organisation_id = $1 AND ended_at IS NULL"
            await unit.fetch(query, organisation_id, timedelta(days=days))
        return await closings.settle(stage.service.database)

    return come


async def frame_when(actor, condition):
    """The frame once the news has reached the cached rights: callers here carry no revision."""
    async with asyncio.timeout(20):
        while not condition(frame := await actor.call("GetFrame")):  # noqa: ASYNC110 - it is in another task
            await asyncio.sleep(0.05)
    return frame


def is_closing(frame):
    return frame.HasField("closes_at")


async def test_an_administrator_closes_it_by_its_name_and_nothing_changes_any_more(stage, admin):
    with refused(Kind.INVALID, "fields_invalid"):
        await admin.call("CloseOrganisation", name="Cabinet Armer")
    closing = await admin.call("CloseOrganisation", name="cabinet  ARMOR ")
    days = closing.closes_at.ToDatetime() - closing.asked_at.ToDatetime()
    assert (days.days, closing.asked_by, closing.may_close) == (30, "Anne Kervella", True)

    frame = await frame_when(admin, is_closing)
    assert frame.closes_at == closing.closes_at
    assert (await admin.call("ListMembers")).members
    with refused(Kind.PRECONDITION, "organisation_closing") as caught:
        await stage.contact(admin)
    assert caught.value.params["day"] == closing.closes_at.ToDatetime().date().isoformat()
    told = await stage.events(admin, events_pb2.AdministratorsNoticed)
    assert [(each.kind, list(each.membership_ids)) for each in told] == [
        ("organisation_closing", [admin.membership_id])
    ]


async def test_a_client_of_the_firm_reads_and_changes_nothing(stage, admin):
    record = await stage.contact(admin)
    client = await stage.portal(admin, record)
    await admin.call("CloseOrganisation", name=NAME)
    await frame_when(client, is_closing)
    assert (await client.call("GetContact", id=record.contact.id)).contact.name == record.contact.name


async def test_reopened_everything_is_as_before(stage, admin):
    await admin.call("CloseOrganisation", name=NAME)
    again = await admin.call("ReopenOrganisation")
    assert not again.HasField("closes_at")
    await frame_when(admin, lambda frame: not is_closing(frame))
    assert await stage.contact(admin)
    told = await stage.events(admin, events_pb2.AdministratorsNoticed)
    assert [each.kind for each in told] == ["organisation_closing", "organisation_reopened"]
    assert {"organisation.closing_asked", "organisation.reopened"} <= set(await stage.acts(admin))


async def test_asked_for_again_the_first_day_stands(admin):
    first = await admin.call("CloseOrganisation", name=NAME)
    assert (await admin.call("CloseOrganisation", name=NAME)).closes_at == first.closes_at


async def test_who_does_not_administer_the_whole_organisation_sees_whom_to_ask(stage, admin):
    colleague = await stage.colleague(admin, "manager")
    stand = await colleague.call("GetClosing")
    assert (stand.may_close, list(stand.administrators)) == (False, ["Anne Kervella"])
    with refused(Kind.FORBIDDEN, "right_missing"):
        await colleague.call("CloseOrganisation", name=NAME)
    member = await admin.call("GetMember", id=colleague.membership_id)
    codes = ("members.read", "organisation.manage")
    rights = [tenancy_pb2.GrantedRight(code=code, scope=tenancy_pb2.SCOPE_ALL) for code in codes]
    await admin.call("SetPersonalRights", member_id=member.id, version=member.version, rights=rights)
    await frame_when(colleague, lambda frame: "organisation.manage" in frame.rights)
    with refused(Kind.FORBIDDEN, "administrators_only") as caught:
        await colleague.call("CloseOrganisation", name=NAME)
    assert caught.value.params["helpers"] == "Anne Kervella"


async def test_the_provider_stays(provider):
    assert (await provider.call("GetClosing")).is_provider
    with refused(Kind.PRECONDITION, "provider_stays"):
        await provider.call("CloseOrganisation", name="Éditions Logicielles")


async def test_nobody_asks_for_an_account_there_any_more(stage, admin):
    await admin.call("SetRequestsAccepted", accepted=True)
    where = str(admin.organisation_id)
    assert (await stage.as_service("identity").call("GetFace", id=where)).accepts_requests
    await admin.call("CloseOrganisation", name=NAME)
    face = await stage.as_service("identity").call("GetFace", id=where)
    assert (face.accepts_requests, face.HasField("closes_at")) == (False, True)


async def test_a_week_before_administrators_are_told_once(stage, admin, come):
    await admin.call("CloseOrganisation", name=NAME)
    assert await come(admin.organisation_id, days=8) == 0
    assert await come(admin.organisation_id, days=6) == 0
    assert await come(admin.organisation_id, days=5) == 0
    told = await stage.events(admin, events_pb2.AdministratorsNoticed)
    assert [each.kind for each in told] == ["organisation_closing", "organisation_closes_soon"]


async def test_on_the_day_nothing_of_it_is_left_and_every_service_hears(stage, provider, come):
    admin, neighbour = await stage.firm(provider), await stage.firm(provider, "Cabinet Bréhat")
    record = await stage.contact(admin)
    await stage.portal(admin, record)
    await stage.product(provider, admin, neighbour)
    await admin.call("CloseOrganisation", name=NAME)
    before = await stage.rows(neighbour, "SELECT * FROM memberships")

    assert await come(admin.organisation_id) == 1

    for table in ("organisations", "organisation_directory", "memberships", "contacts", "people", "profiles",
                  "subscriptions", "fact_history", "rights_changes", "rights_revisions"):  # fmt: skip
        column = "id" if table == "organisations" else "organisation_id"
        query = f"SELECT 1 FROM {table} WHERE {column} = $1"  # noqa: S608 - above
        assert (table, await stage.rows(admin, query, admin.organisation_id)) == (table, [])
    assert await stage.rows(neighbour, "SELECT * FROM memberships") == before
    [erased] = await stage.events(admin, records_events.OrganisationErased)
    assert erased.organisation_id == str(admin.organisation_id)
    [gone] = await stage.events(admin, events_pb2.OrganisationGone)
    assert (gone.organisation_name, [each.given_name for each in gone.administrators]) == (NAME, ["Anne"])
    cuts = await stage.events(admin, events_pb2.MembershipCut)
    assert admin.membership_id in {each.membership_id for each in cuts}
    said = await stage.rows(admin, "SELECT act FROM audit WHERE details IS NOT NULL")
    assert [row["act"] for row in said] == ["acts.erased"]
    with pytest.raises(ServiceError) as out:
        await admin.call("GetFrame")
    assert out.value.reason in {"session_ended", "membership_ended"}


async def test_what_closes_needs_no_administrator_until_it_is_reopened(stage, provider, come):
    admin, neighbour = await stage.firm(provider), await stage.firm(provider, "Cabinet Bréhat")

    async def needed(actor):
        found = await stage.as_service("identity").call("ListAdministrations", account_id=actor.account_id)
        return [each.name for each in found.administrations]

    assert await needed(admin) == [NAME]
    await admin.call("CloseOrganisation", name=NAME)
    assert (await needed(admin), await needed(neighbour)) == ([], ["Cabinet Bréhat"])
    await admin.call("ReopenOrganisation")
    assert await needed(admin) == [NAME]
    await admin.call("CloseOrganisation", name=NAME)
    assert await come(admin.organisation_id) == 1
    assert (await needed(admin), await needed(neighbour)) == ([], ["Cabinet Bréhat"])


async def test_services_answer_and_operators_see_what_is_open(stage, admin, come, capsys):
    await admin.call("CloseOrganisation", name=NAME)
    await come(admin.organisation_id)
    [erased] = await stage.events(admin, records_events.OrganisationErased)
    for name in ("identity", "documents", "notify"):
        event = records_events.OrganisationRecordsErased(closing_id=erased.closing_id, service=name, erased={"a": 1})
        async with stage.service.database.begin(Caller("tenancy")) as unit:
            sent = unit.emit(event, aggregate_id=admin.organisation_id)
        await handled(stage, sent)
    assert await ending.listed(stage.service.database) == 1
    [line] = [each for each in capsys.readouterr().out.splitlines() if "not yet: billing" in each]
    assert closings.digest_of(admin.organisation_id) in line


async def test_erased_again_after_a_restore_in_another_service(stage, admin, come):
    await admin.call("CloseOrganisation", name=NAME)
    await come(admin.organisation_id)
    digest = closings.digest_of(admin.organisation_id)
    assert await ending.again(stage.service.database, [digest, "0" * 64]) == 0
    assert await closings.settle(stage.service.database) == 1
    erased = await stage.events(admin, records_events.OrganisationErased)
    assert len({each.closing_id for each in erased}) == 2


async def test_nothing_is_sold_to_a_customer_that_closes(stage, provider, admin):
    product = await stage.product(provider)
    await admin.call("CloseOrganisation", name=NAME)
    where = str(admin.organisation_id)
    assert (await provider.call("ListSubscriptions", organisation_id=where)).HasField("closes_at")
    with refused(Kind.PRECONDITION, "customer_closing"):
        await provider.call("SubscribeCustomer", product_id=product.id, organisation_id=where)


async def test_an_operator_closes_by_the_short_name(stage, admin, capsys):
    slug = (await admin.call("GetFrame")).organisation.slug
    asked = {"days": 3}
    assert await ending.act(stage.service.database, slug, confirm="x", **asked) == 2
    assert await ending.act(stage.service.database, "nobody-there", confirm="nobody-there", **asked) == 2
    assert await ending.act(stage.service.database, slug, confirm=slug, **asked) == 0
    assert "erased on" in capsys.readouterr().out
    closing = await admin.call("GetClosing")
    assert (closing.closes_at.ToDatetime() - closing.asked_at.ToDatetime()).days == 3
    provider = "editions-logicielles"
    assert await ending.act(stage.service.database, provider, confirm=provider, **asked) == 2
