"""The audit trail as files, written while they are read: none waits in memory, none that was cut off looks whole."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from parvis.tenancy.v1 import journal_pb2
from parvis.trail.v1 import trail_pb2, trail_pb2_grpc
from parvis_kit.caller import Acting, acting_as
from parvis_kit.errors import Kind, ServiceError
from parvis_web import trails
from parvis_web.visit import OrganisationVisit

_ROWS = 200
_TRIES, _PAUSE = 60, 0.5  # s
#: Separator of columns: French spreadsheets keep the comma for decimals.
_SEPARATORS = {"fr": ";", "en": ","}


async def as_reader(visit: OrganisationVisit) -> Acting:
    """What a call carries that is made after the page was answered: a token lives for minutes, a long file takes more.
    Raises as `Sessions.token`: whose access ends while they read gets no more.
    """
    token = await visit.portal.sessions.token(visit.session, visit.organisation.face.id)
    return Acting(token.value)


async def table(
    visit: OrganisationVisit, wanted: trail_pb2.EntryFilter, first: trails.Joined, language: str
) -> AsyncIterator[bytes]:
    """The acts as CSV, newest first, behind a page that was read already. Raises when a service goes away meanwhile:
    the connection breaks, and nobody takes half a file for all.
    """
    _, zone = visit.words, ZoneInfo(visit.frame.time_zone or "Europe/Paris")
    out = io.StringIO()
    rows = csv.writer(out, delimiter=_SEPARATORS[language])
    rows.writerow(
        [
            _("Moment"), _("Moment (UTC)"), _("Who"), _("What happened"), _("What it is about"), _("Details"),
            _("Recorded by"), _("Place in the chain"), _("Act"), _("Account"), _("Target"), _("Identifier"),
        ]
    )  # fmt: skip
    page, reads_mails = first, visit.may(trails.READS_MAILS)
    yield b"\xef\xbb\xbf"
    while True:
        with acting_as(await as_reader(visit)):
            names = await trails.names_of(visit.clients, page.entries, reads_mails=reads_mails)
        for entry in page.entries:
            at = entry.at.ToDatetime(UTC)
            told = {key: trails.value_of(key, value, names) for key, value in sorted(entry.details.items())}
            cells = (
                f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}", at.isoformat(), trails.who(_, entry, names),
                trails.sentence(_, entry, names), trails.about(entry, names),
                json.dumps(told, ensure_ascii=False) if told else "", _(trails.SERVICES[entry.service]),
                str(entry.seq or ""), entry.act, entry.account_id, f"{entry.target_kind} {entry.target_id}", entry.id,
            )  # fmt: skip
            rows.writerow(map(plain, cells))
        yield _taken(out)
        if not page.next:
            return
        with acting_as(await as_reader(visit)):
            page = await trails.joined(visit.clients, wanted, size=_ROWS, token=page.next, all_of_them=True)


async def proof(visit: OrganisationVisit) -> AsyncIterator[bytes]:
    """The whole trail with all that proves it, as JSON lines: docs/verify_trail.py reads them. Anchors come first: each
    chain has grown since, so what they cover is behind them in the file.
    """
    face = visit.organisation.face
    head = {"kind": "trail", "version": 2, "organisation": {"id": face.id, "slug": face.slug, "name": face.name}}
    yield line(head | {"exported_at": datetime.now(UTC).isoformat(timespec="seconds")})
    anchors = entries = last = 0
    more = True
    while more:
        with acting_as(await as_reader(visit)):
            found = await visit.clients.journal.ListAnchors(journal_pb2.ListAnchorsRequest(after=last))
        for each in found.anchors:
            yield line(anchor_of(each))
        anchors, more = anchors + len(found.anchors), found.more
        last = found.anchors[-1].anchor.number if found.anchors else last
    for service, stub in sorted(visit.clients.trails.items()):
        after, more = 0, True
        while more:
            chain = await _links(visit, stub, after)
            yield b"".join(line(entry_of(service, each)) for each in chain.links)
            entries, more = entries + len(chain.links), chain.more
            after = chain.links[-1].seq if chain.links else after
    yield line({"kind": "end", "entries": entries, "anchors": anchors})


async def _links(
    visit: OrganisationVisit, stub: trail_pb2_grpc.TrailServiceStub, after: int
) -> trail_pb2.ExportEntriesResponse:
    """A page of a chain. A service that has just erased acts says to come again until the act that says so is sealed:
    the wait is here, where it holds nothing of that service.
    """
    left = _TRIES
    while True:
        try:
            with acting_as(await as_reader(visit)):
                return await stub.ExportEntries(trail_pb2.ExportEntriesRequest(after=after))
        except ServiceError as error:
            left -= 1
            if not left or error.kind is not Kind.UNAVAILABLE or "retry_after" not in error.params:
                raise
        await asyncio.sleep(_PAUSE)


def anchor_of(proven: journal_pb2.ProvenAnchor) -> dict[str, object]:
    """An anchor as a line."""
    heads = [
        {
            "service": each.service, "seq": each.seq, "digest": each.digest.hex(), "began": each.began,
            "broken": each.broken,
        }
        for each in proven.heads
    ]  # fmt: skip
    return {
        "kind": "anchor", "statement": proven.anchor.statement,
        "signatures": [each.hex() for each in proven.anchor.signatures], "heads": heads, "index": proven.index,
        "path": [each.hex() for each in proven.path],
    }  # fmt: skip


def entry_of(service: str, link: trail_pb2.Link) -> dict[str, object]:
    """A sealed act as a line."""
    return {
        "kind": "entry", "service": service, "seq": link.seq, "previous": link.previous.hex(), "content": link.content,
        "salt": link.salt.hex() or None, "content_digest": link.content_digest.hex(), "digest": link.digest.hex(),
    }  # fmt: skip


def line(told: Mapping[str, object]) -> bytes:
    """A line of JSON."""
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


async def first_page(visit: OrganisationVisit, wanted: trail_pb2.EntryFilter) -> trails.Joined:
    """Where a table begins. Raises UNAVAILABLE while a service is down: nothing is exported in part."""
    return await trails.joined(visit.clients, wanted, size=_ROWS, all_of_them=True)


def plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def _taken(out: io.StringIO) -> bytes:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text.encode()
