"""parvis.identity.v1.ImportService."""

from parvis.identity.v1 import identity_pb2 as pb
from parvis_identity.models import Import
from parvis_identity.rpc.accounts import timestamp
from parvis_identity.service.import_runs import Imports
from parvis_kit import ids
from parvis_kit.unit import UnitOfWork


class ImportRpc:
    """See the contract."""

    def __init__(self, imports: Imports) -> None:
        self._imports = imports

    async def StartImport(self, unit: UnitOfWork, request: pb.StartImportRequest) -> pb.Import:
        return _message(await self._imports.start(unit, request.name, request.size))

    async def AppendImport(self, unit: UnitOfWork, request: pb.AppendImportRequest) -> pb.Import:
        return _message(await self._imports.append(unit, ids.parse(request.id), request.offset, request.part))

    async def RunImport(self, unit: UnitOfWork, request: pb.RunImportRequest) -> pb.Import:
        return _message(await self._imports.run(unit, ids.parse(request.id), dry=request.dry, mail=request.mail))

    async def GetImport(self, unit: UnitOfWork, request: pb.GetImportRequest) -> pb.Import:
        return _message(await self._imports.get(unit, ids.parse(request.id)))

    async def ListImports(self, unit: UnitOfWork, request: pb.ListImportsRequest) -> pb.ListImportsResponse:
        del request
        return pb.ListImportsResponse(imports=map(_message, await self._imports.latest(unit)))

    async def ListImportLines(self, unit: UnitOfWork, request: pb.ListImportLinesRequest) -> pb.ListImportLinesResponse:
        found = await self._imports.lines(
            unit, ids.parse(request.id), after=request.after, notable=request.notable, most=request.limit
        )
        return pb.ListImportLinesResponse(
            lines=[
                pb.ImportLine(
                    line=each.line,
                    outcome=each.outcome,
                    organisation=each.organisation,
                    identifier=each.identifier,
                    reason=each.reason,
                    params=each.params,
                )
                for each in found
            ]
        )

    async def DiscardImport(self, unit: UnitOfWork, request: pb.DiscardImportRequest) -> pb.Import:
        return _message(await self._imports.discard(unit, ids.parse(request.id)))


def _message(found: Import) -> pb.Import:
    return pb.Import(
        id=str(found.id),
        name=found.name,
        size=found.size,
        received=found.received,
        state=pb.ImportState.Value(f"IMPORT_STATE_{found.state.upper()}"),
        mail=found.mail,
        lines=found.lines,
        created=found.created,
        unchanged=found.unchanged,
        refused=found.refused,
        reason=found.reason,
        params=found.params,
        created_at=timestamp(found.created_at),
        finished_at=timestamp(found.finished_at),
    )
