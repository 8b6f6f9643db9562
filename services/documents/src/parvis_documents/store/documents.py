"""Documents, their versions and openings. Reads that every page makes are written by hand; see `UnitOfWork.fetch`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from parvis_documents.models import Document, Opening, Version
from parvis_documents.store.folders import unread
from parvis_documents.store.sight import Arguments, Sight
from parvis_kit import paging
from parvis_kit.text import like_pattern
from parvis_kit.unit import UnitOfWork

_COLUMNS = """
    d.id, d.contact_id, c.name AS contact_name, d.folder_template_id, t.name AS folder_name, t.portal AS shared, d.name,
    d.version, d.media_type, d.size, d.sha256, d.filed_at, coalesce(p.name, '') AS filed_by_name, d.deposit,
    d.opened_at, d.read_at, d.external_reference"""
_NAMES = """
    JOIN contacts c ON c.organisation_id = d.organisation_id AND c.id = d.contact_id
    LEFT JOIN people p ON p.organisation_id = d.organisation_id AND p.membership_id = d.filed_by"""
_FOLDER = "JOIN folder_templates t ON t.organisation_id = d.organisation_id AND t.id = d.folder_template_id"
_NEWEST_FIRST = "ORDER BY d.filed_at DESC, d.id DESC"


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to."""

    contact_id: UUID | None = None
    folder_template_id: UUID | None = None
    #: Part of the name.
    query: str = ""
    unread_only: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `next_token` is "" on the last."""

    rows: Sequence[asyncpg.Record]
    next_token: str
    total: int


async def page(unit: UnitOfWork, sight: Sight, wanted: Filter, *, size: int, token: str) -> Page:
    """Documents that are seen, newest first. Raises INVALID for a token that is none."""
    cursor = paging.cursor(token)
    arguments = Arguments([unit.organisation_id])
    where = _seen(sight, arguments)
    if wanted.contact_id is not None:
        where += f" AND d.contact_id = {arguments.add(wanted.contact_id)}"
    if wanted.folder_template_id is not None:
        where += f" AND d.folder_template_id = {arguments.add(wanted.folder_template_id)}"
    if wanted.query.strip():
        where += f" AND d.name_key LIKE {arguments.add(like_pattern(wanted.query))}"
    if wanted.unread_only:
        where += f" AND {unread(sight)}"
    counted = list(arguments)
    after = ""
    if cursor:
        after = f" AND (d.filed_at, d.id) < ({arguments.add(_filed_at(cursor))}, {arguments.add(cursor.id)})"
    query = f"""
        SELECT {_COLUMNS} FROM documents d {_FOLDER} {_NAMES}
        WHERE {where}{after} {_NEWEST_FIRST} LIMIT {arguments.add(size + 1)}"""  # noqa: S608 - placeholders only
    rows = await unit.fetch(query, *arguments)
    total = cursor.total if cursor else len(rows)
    if not cursor and len(rows) > size:
        count = f"SELECT count(*) FROM documents d {_FOLDER} WHERE {where}"  # noqa: S608 - idem
        total = (await unit.fetch(count, *counted))[0][0]
    return Page(*paging.cut(rows, size, lambda row: _cursor(row, total)), total)


async def newest(unit: UnitOfWork, sight: Sight, count: int) -> list[asyncpg.Record]:
    """The newest documents that are seen."""
    arguments = Arguments([unit.organisation_id])
    query = f"""
        SELECT {_COLUMNS} FROM documents d {_FOLDER} {_NAMES}
        WHERE {_seen(sight, arguments)} {_NEWEST_FIRST} LIMIT {arguments.add(count)}"""  # noqa: S608 - placeholders only
    return await unit.fetch(query, *arguments)


async def newest_unread(unit: UnitOfWork, sight: Sight, count: int) -> list[asyncpg.Record]:
    """The newest that the caller's side has not opened; each row says in `total` how many there are."""
    arguments = Arguments([unit.organisation_id])
    query = f"""
        SELECT {_COLUMNS}, count(*) OVER () AS total FROM documents d {_FOLDER} {_NAMES}
        WHERE {_seen(sight, arguments)} AND {unread(sight)}
        {_NEWEST_FIRST} LIMIT {arguments.add(count)}"""  # noqa: S608 - placeholders only
    return await unit.fetch(query, *arguments)


async def one(unit: UnitOfWork, sight: Sight, document_id: UUID) -> asyncpg.Record | None:
    """A document, if it is seen."""
    found = await several(unit, sight, [document_id])
    return found[0] if found else None


async def several(unit: UnitOfWork, sight: Sight, document_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Those of the documents named that are seen."""
    arguments = Arguments([unit.organisation_id, list(document_ids)])
    query = f"""
        SELECT {_COLUMNS} FROM documents d {_FOLDER} {_NAMES}
        WHERE {_seen(sight, arguments)} AND d.id = ANY($2::uuid[])"""  # noqa: S608 - placeholders only
    return await unit.fetch(query, *arguments)


async def versions(unit: UnitOfWork, document_id: UUID) -> list[asyncpg.Record]:
    """Versions of a document that was seen, newest first."""
    query = """
        SELECT v.number, v.size, v.sha256, v.filed_at, coalesce(p.name, '') AS filed_by_name FROM versions v
        LEFT JOIN people p ON p.organisation_id = v.organisation_id AND p.membership_id = v.filed_by
        WHERE v.organisation_id = $1 AND v.document_id = $2 ORDER BY v.number DESC"""
    return await unit.fetch(query, unit.organisation_id, document_id)


async def openings(unit: UnitOfWork, document_id: UUID) -> list[asyncpg.Record]:
    """First openings of a document that was seen, oldest first."""
    query = """
        SELECT coalesce(p.name, '') AS name, o.at, o.version FROM openings o
        LEFT JOIN people p ON p.organisation_id = o.organisation_id AND p.membership_id = o.membership_id
        WHERE o.organisation_id = $1 AND o.document_id = $2 ORDER BY o.at"""
    return await unit.fetch(query, unit.organisation_id, document_id)


async def version(unit: UnitOfWork, document_id: UUID, number: int) -> Version | None:
    """One version of a document that was seen."""
    return await unit.get(Version, (unit.organisation_id, document_id, number))


async def document(unit: UnitOfWork, document_id: UUID) -> Document | None:
    """A document to be changed, locked; whoever asks has checked that it is seen."""
    return await unit.get(Document, (unit.organisation_id, document_id), lock=True)


async def mark_opened(unit: UnitOfWork, document_id: UUID, number: int, membership_id: UUID) -> bool:
    """A portal access opened a version; True when it is this person's first time."""
    opening = (
        insert(Opening)
        .values(
            organisation_id=unit.organisation_id,
            document_id=document_id,
            version=number,
            membership_id=membership_id,
            at=unit.now,
        )
        .on_conflict_do_nothing()
        .returning(col(Opening.version))
    )
    if (await unit.execute(opening)).first() is None:
        return False
    newest_version = (
        update(Document)
        .where(
            col(Document.organisation_id) == unit.organisation_id,
            col(Document.id) == document_id,
            col(Document.version) == number,
            col(Document.opened_at).is_(None),
        )
        .values(opened_at=unit.now)
    )
    await unit.execute(newest_version)
    return True


async def begin_reading(unit: UnitOfWork, document_id: UUID, number: int) -> bool:
    """The caller reads a version in the page; True when it is the first time in their session."""
    caller = unit.caller
    if caller.membership_id is None or caller.session_id is None:
        return True
    query = """
        INSERT INTO readings (organisation_id, document_id, version, membership_id, session_id, at)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING RETURNING version"""
    arguments = (unit.organisation_id, document_id, number, caller.membership_id, caller.session_id, unit.now)
    return bool(await unit.fetch(query, *arguments))


async def mark_read(unit: UnitOfWork, document_id: UUID) -> None:
    """The firm opened a deposit."""
    await unit.execute(
        update(Document)
        .where(
            col(Document.organisation_id) == unit.organisation_id,
            col(Document.id) == document_id,
            col(Document.deposit),
            col(Document.read_at).is_(None),
        )
        .values(read_at=unit.now)
    )


def _seen(sight: Sight, arguments: Arguments) -> str:
    condition = sight.of_folders(arguments, contact="d.contact_id", template="t", organisation="$1")
    return f"d.organisation_id = $1{condition}"


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def _cursor(row: asyncpg.Record, total: int) -> paging.Cursor:
    microseconds = (row["filed_at"] - _EPOCH) // timedelta(microseconds=1)
    return paging.Cursor(str(microseconds), row["id"], total)


def _filed_at(cursor: paging.Cursor) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=int(cursor.key))
    except (ValueError, OverflowError):
        raise paging.refusal() from None
