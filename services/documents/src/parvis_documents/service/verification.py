"""What happens between the last part and the folder: the object is read once, hashed and typed, then filed or refused.

Nobody sees a document before that. A redelivery reads again and finds the same; the last transaction decides under a
lock, together with the inbox row of its event.
"""

from uuid import UUID

import structlog

from parvis.documents.v1 import events_pb2
from parvis_documents import content, messages
from parvis_documents.domain import RefusalError, UploadState, incoming_prefix
from parvis_documents.models import Document, Upload, Version
from parvis_documents.objects import FORM_EXPIRES, ObjectContent, ObjectStore
from parvis_documents.service.refusals import refuse
from parvis_documents.store import contacts, documents, folders, uploads
from parvis_documents.store.sight import Sight
from parvis_kit.bus import Delivery
from parvis_kit.errors import ServiceError
from parvis_kit.ids import uuid7
from parvis_kit.text import search_key
from parvis_kit.unit import UnitOfWork

_log = structlog.get_logger(__name__)


async def verify(delivery: Delivery, upload_id: UUID, objects: ObjectStore) -> None:
    """Verifies a complete upload and files or refuses it. Does nothing for one that is not waiting for it."""
    async with delivery.begin() as unit:
        row = await uploads.upload(unit, upload_id)
        if row is None or row.state != UploadState.VERIFYING:
            await delivery.finish(unit)
            return
    found = await objects.read(row.object_key)
    async with delivery.begin() as unit:
        row = await uploads.upload(unit, upload_id, lock=True)
        if row is None or row.state != UploadState.VERIFYING:
            return
        await decide(unit, row, found)
        await delivery.finish(unit)
    await _clear(row, objects)


async def decide(unit: UnitOfWork, row: Upload, found: ObjectContent) -> None:
    """Files what was found in the store, or refuses it."""
    folder = await folders.template(unit, row.folder_template_id)
    try:
        media_type = judge(row, found, folder.media_types if folder else [])
    except RefusalError as error:
        refuse(unit, row, error.reason)
        await uploads.sweep_at(unit, row.id, unit.now)
        return
    await _file(unit, row, found, media_type)
    if row.part_size:
        await uploads.forget_sweep(unit, row.id)
    else:  # until then the form could post again, to a place that nobody reads
        await uploads.sweep_at(unit, row.id, row.created_at + FORM_EXPIRES)


def judge(row: Upload, found: ObjectContent, accepted: list[str]) -> str:
    """The media type of what was found. What a folder accepts binds people, not services.

    Raises RefusalError size_differs, checksum_differs, type_refused, type_differs.
    """
    if found.size != row.size:
        raise RefusalError("size_differs", announced=str(row.size), found=str(found.size))
    if row.sha256 and found.sha256 != row.sha256:
        raise RefusalError("checksum_differs")
    media_type = content.sniff(found.head, row.media_type)
    if not row.service:
        content.check_folder(media_type, accepted)
    return media_type


async def _file(unit: UnitOfWork, row: Upload, found: ObjectContent, media_type: str) -> None:
    document = await documents.document(unit, row.document_id) if row.document_id else None
    if document is None:
        document = Document(
            organisation_id=unit.organisation_id,
            id=uuid7(),
            contact_id=row.contact_id,
            folder_template_id=row.folder_template_id,
            name=row.name,
            name_key="",
            version=0,
            media_type=media_type,
            size=0,
            sha256="",
            filed_at=unit.now,
            deposit=row.deposit,
            external_reference=row.external_reference,
        )
        unit.add(document)
    document.name, document.name_key = row.name, search_key(row.name)
    document.version += 1
    document.media_type, document.size, document.sha256 = media_type, found.size, found.sha256
    document.filed_at, document.filed_by = unit.now, row.membership_id
    document.opened_at = None  # nobody has read the new version
    await unit.flush()
    unit.add(
        Version(
            organisation_id=unit.organisation_id,
            document_id=document.id,
            number=document.version,
            object_key=row.object_key,
            name=row.name,
            media_type=media_type,
            size=found.size,
            sha256=found.sha256,
            filed_at=unit.now,
            filed_by=row.membership_id,
        )
    )
    row.state, row.document_id = UploadState.FILED.value, document.id
    await _tell(unit, row, document)


async def _tell(unit: UnitOfWork, row: Upload, document: Document) -> None:
    """Announces the document to the other services, with the folder's settings as they are now."""
    seen = await documents.one(unit, Sight(), document.id)
    folder = await folders.template(unit, document.folder_template_id)
    if seen is None or folder is None:  # the foreign keys say otherwise
        raise LookupError(f"document {document.id} has no folder")
    message = messages.document(seen, portal=not document.deposit)
    if document.deposit:
        advisers = await contacts.advisers_of(unit, document.contact_id)
        unit.emit(
            events_pb2.DepositReceived(document=message, adviser_ids=[str(adviser) for adviser in advisers]),
            aggregate_id=document.id,
        )
    else:
        unit.emit(
            events_pb2.DocumentFiled(document=message, folder=messages.template(folder)), aggregate_id=document.id
        )
    unit.record(
        "document.deposited" if document.deposit else "document.filed",
        target_kind="document",
        target_id=document.id,
        contact_id=str(document.contact_id),
        folder=folder.name,
        name=document.name,
        version=str(document.version),
        sha256=document.sha256,
        membership_id=str(row.membership_id or ""),
        service=row.service,
    )


async def _clear(row: Upload, objects: ObjectStore) -> None:
    """Removes what is not needed in the store once the decision is committed; the sweep does what this could not."""
    try:
        if row.state == UploadState.REFUSED:
            await objects.remove(row.object_key)
        if not row.part_size:
            await objects.remove_below(incoming_prefix(row.organisation_id, row.id))
    except ServiceError as error:
        _log.info("left_for_the_sweep", upload=str(row.id), error=str(error))
