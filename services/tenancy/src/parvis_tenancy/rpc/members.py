"""MemberService."""

from dataclasses import dataclass

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.ids import parse, parse_optional
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import changes, delegations, hierarchy, limits, members, personal, profiles
from parvis_tenancy.service.accounts import Identity
from parvis_tenancy.service.members import MemberChange


@dataclass(frozen=True, slots=True)
class MemberRpc:
    """Answers `parvis.tenancy.v1.MemberService`."""

    identity: Identity

    async def ListMembers(
        self, unit: UnitOfWork, request: tenancy_pb2.ListMembersRequest
    ) -> tenancy_pb2.ListMembersResponse:
        page, token, total = await members.page(unit, request)
        return tenancy_pb2.ListMembersResponse(members=page, next_page_token=token, total=total)

    async def GetMember(self, unit: UnitOfWork, request: tenancy_pb2.GetMemberRequest) -> tenancy_pb2.Member:
        return await members.one(unit, parse(request.id))

    async def ListOwnMemberships(
        self, unit: UnitOfWork, _: tenancy_pb2.ListOwnMembershipsRequest
    ) -> tenancy_pb2.ListOwnMembershipsResponse:
        return tenancy_pb2.ListOwnMembershipsResponse(
            memberships=[
                tenancy_pb2.OwnMembership(organisation_id=str(organisation_id), membership_id=str(membership_id))
                for organisation_id, membership_id in await members.own(unit)
            ]
        )

    async def ListAdministrations(
        self, unit: UnitOfWork, request: tenancy_pb2.ListAdministrationsRequest
    ) -> tenancy_pb2.ListAdministrationsResponse:
        return tenancy_pb2.ListAdministrationsResponse(
            administrations=await members.administrations(unit, parse(request.account_id, "account_id"))
        )

    async def InviteMember(self, unit: UnitOfWork, request: tenancy_pb2.InviteMemberRequest) -> tenancy_pb2.Member:
        return await members.invite(unit, self.identity, request, parse(request.profile_id, "profile_id"))

    async def ResendInvitation(
        self, unit: UnitOfWork, request: tenancy_pb2.ResendInvitationRequest
    ) -> tenancy_pb2.Member:
        return await members.resend(unit, self.identity, parse(request.id))

    async def WithdrawInvitation(
        self, unit: UnitOfWork, request: tenancy_pb2.WithdrawInvitationRequest
    ) -> tenancy_pb2.Member:
        return await members.withdraw(unit, self.identity, parse(request.id))

    async def CutMember(self, unit: UnitOfWork, request: tenancy_pb2.CutMemberRequest) -> tenancy_pb2.Member:
        return await members.cut(unit, parse(request.id), request.reason)

    async def ReopenMember(self, unit: UnitOfWork, request: tenancy_pb2.ReopenMemberRequest) -> tenancy_pb2.Member:
        return await members.reopen(unit, parse(request.id), request.reason)

    async def UpdateMember(self, unit: UnitOfWork, request: tenancy_pb2.UpdateMemberRequest) -> tenancy_pb2.Member:
        change = MemberChange(
            function=request.function,
            profile_id=parse(request.profile_id, "profile_id"),
            structure_id=request.structure_id,
            version=request.version,
            reason=request.reason,
        )
        return await members.update(unit, parse(request.id), change)

    async def ListProfiles(
        self, unit: UnitOfWork, _: tenancy_pb2.ListProfilesRequest
    ) -> tenancy_pb2.ListProfilesResponse:
        return tenancy_pb2.ListProfilesResponse(profiles=await profiles.every(unit))

    async def SaveProfile(self, unit: UnitOfWork, request: tenancy_pb2.SaveProfileRequest) -> tenancy_pb2.Profile:
        profile_id = parse_optional(request.profile.id, "profile.id")
        return await profiles.save(unit, request.profile, profile_id, request.reason)

    async def SetPersonalRights(
        self, unit: UnitOfWork, request: tenancy_pb2.SetPersonalRightsRequest
    ) -> tenancy_pb2.Member:
        member_id = parse(request.member_id, "member_id")
        return await personal.set_rights(
            unit, member_id, request.rights, version=request.version, reason=request.reason
        )

    async def MoveMember(self, unit: UnitOfWork, request: tenancy_pb2.MoveMemberRequest) -> tenancy_pb2.Member:
        member_id, manager_id = parse(request.member_id, "member_id"), parse_optional(request.manager_id, "manager_id")
        return await hierarchy.move(unit, member_id, manager_id, version=request.version, reason=request.reason)

    async def PreviewMove(self, unit: UnitOfWork, request: tenancy_pb2.PreviewMoveRequest) -> tenancy_pb2.MovePreview:
        member_id, manager_id = parse(request.member_id, "member_id"), parse_optional(request.manager_id, "manager_id")
        return await hierarchy.preview(unit, member_id, manager_id)

    async def SetMemberLimits(
        self, unit: UnitOfWork, request: tenancy_pb2.SetMemberLimitsRequest
    ) -> tenancy_pb2.Member:
        return await limits.set_limits(unit, parse(request.member_id, "member_id"), request)

    async def DuplicateProfile(
        self, unit: UnitOfWork, request: tenancy_pb2.DuplicateProfileRequest
    ) -> tenancy_pb2.Profile:
        return await profiles.duplicate(unit, parse(request.id), request.name, request.reason)

    async def DeleteProfile(
        self, unit: UnitOfWork, request: tenancy_pb2.DeleteProfileRequest
    ) -> tenancy_pb2.DeleteProfileResponse:
        heir = parse_optional(request.replacement_id, "replacement_id")
        return await profiles.delete(unit, parse(request.id), heir, version=request.version, reason=request.reason)

    async def CreateDelegation(
        self, unit: UnitOfWork, request: tenancy_pb2.CreateDelegationRequest
    ) -> tenancy_pb2.Delegation:
        return await delegations.create(unit, request)

    async def EndDelegation(
        self, unit: UnitOfWork, request: tenancy_pb2.EndDelegationRequest
    ) -> tenancy_pb2.Delegation:
        return await delegations.end(unit, parse(request.id), request.reason)

    async def ListDelegations(
        self, unit: UnitOfWork, request: tenancy_pb2.ListDelegationsRequest
    ) -> tenancy_pb2.ListDelegationsResponse:
        return await delegations.page(unit, request, parse_optional(request.member_id, "member_id"))

    async def ListRightsChanges(
        self, unit: UnitOfWork, request: tenancy_pb2.ListRightsChangesRequest
    ) -> tenancy_pb2.ListRightsChangesResponse:
        about = parse_optional(request.member_id, "member_id")
        return await changes.page(unit, about, request.page_size, request.page_token)

    async def ListRights(self, unit: UnitOfWork, _: tenancy_pb2.ListRightsRequest) -> tenancy_pb2.ListRightsResponse:
        return tenancy_pb2.ListRightsResponse(rights=await profiles.catalogue(unit))
