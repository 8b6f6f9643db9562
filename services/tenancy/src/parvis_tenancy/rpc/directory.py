"""DirectoryService."""

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import not_found
from parvis_kit.ids import parse
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import directory, settling
from parvis_tenancy.store import organisations


class DirectoryRpc:
    """Answers `parvis.tenancy.v1.DirectoryService`."""

    async def SettlePerson(
        self, unit: UnitOfWork, request: tenancy_pb2.SettlePersonRequest
    ) -> tenancy_pb2.SettledPerson:
        await unit.enter(parse(request.organisation_id, "organisation_id"))
        told = settling.said(request.person)
        if not await organisations.is_there(unit):
            raise not_found()
        settled = await settling.settled(unit, told)
        return tenancy_pb2.SettledPerson(
            outcome=settled.outcome.value,  # type: ignore[arg-type] # the numbers of the contract
            reason=settled.reason,
            membership_id=str(settled.membership_id or ""),
            profile_name=settled.profile_name,
        )

    async def GetDirectoryMapping(
        self, unit: UnitOfWork, _: tenancy_pb2.GetDirectoryMappingRequest
    ) -> tenancy_pb2.DirectoryMapping:
        return await directory.current(unit)

    async def SaveDirectoryMapping(
        self, unit: UnitOfWork, request: tenancy_pb2.SaveDirectoryMappingRequest
    ) -> tenancy_pb2.DirectoryMapping:
        return await directory.save(unit, request.mapping)

    async def PreviewDirectoryMapping(
        self, unit: UnitOfWork, request: tenancy_pb2.PreviewDirectoryMappingRequest
    ) -> tenancy_pb2.DirectoryPreview:
        return await directory.preview(unit, request.mapping)

    async def SetDirectoryHand(
        self, unit: UnitOfWork, request: tenancy_pb2.SetDirectoryHandRequest
    ) -> tenancy_pb2.Member:
        return await directory.set_hand(
            unit,
            parse(request.member_id, "member_id"),
            followed=request.followed,
            version=request.version,
            reason=request.reason,
        )
