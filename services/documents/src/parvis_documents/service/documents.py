"""Documents: lists, one, its bytes, what awaits on the home page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from parvis.documents.v1 import events_pb2
from parvis_documents.models import FolderTemplate
from parvis_documents.objects import DOWNLOAD_EXPIRES, ObjectStore
from parvis_documents.store import documents, folders
from parvis_documents.store.documents import Filter, Page
from parvis_documents.store.sight import Sight, sight_of
from parvis_kit.errors import Violation, invalid, not_found
from parvis_kit.unit import UnitOfWork

ON_HOME = 5
MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Record:
    """A document with what belongs to it."""

    row: asyncpg.Record
    versions: list[asyncpg.Record]
    #: First opening by each person; for staff only.
    openings: list[asyncpg.Record]
    folder: FolderTemplate


@dataclass(frozen=True, slots=True)
class Download:
    """A presigned address of a version."""

    url: str
    expires_at: datetime
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What documents has for the home page."""

    unread: list[asyncpg.Record]
    unread_total: int
    recent: list[asyncpg.Record]


async def list_documents(unit: UnitOfWork, wanted: Filter, *, size: int, token: str) -> tuple[Sight, Page]:
    """Documents under the caller's rights, newest first."""
    sight = sight_of(unit, "documents.read")
    return sight, await documents.page(unit, sight, wanted, size=size, token=token)


async def get_document(unit: UnitOfWork, document_id: UUID) -> tuple[Sight, Record]:
    """One document with its versions and, for staff, who opened it. Raises NOT_FOUND document."""
    sight = sight_of(unit, "documents.read")
    row = await documents.one(unit, sight, document_id)
    folder = await folders.template(unit, row["folder_template_id"]) if row else None
    if row is None or folder is None:
        raise not_found("document")
    return sight, Record(
        row,
        await documents.versions(unit, document_id),
        [] if sight.is_portal else await documents.openings(unit, document_id),
        folder,
    )


async def get_download(
    unit: UnitOfWork, objects: ObjectStore, document_id: UUID, *, number: int, inline: bool
) -> Download:
    """An address of the newest version (0) or of one. Marks it as opened. Raises NOT_FOUND document, version.

    A reader in the page asks again and again for stretches of the bytes: that is one reading, by this person, of this
    version, in this session. Each download as a file is one.
    """
    sight = sight_of(unit, "documents.read")
    row = await documents.one(unit, sight, document_id)
    if row is None:
        raise not_found("document")
    version = await documents.version(unit, document_id, number or row["version"])
    if version is None:
        raise not_found("version")
    await _mark(unit, row, version.number)
    if not inline or await documents.begin_reading(unit, document_id, version.number):
        unit.record(
            "document.read" if inline else "document.downloaded",
            target_kind="document",
            target_id=document_id,
            name=version.name,
            version=str(version.number),
        )
    url = objects.sign_download(version.object_key, name=version.name, media_type=version.media_type, inline=inline)
    return Download(url, unit.now + DOWNLOAD_EXPIRES, version.name, version.media_type, version.size)


async def get_overview(unit: UnitOfWork) -> Overview:
    """What the home page shows: two statements for a portal access, one for staff, none without the right."""
    if unit.caller.is_staff and not unit.grants.allows("documents.read"):
        return Overview([], 0, [])
    sight = sight_of(unit, "documents.read")
    unread = await documents.newest_unread(unit, sight, ON_HOME)
    recent = await documents.newest(unit, sight, ON_HOME) if sight.is_portal else []
    return Overview(unread, unread[0]["total"] if unread else 0, recent)


async def batch_get(unit: UnitOfWork, document_ids: Sequence[UUID]) -> list[asyncpg.Record]:
    """Documents by id, for a service. Raises INVALID too_many."""
    if len(document_ids) > MOST_AT_ONCE:
        raise invalid("too_many", [Violation("ids", "too_many", {"limit": str(MOST_AT_ONCE)})])
    return await documents.several(unit, sight_of(unit, "documents.read"), document_ids)


async def _mark(unit: UnitOfWork, row: asyncpg.Record, number: int) -> None:
    """Opened by the contact, or a deposit read by the firm."""
    caller = unit.caller
    if caller.membership_id is None:
        return
    document_id: UUID = row["id"]
    if caller.is_staff:
        if row["deposit"] and row["read_at"] is None:
            await documents.mark_read(unit, document_id)
        return
    if not row["deposit"] and await documents.mark_opened(unit, document_id, number, caller.membership_id):
        unit.emit(
            events_pb2.DocumentOpened(
                document_id=str(document_id),
                contact_id=str(row["contact_id"]),
                membership_id=str(caller.membership_id),
                at=unit.now.isoformat(),
                version=number,
            ),
            aggregate_id=document_id,
        )
        unit.record("document.opened", target_kind="document", target_id=document_id, version=str(number))
