"""JournalService."""

from parvis.tenancy.v1 import journal_pb2 as pb
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.service import anchoring, journal
from parvis_tenancy.service.anchoring import Anchors
from parvis_tenancy.store import names


class JournalRpc:
    """Answers `parvis.tenancy.v1.JournalService`."""

    def __init__(self, anchors: Anchors) -> None:
        self._anchors = anchors

    async def BatchGetNames(self, unit: UnitOfWork, request: pb.BatchGetNamesRequest) -> pb.BatchGetNamesResponse:
        found = await journal.names(unit, [(each.kind, each.id) for each in request.things])
        return pb.BatchGetNamesResponse(
            things=[pb.NamedThing(kind=kind, id=str(id_), name=name) for (kind, id_), name in found.items()]
        )

    async def FindPeople(self, unit: UnitOfWork, request: pb.FindPeopleRequest) -> pb.FindPeopleResponse:
        found, more = await names.people(unit, request.query)
        people = [pb.NamedThing(kind="account", id=str(account_id), name=name) for account_id, name in found]
        return pb.FindPeopleResponse(people=people, more=more)

    async def ListAnchors(self, unit: UnitOfWork, request: pb.ListAnchorsRequest) -> pb.ListAnchorsResponse:
        found, more = await self._anchors.proven(unit, request.after)
        return pb.ListAnchorsResponse(anchors=found, more=more)

    async def GetCover(self, unit: UnitOfWork, request: pb.GetCoverRequest) -> pb.Cover:
        return await anchoring.cover(unit, request.service, request.seq)

    async def RecordExport(self, unit: UnitOfWork, request: pb.RecordExportRequest) -> pb.RecordExportResponse:
        journal.record_export(unit, request.format)
        return pb.RecordExportResponse()
