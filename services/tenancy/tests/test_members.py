"""Inviting, cutting, reopening and changing the staff of a firm."""

import asyncio

import pytest
from tenancy_stage import refused

from parvis.tenancy.v1 import events_pb2, tenancy_pb2
from parvis_kit.errors import Kind
from parvis_kit.ids import uuid7

INVITED, ACTIVE, CUT, WITHDRAWN = (
    tenancy_pb2.MEMBERSHIP_STATE_INVITED,
    tenancy_pb2.MEMBERSHIP_STATE_ACTIVE,
    tenancy_pb2.MEMBERSHIP_STATE_CUT,
    tenancy_pb2.MEMBERSHIP_STATE_WITHDRAWN,
)


async def test_an_invitation_announces_a_mail_with_a_link_of_its_own(stage, admin):
    member = await stage.invite(admin, "adviser", "Marc Tanguy")
    event = (await stage.events(admin, events_pb2.MemberInvited))[-1]
    assert (member.state, member.profile_built_in, member.mail) == (INVITED, "adviser", event.mail)
    assert (event.membership_id, event.inviter_name, event.profile_name) == (member.id, "Anne Kervella", "Conseiller")
    assert event.link_id


async def test_entering_the_organisation_accepts_the_invitation(stage, admin):
    member = await stage.invite(admin, "adviser")
    colleague = await stage.arrive(member.account_id, str(admin.organisation_id))
    assert "contacts.edit" in (await colleague.call("GetFrame")).rights
    assert (await admin.call("GetMember", id=member.id)).state == ACTIVE
    assert "membership.activated" in await stage.acts(admin)


async def test_nobody_is_invited_twice(stage, admin):
    member = await stage.invite(admin, "adviser")
    with refused(Kind.CONFLICT, "already_member"):
        await admin.call(
            "InviteMember", mail=member.mail, given_name="M", family_name="T", profile_id=member.profile_id
        )


@pytest.mark.parametrize("name", ["https://evil.example", "Roux WWW.evil.example"])
async def test_a_name_that_mails_would_show_as_a_link_is_refused(admin, name):
    with refused(Kind.INVALID, "fields_invalid") as caught:
        await admin.call(
            "InviteMember", mail="r@armor.example", given_name="Ida", family_name=name, profile_id=str(uuid7())
        )
    assert [(each.field, each.reason) for each in caught.value.violations] == [("family_name", "link_in_name")]


async def test_sending_again_makes_a_new_link_and_ends_the_old_one(stage, admin):
    member = await stage.invite(admin, "adviser")
    again = await admin.call("ResendInvitation", id=member.id)
    links = [each.link_id for each in await stage.events(admin, events_pb2.MemberInvited)]
    assert len(set(links)) == len(links)
    assert member.account_id in stage.identity.revoked
    assert again.version == member.version + 1


async def test_a_withdrawn_invitation_opens_nothing_and_can_be_made_anew(stage, admin):
    member = await stage.invite(admin, "adviser")
    assert (await admin.call("WithdrawInvitation", id=member.id)).state == WITHDRAWN
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.arrive(member.account_id, str(admin.organisation_id))
    listed = {each.id for each in (await admin.call("ListMembers")).members}
    again = await admin.call(
        "InviteMember", mail=member.mail, given_name="M", family_name="T", profile_id=member.profile_id
    )
    assert (member.id in listed, again.id, again.state) == (False, member.id, INVITED)


@pytest.mark.parametrize("method", ["ResendInvitation", "WithdrawInvitation"])
async def test_who_has_arrived_is_invited_no_more(stage, admin, method):
    colleague = await stage.colleague(admin, "adviser")
    with refused(Kind.PRECONDITION, "not_invited"):
        await admin.call(method, id=colleague.membership_id)


async def test_a_cut_is_told_on_the_revocation_stream_and_ends_the_grant_set(stage, admin):
    colleague = await stage.colleague(admin, "adviser")
    await admin.call("CutMember", id=colleague.membership_id)
    cut = (await stage.events(admin, events_pb2.MembershipCut))[-1]
    assert (cut.membership_id, cut.account_id) == (colleague.membership_id, colleague.account_id)
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.as_service("documents").call(
            "GetGrantSet", membership_id=colleague.membership_id, organisation_id=str(admin.organisation_id)
        )
    with refused(Kind.NOT_FOUND, "no_membership"):
        await stage.arrive(colleague.account_id, str(admin.organisation_id))


async def test_a_reopened_access_is_in_use_again(stage, admin):
    colleague = await stage.colleague(admin, "adviser")
    await admin.call("CutMember", id=colleague.membership_id)
    assert (await admin.call("ReopenMember", id=colleague.membership_id)).state == ACTIVE
    await stage.arrive(colleague.account_id, str(admin.organisation_id))


async def test_nobody_cuts_their_own_access(stage, admin):
    other = await stage.colleague(admin, "administrator")
    with refused(Kind.PRECONDITION, "own_access"):
        await other.call("CutMember", id=other.membership_id)


async def test_the_last_administrator_stays(stage, admin):
    manager = await stage.profile(admin, "manager")
    me = await admin.call("GetMember", id=admin.membership_id)
    with refused(Kind.PRECONDITION, "last_administrator"):
        await admin.call("CutMember", id=me.id)
    with refused(Kind.PRECONDITION, "last_administrator"):
        await admin.call("UpdateMember", id=me.id, profile_id=manager, version=me.version)


async def test_one_of_two_administrators_may_go(stage, admin):
    other = await stage.colleague(admin, "administrator")
    me = await admin.call("GetMember", id=admin.membership_id)
    changed = await other.call(
        "UpdateMember", id=me.id, profile_id=await stage.profile(other, "manager"), version=me.version
    )
    assert changed.profile_built_in == "manager"


async def test_a_changed_profile_is_in_force_at_once_for_whoever_asks(stage, admin):
    colleague = await stage.colleague(admin, "junior")
    member = await admin.call("GetMember", id=colleague.membership_id)
    await admin.call(
        "UpdateMember",
        id=member.id,
        profile_id=await stage.profile(admin, "manager"),
        function="Responsable",
        version=member.version,
    )
    assert (await colleague.call("Check", right="folders.configure")).allowed
    changed = (await stage.events(admin, events_pb2.GrantsChanged))[-1]
    assert list(changed.membership_ids) == [member.id]


async def test_two_who_change_a_member_at_once_see_each_other(stage, admin):
    member = await stage.invite(admin, "junior")
    await admin.call("UpdateMember", id=member.id, profile_id=member.profile_id, version=member.version)
    with refused(Kind.CONFLICT, "stale_version"):
        await admin.call("UpdateMember", id=member.id, profile_id=member.profile_id, version=member.version)


async def test_members_are_found_by_name_mail_and_function_without_accents(stage, admin):
    member = await stage.invite(admin, "adviser", "Éloïse Guégan")
    await admin.call(
        "UpdateMember", id=member.id, profile_id=member.profile_id, function="Paie", version=member.version
    )
    for query in ("guegan elo", member.mail, "PAIE"):
        assert [each.id for each in (await admin.call("ListMembers", query=query)).members] == [member.id]
    assert not (await admin.call("ListMembers", query="%")).members[2:]


async def test_members_are_listed_by_state(stage, admin):
    await stage.invite(admin, "adviser")
    states = {state: (await admin.call("ListMembers", state=state)).total for state in (INVITED, ACTIVE, CUT)}
    assert states == {INVITED: 1, ACTIVE: 1, CUT: 0}


async def test_a_member_of_another_firm_does_not_exist(stage, provider, admin):
    other = await stage.firm(provider)
    for method in ("GetMember", "ResendInvitation", "WithdrawInvitation", "CutMember", "ReopenMember"):
        with refused(Kind.NOT_FOUND, "member_not_found"):
            await other.call(method, id=admin.membership_id)


async def test_one_person_in_two_firms_lists_both(stage, provider, admin):
    other = await stage.firm(provider, "Atelier Breizh")
    profile_id = await stage.profile(other, "adviser")
    me = await admin.call("GetMember", id=admin.membership_id)
    await other.call("InviteMember", mail=me.mail, given_name="Anne", family_name="K", profile_id=profile_id)
    listed = await stage.as_account(admin.account_id).call("ListMyOrganisations")
    found = [(each.face.name, each.profile_built_in) for each in listed.organisations]
    assert found == [("Atelier Breizh", "adviser"), ("Cabinet Armor", "administrator")]
    assert (await admin.call("GetFrame")).organisations == 2


async def test_the_home_counts_invitations_for_those_who_invite(stage, admin):
    junior = await stage.colleague(admin, "junior")
    await stage.invite(admin, "adviser")
    assert (await admin.call("GetHome")).pending_invitations == 1
    assert (await junior.call("GetHome")).pending_invitations == 0


async def test_two_administrators_who_cut_each_other_at_once_leave_one(stage, admin):
    other = await stage.colleague(admin, "administrator")
    acts = (admin.call("CutMember", id=other.membership_id), other.call("CutMember", id=admin.membership_id))
    await asyncio.gather(*acts, return_exceptions=True)
    rows = await stage.rows(admin, "SELECT count(*) FROM memberships WHERE profile_built_in <> '' AND state = 2")
    assert rows[0]["count"] == 1


async def test_identity_is_told_the_staff_whom_a_demand_would_concern(stage, admin):
    colleague, invited = await stage.colleague(admin, "adviser"), await stage.invite(admin, "adviser")
    cut = await stage.colleague(admin, "adviser", "Paul Cadiou")
    await admin.call("CutMember", id=cut.membership_id)
    told = await stage.as_service("identity").call("ListStaff", organisation_id=str(admin.organisation_id))
    assert {each.account_id for each in told.staff} == {admin.account_id, colleague.account_id, invited.account_id}
    assert {each.profile_id for each in told.staff} <= set(told.profile_ids)
    assert len(told.profile_ids) == len((await admin.call("ListProfiles")).profiles)
