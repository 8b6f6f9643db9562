"""parvis.records.v1.RecordsService, the same in every service."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import UUID

from parvis.records.v1 import records_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2, tenancy_pb2_grpc
from parvis_kit import paging
from parvis_kit.client import Peers
from parvis_kit.errors import Violation, forbidden, invalid, not_found, precondition
from parvis_kit.server import Begin, in_steps
from parvis_records.map import Map
from parvis_records.reading import Place, Reader, Row, Scope, place
from parvis_records.summary import summary

if TYPE_CHECKING:
    from parvis_kit.caller import Caller
    from parvis_kit.unit import UnitOfWork

CONTRACT: Final = pb.DESCRIPTOR.services_by_name["RecordsService"]
#: Who may call what: part of every service's settings.
CALLERS: Final[Mapping[str, frozenset[str]]] = {CONTRACT.full_name: frozenset({"web"})}
#: What whoever exports their organisation's data holds.
RIGHT: Final = "organisation.manage"
#: How long ago somebody may have proven who they are while an export goes on.
LASTS: Final = timedelta(hours=6)
#: Bytes of a piece of a file.
PIECE: Final = 2 << 20
#: Organisation and membership of each membership of the caller's account, ended ones too.
Memberships = Callable[[Begin], Awaitable[Sequence[tuple[UUID, UUID]]]]
#: Whether the caller at hand holds a right, where the kit's server knows no rights.
Allows = Callable[[str], Awaitable[bool]]


class Files(Protocol):
    """The files that rows of one table describe."""

    @property
    def kind(self) -> str:
        """The table."""
        ...

    def described(self, content: Mapping[str, Any]) -> tuple[str, int, str]:
        """Name, bytes and SHA-256 of the file that a record is about."""
        ...

    async def read(self, row: Mapping[str, Any], offset: int, most: int) -> bytes:
        """A piece of the file of a row, no longer than `most`; empty behind its end. Raises KeyError: it is gone."""
        ...


def memberships_from(peers: Peers) -> Memberships:
    """Asks tenancy, in the name of whoever exports."""

    async def ask(_: Begin) -> Sequence[tuple[UUID, UUID]]:
        stub = tenancy_pb2_grpc.MemberServiceStub(peers.channel("tenancy"))
        found = await stub.ListOwnMemberships(tenancy_pb2.ListOwnMembershipsRequest())
        return [(UUID(each.organisation_id), UUID(each.membership_id)) for each in found.memberships]

    return ask


class RecordsRpc:
    """See the contract. `says`: the service whose trail tells that an export began, "own" or "organisation".
    `settings`: where durations of the map have their values.
    """

    def __init__(
        self,
        told: Map,
        memberships: Memberships,
        *,
        files: Files | None = None,
        allows: Allows | None = None,
        says: str = "",
        settings: object = None,
    ) -> None:
        self._map = told
        self._holdings = summary(told, settings)
        self._reader = Reader(told)
        self._memberships = memberships
        self._files = files
        self._allows = allows
        self._says = says

    @in_steps
    async def ListOwnRecords(self, begin: Begin, request: pb.ListOwnRecordsRequest) -> pb.ListOwnRecordsResponse:
        after = place(request.page_token)
        mine = sorted(await self._memberships(begin))
        async with begin() as unit:
            account_id = _proven(unit.caller, first=not request.page_token)
            if not request.page_token and self._says == "own":
                unit.record("records.exported", target_kind="account", target_id=account_id)
            scopes = _scopes(account_id, mine)
            begins: Place | None = after if after.scope else Place(next(iter(scopes)))
            names, rows = list(scopes), list[Row]()
            while begins is not None and not rows:
                if begins.scope not in scopes:
                    raise paging.refusal()
                told = begins.scope
                await _into(unit, scopes[told])
                rows, behind = await self._reader.page(unit, scopes[told], begins)
                begins = behind or next((Place(each) for each in names[names.index(told) + 1 :]), None)
            return pb.ListOwnRecordsResponse(records=self._told(rows, told), next_page_token=str(begins or ""))

    @in_steps
    async def ListOrganisationRecords(
        self, begin: Begin, request: pb.ListOrganisationRecordsRequest
    ) -> pb.ListOrganisationRecordsResponse:
        after = place(request.page_token)
        await self._authorise()
        async with begin() as unit:
            _proven(unit.caller, first=not request.page_token)
            if not request.page_token and self._says == "organisation":
                unit.record("records.exported", target_kind="organisation", target_id=unit.organisation_id)
            rows, behind = await self._reader.page(unit, Scope(organisation=unit.organisation_id), after)
            return pb.ListOrganisationRecordsResponse(records=self._told(rows, ""), next_page_token=str(behind or ""))

    @in_steps
    async def ReadOwnFile(self, begin: Begin, request: pb.ReadOwnFileRequest) -> pb.ReadOwnFileResponse:
        at = self._file(request.id, request.offset)
        mine = sorted(await self._memberships(begin))
        async with begin() as unit:
            scopes = _scopes(_proven(unit.caller, first=False), mine)
            if at.scope not in scopes:
                raise not_found()
            await _into(unit, scopes[at.scope])
            row = await self._reader.one(unit, scopes[at.scope], self._map[at.table], at.key)
        return pb.ReadOwnFileResponse(content=await self._piece(row, request.offset))

    @in_steps
    async def ReadOrganisationFile(
        self, begin: Begin, request: pb.ReadOrganisationFileRequest
    ) -> pb.ReadOrganisationFileResponse:
        await self._authorise()
        at = self._file(request.id, request.offset)
        async with begin() as unit:
            _proven(unit.caller, first=False)
            scope = Scope(organisation=unit.organisation_id)
            row = await self._reader.one(unit, scope, self._map[at.table], at.key)
        return pb.ReadOrganisationFileResponse(content=await self._piece(row, request.offset))

    async def ListHoldings(self, unit: "UnitOfWork", request: pb.ListHoldingsRequest) -> pb.ListHoldingsResponse:
        del unit, request
        return pb.ListHoldingsResponse(holdings=self._holdings)

    async def _authorise(self) -> None:
        if self._allows is not None and not await self._allows(RIGHT):
            raise forbidden("right_missing", right=RIGHT)

    def _told(self, rows: Sequence[Row], scope: str) -> list[pb.Record]:
        return [pb.Record(kind=row.kind, content=row.content, file=self._described(row, scope)) for row in rows]

    def _described(self, row: Row, scope: str) -> pb.RecordFile | None:
        if self._files is None or row.kind != self._files.kind:
            return None
        name, size, sha256 = self._files.described(json.loads(row.content))
        return pb.RecordFile(id=str(Place(scope, row.kind, row.key)), name=name, size=size, sha256=sha256)

    def _file(self, identifier: str, offset: int) -> Place:
        """Which row describes a file. Raises NOT_FOUND, INVALID."""
        if offset < 0:
            raise invalid("malformed_request", [Violation("offset", "negative")])
        at = place(identifier)
        if self._files is None or at.table != self._files.kind or not at.key:
            raise not_found()
        return at

    async def _piece(self, row: Mapping[str, Any] | None, offset: int) -> bytes:
        if row is None or self._files is None:
            raise not_found()
        try:
            return await self._files.read(row, offset, PIECE)
        except KeyError:
            raise not_found() from None


def _proven(caller: "Caller", *, first: bool) -> UUID:
    """The account of somebody who proved who they are: a moment ago, or while an export goes on, in the last hours."""
    if caller.account_id is None:
        raise forbidden("people_only")
    if caller.acr == "0" and caller.organisation_id is None:
        raise precondition("door_closed", step="own")
    proven = caller.proof_time
    if not (caller.is_fresh if first else proven is not None and datetime.now(UTC) - proven <= LASTS):
        raise precondition("step_up_required")
    return caller.account_id


def _scopes(account_id: UUID, mine: Sequence[tuple[UUID, UUID]]) -> dict[str, Scope]:
    """The account alone, then each membership, by the name that places have for them."""
    alone = Scope(account_id, elsewhere=tuple(organisation_id for organisation_id, _ in mine))
    inside = {str(membership): Scope(account_id, organisation, membership) for organisation, membership in mine}
    return {"account": alone, **inside}


async def _into(unit: "UnitOfWork", scope: Scope) -> None:
    """Where rows of the scope are seen: an organisation that tenancy says the caller belongs or belonged to."""
    if scope.organisation is not None:
        await unit.enter(scope.organisation)
