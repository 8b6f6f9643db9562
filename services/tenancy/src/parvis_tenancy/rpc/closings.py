"""ClosingService."""

from parvis.tenancy.v1 import closing_pb2 as pb
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import closings


class ClosingRpc:
    """Answers `parvis.tenancy.v1.ClosingService`."""

    async def GetClosing(self, unit: UnitOfWork, _: pb.GetClosingRequest) -> pb.Closing:
        return await closings.stand(unit)

    async def CloseOrganisation(self, unit: UnitOfWork, request: pb.CloseOrganisationRequest) -> pb.Closing:
        return await closings.close(unit, request.name)

    async def ReopenOrganisation(self, unit: UnitOfWork, _: pb.ReopenOrganisationRequest) -> pb.Closing:
        return await closings.reopen(unit)
