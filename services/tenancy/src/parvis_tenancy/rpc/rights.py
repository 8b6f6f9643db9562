"""RightsService."""

from dataclasses import dataclass, field

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.ids import parse, parse_optional
from parvis_kit.server import Begin, in_steps
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import contacts, decisions, rights, viewings
from parvis_tenancy.service.fields import moment_of
from parvis_tenancy.store.known import Known


@dataclass(frozen=True, slots=True)
class RightsRpc:
    """Answers `parvis.tenancy.v1.RightsService`."""

    known: Known = field(default_factory=Known)

    async def ResolveMembership(
        self, unit: UnitOfWork, request: tenancy_pb2.ResolveMembershipRequest
    ) -> tenancy_pb2.Membership:
        organisation_id = parse(request.organisation_id, "organisation_id")
        return await rights.resolve_membership(unit, parse(request.account_id, "account_id"), organisation_id)

    async def ResolveProduct(
        self, unit: UnitOfWork, request: tenancy_pb2.ResolveProductRequest
    ) -> tenancy_pb2.ProductGrant:
        return await rights.resolve_product(
            unit,
            parse(request.account_id, "account_id"),
            request.client_id,
            parse_optional(request.organisation_id, "organisation_id"),
        )

    async def ResolveViewing(
        self, unit: UnitOfWork, request: tenancy_pb2.ResolveViewingRequest
    ) -> tenancy_pb2.ViewingSubject:
        return await viewings.resolve(
            unit,
            parse(request.account_id, "account_id"),
            parse(request.organisation_id, "organisation_id"),
            parse(request.membership_id, "membership_id"),
        )

    async def ListEmployments(
        self, unit: UnitOfWork, request: tenancy_pb2.ListEmploymentsRequest
    ) -> tenancy_pb2.ListEmploymentsResponse:
        return await rights.employments(unit, parse(request.account_id, "account_id"))

    async def ListStaff(self, unit: UnitOfWork, request: tenancy_pb2.ListStaffRequest) -> tenancy_pb2.ListStaffResponse:
        return await rights.staff(unit, parse(request.organisation_id, "organisation_id"))

    async def GetGrantSet(self, unit: UnitOfWork, request: tenancy_pb2.GetGrantSetRequest) -> tenancy_pb2.GrantSet:
        organisation_id = parse(request.organisation_id, "organisation_id")
        return await rights.grant_set(unit, parse(request.membership_id, "membership_id"), organisation_id)

    async def ListAdviserChanges(
        self, unit: UnitOfWork, request: tenancy_pb2.ListAdviserChangesRequest
    ) -> tenancy_pb2.ListAdviserChangesResponse:
        return await contacts.adviser_changes(unit, request)

    async def Check(self, unit: UnitOfWork, request: tenancy_pb2.CheckRequest) -> tenancy_pb2.Decision:
        return await rights.check(unit, self.known, request.right, parse_optional(request.contact_id, "contact_id"))

    async def BatchCheck(
        self, unit: UnitOfWork, request: tenancy_pb2.BatchCheckRequest
    ) -> tenancy_pb2.BatchCheckResponse:
        return await decisions.batch(unit, self.known, request)

    async def Explain(self, unit: UnitOfWork, request: tenancy_pb2.ExplainRequest) -> tenancy_pb2.Explanation:
        return await decisions.explain(unit, self.known, request)

    async def ListObjects(
        self, unit: UnitOfWork, request: tenancy_pb2.ListObjectsRequest
    ) -> tenancy_pb2.ListObjectsResponse:
        return await decisions.objects(unit, request)

    async def ListSubjects(
        self, unit: UnitOfWork, request: tenancy_pb2.ListSubjectsRequest
    ) -> tenancy_pb2.ListSubjectsResponse:
        return await decisions.subjects(unit, request)

    async def GetRightsAt(self, unit: UnitOfWork, request: tenancy_pb2.GetRightsAtRequest) -> tenancy_pb2.RightsAt:
        return await decisions.rights_at(unit, request.membership_id, moment_of(request, "at"))

    @in_steps
    async def Watch(self, begin: Begin, request: tenancy_pb2.WatchRequest) -> tenancy_pb2.WatchResponse:
        return await decisions.watch(begin, request.after_revision, request.wait_seconds)
