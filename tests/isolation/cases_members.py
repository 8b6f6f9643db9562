"""Requests of tenancy: members, profiles, hierarchy."""

import secrets
from datetime import UTC, datetime, timedelta

from cases import NOT_FOUND, OWN, Refused, case
from world import World

from parvis.tenancy.v1 import tenancy_pb2 as pb
from parvis_kit.errors import Kind


@case("MemberService.ListMembers", others=OWN)
async def list_members(_: World) -> pb.ListMembersRequest:
    return pb.ListMembersRequest(page_size=200)


@case("MemberService.GetMember", through=("web", "identity"))
async def get_member(world: World) -> pb.GetMemberRequest:
    return pb.GetMemberRequest(id=world.member.id)


async def _administering(world: World) -> str:
    """A profile that lets people change what others may do: given by whoever has just proven who they are."""
    rights = {"members.read": pb.SCOPE_ALL, "members.manage": pb.SCOPE_ALL}
    return (await world.cast.profile(f"Isolation {secrets.token_hex(4)}", rights)).id


@case("MemberService.InviteMember", fresh=True)
async def invite_member(world: World) -> pb.InviteMemberRequest:
    return pb.InviteMemberRequest(
        mail=f"iso-{secrets.token_hex(4)}@isolation.example", given_name="Iso", family_name="Lation",
        profile_id=await _administering(world),
    )  # fmt: skip


@case("MemberService.ResendInvitation")
async def resend_invitation(world: World) -> pb.ResendInvitationRequest:
    return pb.ResendInvitationRequest(id=(await world.cast.invite(world.member.profile_id)).id)


@case("MemberService.WithdrawInvitation")
async def withdraw_invitation(world: World) -> pb.WithdrawInvitationRequest:
    return pb.WithdrawInvitationRequest(id=(await world.cast.invite(world.member.profile_id)).id)


@case("MemberService.CutMember")
async def cut_member(world: World) -> pb.CutMemberRequest:
    return pb.CutMemberRequest(id=(await world.active_member()).id)


@case("MemberService.ReopenMember", fresh=True)
async def reopen_member(world: World) -> pb.ReopenMemberRequest:
    cut = await world.active_member(await _administering(world))
    await world.call("MemberService.CutMember", pb.CutMemberRequest(id=cut.id))
    return pb.ReopenMemberRequest(id=cut.id)


@case("MemberService.UpdateMember", fresh=True)
async def update_member(world: World) -> pb.UpdateMemberRequest:
    invited = await world.cast.invite(world.member.profile_id)
    return pb.UpdateMemberRequest(
        id=invited.id, profile_id=await _administering(world), structure_id=world.structure_id, version=invited.version
    )


@case("MemberService.ListProfiles", others=OWN)
async def list_profiles(_: World) -> pb.ListProfilesRequest:
    return pb.ListProfilesRequest()


@case("MemberService.SaveProfile")
async def save_profile(world: World) -> pb.SaveProfileRequest:
    profile = await world.cast.profile(f"Isolation {secrets.token_hex(4)}", {"members.read": pb.SCOPE_ALL})
    profile.rights[0].code = "members.invite"
    return pb.SaveProfileRequest(profile=profile)


@case("MemberService.DuplicateProfile")
async def duplicate_profile(world: World) -> pb.DuplicateProfileRequest:
    profile = await world.cast.profile(f"Isolation {secrets.token_hex(4)}", {"members.read": pb.SCOPE_ALL})
    return pb.DuplicateProfileRequest(id=profile.id, name=f"Isolation {secrets.token_hex(4)}")


@case("MemberService.DeleteProfile")
async def delete_profile(world: World) -> pb.DeleteProfileRequest:
    profile = await world.cast.profile(f"Isolation {secrets.token_hex(4)}", {"members.read": pb.SCOPE_ALL})
    return pb.DeleteProfileRequest(id=profile.id, version=profile.version, replacement_id=world.member.profile_id)


async def _delegation(world: World) -> pb.CreateDelegationRequest:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    lent = {"codes": ["contacts.read"], "ends_at": tomorrow}
    return pb.CreateDelegationRequest(from_id=world.member.id, to_id=(await world.active_member()).id, **lent)


NOT_THEIRS = Refused((Kind.FORBIDDEN,), ("right_missing",))
NOBODY_ELSES = {"other-firm": NOT_FOUND, "two-firms": NOT_FOUND, "no-right": NOT_THEIRS}


@case("MemberService.CreateDelegation", differs=NOBODY_ELSES)
async def create_delegation(world: World) -> pb.CreateDelegationRequest:
    return await _delegation(world)


@case("MemberService.EndDelegation", differs=NOBODY_ELSES)
async def end_delegation(world: World) -> pb.EndDelegationRequest:
    made = await world.call("MemberService.CreateDelegation", await _delegation(world))
    return pb.EndDelegationRequest(id=made.id)


@case("MemberService.ListDelegations", others=OWN, differs={"no-right": NOT_THEIRS})
async def list_delegations(world: World) -> pb.ListDelegationsRequest:
    made = await world.call("MemberService.CreateDelegation", await _delegation(world))
    return pb.ListDelegationsRequest(member_id=made.to_id)


@case("MemberService.ListRightsChanges")
async def list_rights_changes(world: World) -> pb.ListRightsChangesRequest:
    return pb.ListRightsChangesRequest(member_id=world.member.id)


@case("MemberService.MoveMember")
async def move_member(world: World) -> pb.MoveMemberRequest:
    invited = await world.cast.invite(world.member.profile_id)
    return pb.MoveMemberRequest(member_id=invited.id, manager_id=world.member.id, version=invited.version)


@case("MemberService.PreviewMove")
async def preview_move(world: World) -> pb.PreviewMoveRequest:
    invited = await world.cast.invite(world.member.profile_id)
    return pb.PreviewMoveRequest(member_id=invited.id, manager_id=world.member.id)


@case("MemberService.SetMemberLimits", fresh=True)
async def set_member_limits(world: World) -> pb.SetMemberLimitsRequest:
    invited = await world.cast.invite(world.member.profile_id)
    return pb.SetMemberLimitsRequest(
        member_id=invited.id, version=invited.version, tier_id=world.structure_id, access_quota=3
    )


@case("MemberService.SetPersonalRights")
async def set_personal_rights(world: World) -> pb.SetPersonalRightsRequest:
    invited = await world.cast.invite(world.member.profile_id)
    granted = [pb.GrantedRight(code="members.read", scope=pb.SCOPE_ALL)]
    return pb.SetPersonalRightsRequest(member_id=invited.id, version=invited.version, rights=granted)


@case("MemberService.ListRights", others=OWN)
async def list_rights(_: World) -> pb.ListRightsRequest:
    return pb.ListRightsRequest()
