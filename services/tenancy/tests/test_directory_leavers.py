"""Colleagues whom the directory does not know leave with the person that it knows, and do not come back with them."""

import pytest
from tenancy_stage import refused
from test_directory import ACTIVE, CUT, SCIM, somebody
from test_events import handled

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7


@pytest.fixture
async def colleague(stage, admin):
    """Somebody who was here before the directory."""
    return await stage.colleague(admin, "adviser")


async def heard(stage, organisation_id, person, *also):
    event = identity_events.DirectoryPersonChanged(person=person, also_account_ids=[str(each) for each in also])
    async with stage.service.database.begin(Caller("identity"), organisation_id=organisation_id) as unit:
        sent = unit.emit(event, aggregate_id=uuid7(), version=person.version)
    await handled(stage, sent)


async def test_a_colleague_leaves_with_the_directorys_person(stage, admin, colleague):
    leaver = somebody(source=SCIM, active=False)

    await heard(stage, admin.organisation_id, leaver, colleague.account_id)

    found = await admin.call("GetMember", id=colleague.membership_id)
    assert (found.state, found.cut_by_directory) == (CUT, False)
    assert colleague.membership_id in [
        each.membership_id for each in await stage.events(admin, events_pb2.MembershipCut)
    ]
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.arrive(str(colleague.account_id), str(admin.organisation_id))
    query = "SELECT details FROM audit WHERE act = 'directory.cut_beside'"
    assert [each["details"] for each in await stage.rows(admin, query)] == [
        {"leaver": leaver.account_id, "why": "same_mail"}
    ]


async def test_they_do_not_come_back_with_them_until_somebody_opens_their_access(stage, admin, colleague):
    leaver = somebody(source=SCIM, active=False)
    await heard(stage, admin.organisation_id, leaver, colleague.account_id)

    await heard(stage, admin.organisation_id, somebody(leaver.account_id, source=SCIM), colleague.account_id)
    assert (await admin.call("GetMember", id=colleague.membership_id)).state == CUT

    await admin.call("ReopenMember", id=colleague.membership_id)
    assert (await admin.call("GetMember", id=colleague.membership_id)).state == ACTIVE


async def test_an_administrators_access_stays_and_the_others_decide(stage, admin):
    other = await stage.colleague(admin, "administrator")
    leaver = somebody(source=SCIM, active=False)

    await heard(stage, admin.organisation_id, leaver, other.account_id)

    found = await admin.call("GetMember", id=other.membership_id)
    assert found.state == ACTIVE
    [notice] = await stage.events(admin, events_pb2.AdministratorsNoticed)
    assert (notice.kind, notice.values["person"]) == (
        "directory_leaver_kept", f"{found.given_name} {found.family_name}",
    )  # fmt: skip
    assert str(admin.membership_id) in notice.membership_ids
    assert other.membership_id not in notice.membership_ids
    assert "directory.not_cut_beside" in await stage.acts(admin)


async def test_the_last_administrator_and_other_firms_are_left_alone(stage, provider, admin, colleague):
    other = await stage.firm(provider, "Cabinet Voisin")
    leaver = somebody(source=SCIM, active=False)

    await heard(stage, other.organisation_id, leaver, colleague.account_id)
    await heard(stage, admin.organisation_id, leaver, admin.account_id)

    assert (await admin.call("GetMember", id=colleague.membership_id)).state == ACTIVE
    assert (await admin.call("GetMember", id=admin.membership_id)).state == ACTIVE
    assert "directory.not_cut_beside" in await stage.acts(admin)
