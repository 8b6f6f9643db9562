"""parvis.trail.v1.TrailService, the same in every service."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp

from parvis.trail.v1 import trail_pb2 as pb
from parvis_kit import audit, ids, paging
from parvis_kit.errors import Violation, forbidden, invalid, not_found, unavailable
from parvis_kit.text import search_key
from parvis_trail import entries

if TYPE_CHECKING:
    import asyncpg

    from parvis_kit.unit import UnitOfWork

CONTRACT: Final = pb.DESCRIPTOR.services_by_name["TrailService"]
#: Who may call what: part of every service's settings.
CALLERS: Final[Mapping[str, frozenset[str]]] = {
    CONTRACT.full_name: frozenset({"web"}),
    # Anchors are made where all heads come together.
    f"{CONTRACT.full_name}.ListHeads": frozenset({"tenancy"}),
    f"{CONTRACT.full_name}.BatchGetDigests": frozenset({"tenancy"}),
}
#: What whoever reads the trail of their organisation holds.
RIGHT: Final = "audit.view"
#: Whether the caller at hand holds a right, where the kit's server knows no rights.
Allows = Callable[[str], Awaitable[bool]]

_MOMENT = "%Y-%m-%dT%H:%M:%S.%f"
_LINKS, _MOST_LINKS = 500, 1_000
_HEADS, _MOST_HEADS = 1_000, 5_000
_MOST_PLACES = 500
_MOST_WORDS = 12


class TrailRpc:
    """See the contract."""

    def __init__(self, allows: Allows | None = None) -> None:
        self._allows = allows

    async def ListEntries(self, unit: "UnitOfWork", request: pb.ListEntriesRequest) -> pb.ListEntriesResponse:
        await self._authorise()
        after = _place(request.page_token)
        found, behind = await entries.listed(unit, _filter(request.filter), paging.size(request.page_size), after)
        return pb.ListEntriesResponse(entries=map(_entry, found), next_page_token=_token(behind) if behind else "")

    async def GetEntry(self, unit: "UnitOfWork", request: pb.GetEntryRequest) -> pb.EntryRecord:
        await self._authorise()
        found = await entries.one(unit, ids.parse(request.id))
        if found is None:
            raise not_found()
        return pb.EntryRecord(
            entry=_entry(found),
            previous=found["previous"] or b"",
            content_digest=found["content_digest"] or b"",
            digest=found["digest"] or b"",
            length=await entries.length(unit),
        )

    async def ExportEntries(self, unit: "UnitOfWork", request: pb.ExportEntriesRequest) -> pb.ExportEntriesResponse:
        await self._authorise()
        size = min(request.page_size, _MOST_LINKS) if request.page_size > 0 else _LINKS
        found = await entries.links(unit, request.after, size)
        if await entries.erases(unit):  # whoever reads that acts were erased reads the act that says so too
            raise unavailable("service_unavailable", retry_after="1")
        more = await entries.links(unit, found[-1]["seq"] if found else request.after, 1)
        return pb.ExportEntriesResponse(links=map(_link, found), more=bool(more), length=await entries.length(unit))

    async def ListHeads(self, unit: "UnitOfWork", request: pb.ListHeadsRequest) -> pb.ListHeadsResponse:
        size = min(request.page_size, _MOST_HEADS) if request.page_size > 0 else _HEADS
        found = await entries.heads(unit, ids.parse_optional(request.after, "after"), size + 1)
        heads = [
            pb.Head(organisation_id=str(row["organisation_id"]), seq=row["seq"], digest=row["digest"])
            for row in found[:size]
        ]
        return pb.ListHeadsResponse(heads=heads, more=len(found) > size)

    async def BatchGetDigests(
        self, unit: "UnitOfWork", request: pb.BatchGetDigestsRequest
    ) -> pb.BatchGetDigestsResponse:
        if len(request.places) > _MOST_PLACES:
            raise invalid("malformed_request", [Violation("places", "too_many", {"most": str(_MOST_PLACES)})])
        places = [(ids.parse(each.organisation_id, "places"), each.seq) for each in request.places]
        return pb.BatchGetDigestsResponse(digests=await entries.digests(unit, places))

    async def _authorise(self) -> None:
        if self._allows is not None and not await self._allows(RIGHT):
            raise forbidden("right_missing", right=RIGHT)


def _filter(sent: pb.EntryFilter) -> entries.Filter:
    if len(sent.words) > _MOST_WORDS:
        raise invalid("malformed_request", [Violation("words", "too_many", {"most": str(_MOST_WORDS)})])
    words = (
        entries.Word(
            search_key(each.text),
            frozenset(each.acts),
            frozenset(ids.parse(account, "words") for account in each.account_ids),
        )
        for each in sent.words
    )
    return entries.Filter(
        since=_moment(sent.since, "since") if sent.HasField("since") else None,
        until=_moment(sent.until, "until") if sent.HasField("until") else None,
        account_id=ids.parse_optional(sent.account_id, "account_id"),
        acts=tuple(sent.acts),
        target_kind=sent.target_kind,
        target_id=sent.target_id,
        words=tuple(word for word in words if word.text),
    )


def _moment(sent: Timestamp, field: str) -> datetime:
    try:
        return sent.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise invalid("malformed_request", [Violation(field, "not_a_moment")]) from None


def _token(place: entries.Place) -> str:
    return str(paging.Cursor(place[0].astimezone(UTC).strftime(_MOMENT), place[1], 0))


def _place(token: str) -> entries.Place:
    found = paging.cursor(token)
    if found is None:
        return entries.NEWEST
    try:
        return datetime.strptime(found.key, _MOMENT).replace(tzinfo=UTC), found.id
    except ValueError:
        raise paging.refusal() from None


def _entry(row: "asyncpg.Record") -> pb.Entry:
    at = Timestamp()
    at.FromDatetime(row["at"])
    return pb.Entry(
        id=str(row["id"]),
        service=row["service"],
        act=row["act"],
        target_kind=row["target_kind"],
        target_id=row["target_id"],
        account_id=_text(row["account_id"]),
        membership_id=_text(row["membership_id"]),
        actor_id=_text(row["actor"]),
        session_id=_text(row["session_id"]),
        at=at,
        details=entries.details(row),
        erased=row["details"] is None,
        seq=row["seq"] or 0,
        page_token=_token(entries.place_of(row)),
    )


def _link(row: "asyncpg.Record") -> pb.Link:
    return pb.Link(
        seq=row["seq"],
        previous=row["previous"],
        content=audit.canonical(audit.content(row)).decode(),
        salt=row["salt"] or b"",
        content_digest=row["content_digest"],
        digest=row["digest"],
    )


def _text(value: UUID | None) -> str:
    return "" if value is None else str(value)
