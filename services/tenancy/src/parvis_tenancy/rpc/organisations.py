"""OrganisationService."""

from dataclasses import dataclass

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import unauthenticated
from parvis_kit.ids import parse, parse_optional
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import home, organisations, referents, set_up, structures
from parvis_tenancy.service.accounts import Identity


@dataclass(frozen=True, slots=True)
class OrganisationRpc:
    """Answers `parvis.tenancy.v1.OrganisationService`."""

    identity: Identity
    setup_token_sha256: str

    async def GetPasswordPolicy(
        self, unit: UnitOfWork, request: tenancy_pb2.GetPasswordPolicyRequest
    ) -> identity_pb2.PasswordPolicies:
        del unit, request
        return await self.identity.passwords.GetPasswordPolicy(identity_pb2.GetPasswordPolicyRequest())

    async def SavePasswordPolicy(
        self, unit: UnitOfWork, request: tenancy_pb2.SavePasswordPolicyRequest
    ) -> identity_pb2.PasswordPolicies:
        wanted = identity_pb2.SavePasswordPolicyRequest(policy=request.policy)
        saved = await self.identity.passwords.SavePasswordPolicy(wanted)
        unit.record("organisation.password_policy_saved", target_kind="organisation", target_id=unit.organisation_id)
        return saved

    async def GetFrame(self, unit: UnitOfWork, _: tenancy_pb2.GetFrameRequest) -> tenancy_pb2.Frame:
        return await home.frame(unit)

    async def GetHome(self, unit: UnitOfWork, _: tenancy_pb2.GetHomeRequest) -> tenancy_pb2.Home:
        return await home.compose(unit)

    async def GetOrganisation(
        self, unit: UnitOfWork, _: tenancy_pb2.GetOrganisationRequest
    ) -> tenancy_pb2.Organisation:
        return await organisations.own(unit)

    async def UpdateOrganisation(
        self, unit: UnitOfWork, request: tenancy_pb2.UpdateOrganisationRequest
    ) -> tenancy_pb2.Organisation:
        return await organisations.update(unit, request.organisation)

    async def ListMyOrganisations(
        self, unit: UnitOfWork, request: tenancy_pb2.ListMyOrganisationsRequest
    ) -> tenancy_pb2.ListMyOrganisationsResponse:
        if unit.caller.account_id is None:
            raise unauthenticated()
        return await organisations.mine(unit, unit.caller.account_id, request)

    async def ListCustomers(
        self, unit: UnitOfWork, request: tenancy_pb2.ListCustomersRequest
    ) -> tenancy_pb2.ListCustomersResponse:
        return await organisations.customers(unit, request.query, request.page_size, request.page_token)

    async def CreateCustomer(
        self, unit: UnitOfWork, request: tenancy_pb2.CreateCustomerRequest
    ) -> tenancy_pb2.Organisation:
        return await organisations.create_customer(unit, self.identity, request)

    async def GetFace(self, unit: UnitOfWork, request: tenancy_pb2.GetFaceRequest) -> tenancy_pb2.Face:
        return await organisations.face(unit, request.slug, parse_optional(request.id, "id"))

    async def SetUp(self, unit: UnitOfWork, request: tenancy_pb2.SetUpRequest) -> tenancy_pb2.SetUpResponse:
        return await set_up.set_up(unit, self.identity, self.setup_token_sha256, request)

    async def ListStructures(
        self, unit: UnitOfWork, _: tenancy_pb2.ListStructuresRequest
    ) -> tenancy_pb2.ListStructuresResponse:
        return tenancy_pb2.ListStructuresResponse(structures=await structures.every(unit))

    async def CreateStructure(
        self, unit: UnitOfWork, request: tenancy_pb2.CreateStructureRequest
    ) -> tenancy_pb2.Structure:
        parent_id = parse_optional(request.parent_id, "parent_id")
        return await structures.create(unit, request.name, parent_id)

    async def UpdateStructure(
        self, unit: UnitOfWork, request: tenancy_pb2.UpdateStructureRequest
    ) -> tenancy_pb2.Structure:
        parent_id = parse_optional(request.parent_id, "parent_id")
        return await structures.update(
            unit, parse(request.id), name=request.name, parent_id=parent_id, version=request.version
        )

    async def DeleteStructure(
        self, unit: UnitOfWork, request: tenancy_pb2.DeleteStructureRequest
    ) -> tenancy_pb2.DeleteStructureResponse:
        await structures.delete(unit, parse(request.id))
        return tenancy_pb2.DeleteStructureResponse()

    async def ListReferents(
        self, unit: UnitOfWork, _: tenancy_pb2.ListReferentsRequest
    ) -> tenancy_pb2.ListReferentsResponse:
        return await referents.listed(unit)

    async def SetReferents(
        self, unit: UnitOfWork, request: tenancy_pb2.SetReferentsRequest
    ) -> tenancy_pb2.ListReferentsResponse:
        return await referents.charge(unit, request.duty, request.membership_ids)

    async def ListProviderStaff(
        self, unit: UnitOfWork, _: tenancy_pb2.ListProviderStaffRequest
    ) -> tenancy_pb2.ListProviderStaffResponse:
        return await referents.provider_staff(unit)
