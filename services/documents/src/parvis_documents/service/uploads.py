"""Uploads (rule 7): parts go straight to the store, this service completes them itself and reads them afterwards.

Safe to be killed at any moment: the store is changed before the row that tells of it, every step can be repeated, and
the sweep looks after whatever nobody came back for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import structlog

from parvis.documents.v1 import events_pb2
from parvis_documents import content
from parvis_documents.domain import (
    RefusalError,
    UploadState,
    compare_parts,
    file_name,
    incoming_prefix,
    object_key,
    part_plan,
    part_size_for,
    sha256_of,
)
from parvis_documents.models import Upload
from parvis_documents.objects import FORM_EXPIRES, Form, GoneError, ObjectStore, PartsChangedError, StoredPart
from parvis_documents.service.contacts import Contacts
from parvis_documents.service.places import Place, may_file, place
from parvis_documents.service.refusals import refuse
from parvis_documents.settings import Settings
from parvis_documents.store import uploads
from parvis_kit.errors import ServiceError, Violation, conflict, forbidden, invalid, not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork

#: After that time without a result, the background work is asked again.
VERIFIED_WITHIN = timedelta(hours=2)
_LONGEST_REFERENCE = 200

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Announced:
    """What a sender says of a file."""

    name: str
    size: int
    media_type: str
    #: "" when it is not said.
    sha256: str


@dataclass(frozen=True, slots=True)
class Sending:
    """An upload under way with the parts that the store has, by number (None once it is complete)."""

    row: Upload
    found: dict[int, StoredPart] | None = None


@dataclass(frozen=True, slots=True)
class Desk:
    """What the use cases of this module work with."""

    settings: Settings
    objects: ObjectStore
    contacts: Contacts


async def start(
    unit: UnitOfWork,
    desk: Desk,
    announced: Announced,
    *,
    contact_id: UUID | None,
    folder_template_id: UUID | None,
    built_in: str,
    document_id: UUID | None,
    external_reference: str,
) -> Sending:
    """Starts an upload, or answers with the one that a service started under the same reference.

    Raises INVALID type_refused, size_refused, name_refused, checksum_malformed; see also `place`.
    """
    where = await place(
        unit,
        desk.contacts,
        contact_id=contact_id,
        folder_template_id=folder_template_id,
        built_in=built_in,
        document_id=document_id,
    )
    # What a folder takes is said to people: a closed invoice is filed whatever the firm's settings are.
    accepted = [] if unit.caller.is_service else where.folder.media_types
    file = _accept(announced, accepted, largest=desk.settings.upload_max_bytes)
    if external_reference:
        running = await _running(unit, desk, file, external_reference)
        if running is not None:
            return running
    row = _row(unit, where, file, part_size=part_size_for(file.size))
    row.external_reference = external_reference or None
    unit.add(row)
    await uploads.sweep_at(unit, row.id, unit.now + timedelta(seconds=desk.settings.upload_lifetime))
    _record(unit, "upload.started", row)
    # Last: a multipart upload that the store made for a row that never was is found by its age.
    row.multipart_id = await desk.objects.create_multipart(row.object_key)
    return Sending(row, {})


async def start_form(
    unit: UnitOfWork, desk: Desk, *, contact_id: UUID | None, folder_template_id: UUID | None, return_url: str
) -> tuple[Upload, Form, int]:
    """A form that posts one file straight to the store: the upload, the form, and the most bytes that it takes."""
    where = await place(unit, desk.contacts, contact_id=contact_id, folder_template_id=folder_template_id)
    if not _is_ours(return_url, desk.settings.public_url):
        raise invalid("return_url_refused", [Violation("return_url", "not_on_the_portal")])
    file = Announced(name="", size=0, media_type=content.UNKNOWN, sha256="")
    row = _row(unit, where, file, part_size=0)
    unit.add(row)
    await uploads.sweep_at(unit, row.id, unit.now + timedelta(seconds=desk.settings.upload_lifetime))
    _record(unit, "upload.started", row)
    largest = min(desk.settings.form_max_bytes, desk.settings.upload_max_bytes)
    prefix = incoming_prefix(unit.organisation_id, row.id)
    return row, desk.objects.sign_form(prefix, return_url=return_url, largest=largest), largest


async def get(unit: UnitOfWork, desk: Desk, upload_id: UUID) -> Sending:
    """An upload of the caller, with its parts while they are being sent. Raises NOT_FOUND upload."""
    row = await _mine(unit, upload_id)
    return await _with_parts(desk, row)


async def sign_parts(unit: UnitOfWork, desk: Desk, upload_id: UUID) -> Sending:
    """As `get`; the caller must still be allowed to file there."""
    row = await _mine(unit, upload_id)
    await _still_allowed(unit, row)
    return await _with_parts(desk, row)


async def complete(unit: UnitOfWork, desk: Desk, upload_id: UUID) -> Sending:
    """Completes an upload in the store and hands it to the background. Idempotent.

    Raises PRECONDITION parts_missing (parts), size_differs (announced, found); the upload goes on.
    """
    row = await _mine(unit, upload_id, lock=True)
    if row.state != UploadState.SENDING:
        return Sending(row)
    await _still_allowed(unit, row)
    try:
        arrived = await (_complete_parts(desk, row) if row.part_size else _complete_form(unit, desk, row))
    except RefusalError as error:
        refuse(unit, row, error.reason)
        await uploads.sweep_at(unit, row.id, unit.now)
        return Sending(row)
    if not arrived:
        return await _give_up(unit, row)
    row.state = UploadState.VERIFYING.value
    await uploads.sweep_at(unit, row.id, unit.now + VERIFIED_WITHIN)
    unit.emit(events_pb2.UploadCompleted(upload_id=str(row.id)), aggregate_id=row.id)
    _record(unit, "upload.completed", row)
    return Sending(row)


async def abort(unit: UnitOfWork, desk: Desk, upload_id: UUID) -> Sending:
    """Gives an upload up. Raises PRECONDITION already_complete when its parts are no longer the sender's."""
    row = await _mine(unit, upload_id, lock=True)
    if row.state in {UploadState.VERIFYING, UploadState.FILED}:
        raise precondition("already_complete")
    if row.state != UploadState.SENDING:
        return Sending(row)
    ended = await _give_up(unit, row)

    async def clear() -> None:
        try:
            await desk.objects.abort(row.object_key, row.multipart_id)
        except ServiceError as error:
            _log.info("left_for_the_sweep", upload=str(row.id), error=str(error))

    unit.after_commit(clear)
    return ended


def addresses(desk: Desk, sending: Sending) -> list[tuple[int, int, str]] | None:
    """The parts of an upload under way as (number, bytes, address); the address is "" for what the store has."""
    if sending.found is None:
        return None
    row, found = sending.row, sending.found
    parts = []
    for number, size in enumerate(part_plan(row.size, row.part_size) if row.part_size else [], start=1):
        sent = number in found and found[number].size == size
        url = "" if sent else desk.objects.sign_part(row.object_key, row.multipart_id, number, size)
        parts.append((number, size, url))
    return parts


async def _running(unit: UnitOfWork, desk: Desk, file: Announced, external_reference: str) -> Sending | None:
    """The upload that a service started under this reference, unless it was for other bytes and can be given up."""
    if not unit.caller.is_service:
        raise forbidden("services_only")
    if len(external_reference) > _LONGEST_REFERENCE:
        raise invalid("reference_too_long", [Violation("external_reference", "too_long")])
    await uploads.hold_reference(unit, external_reference)
    row = await uploads.by_reference(unit, external_reference)
    if row is None:
        return None
    if row.service != unit.caller.service:
        raise conflict("reference_taken")
    same = (row.size, row.sha256, row.name) == (file.size, file.sha256, file.name)
    if row.state != UploadState.SENDING or same:
        return await _with_parts(desk, row)
    await _give_up(unit, row)
    await unit.flush()
    return None


def _accept(announced: Announced, accepted: Sequence[str], *, largest: int) -> Announced:
    """What was announced, normalised. Raises INVALID."""
    try:
        name = file_name(announced.name)
    except RefusalError as error:
        raise invalid("name_refused", [Violation("name", error.reason, error.params)]) from None
    if not 1 <= announced.size <= largest:
        limits = {"limit": str(largest), "size": str(announced.size)}
        raise invalid("size_refused", [Violation("size", "size_refused", limits)], **limits)
    try:
        media_type = content.announced_type(name, announced.media_type)
        content.check_folder(media_type, accepted)
    except RefusalError as error:
        raise invalid(error.reason, [Violation("media_type", error.reason, error.params)], **error.params) from None
    try:
        sha256 = sha256_of(announced.sha256)
    except RefusalError as error:
        raise invalid("checksum_malformed", [Violation("sha256", error.reason)]) from None
    return Announced(name, announced.size, media_type, sha256)


def _row(unit: UnitOfWork, where: Place, file: Announced, *, part_size: int) -> Upload:
    caller = unit.caller
    return Upload(
        organisation_id=unit.organisation_id,
        id=uuid7(),
        contact_id=where.contact_id,
        folder_template_id=where.folder.id,
        document_id=where.document_id,
        name=file.name,
        size=file.size,
        media_type=file.media_type,
        sha256=file.sha256,
        part_size=part_size,
        object_key=object_key(unit.organisation_id, uuid4()),
        membership_id=caller.membership_id,
        service=caller.service if caller.is_service else "",
        deposit=caller.is_portal,
        created_at=unit.now,
    )


async def _mine(unit: UnitOfWork, upload_id: UUID, *, lock: bool = False) -> Upload:
    """An upload that the caller started; anyone else's does not exist for them."""
    row = await uploads.upload(unit, upload_id, lock=lock)
    caller = unit.caller
    if row is None or row.membership_id != caller.membership_id:
        raise not_found("upload")
    if caller.is_service and row.service != caller.service:
        raise not_found("upload")
    return row


async def _still_allowed(unit: UnitOfWork, row: Upload) -> None:
    if not await may_file(unit, row.contact_id, row.folder_template_id):
        raise not_found("folder")


async def _with_parts(desk: Desk, row: Upload) -> Sending:
    if row.state != UploadState.SENDING:
        return Sending(row)
    if not row.part_size:
        return Sending(row, {})
    try:
        return Sending(row, _by_number(await desk.objects.list_parts(row.object_key, row.multipart_id)))
    except GoneError:
        return Sending(row)  # completed a moment ago, by a call that did not live to say so


async def _complete_parts(desk: Desk, row: Upload) -> bool:
    """Makes the object of the parts. False when neither parts nor object are there any more."""
    objects = desk.objects
    try:
        parts = await objects.list_parts(row.object_key, row.multipart_id)
        compare_parts(
            part_plan(row.size, row.part_size), {number: part.size for number, part in _by_number(parts).items()}
        )
        await objects.complete(row.object_key, row.multipart_id, parts)
    except GoneError:
        return await objects.size(row.object_key) is not None
    except PartsChangedError:
        raise precondition("parts_missing") from None
    except RefusalError as error:
        raise precondition(error.reason, (), **error.params) from None
    return True


async def _complete_form(unit: UnitOfWork, desk: Desk, row: Upload) -> bool:
    """Copies what a form posted to its final key, and takes its name from where it was posted.

    Raises PRECONDITION parts_missing when nothing was posted; RefusalError when it cannot be accepted.
    """
    prefix = incoming_prefix(unit.organisation_id, row.id)
    found = await desk.objects.find(prefix)
    if not found:
        raise precondition("parts_missing")
    newest = found[-1]
    try:
        row.name = file_name(newest.key.removeprefix(prefix).rpartition("/")[2].rpartition("\\")[2])
    except RefusalError:
        raise RefusalError("name_refused") from None
    row.media_type = content.announced_type(row.name, "")
    row.size = newest.size
    if not 1 <= newest.size <= desk.settings.form_max_bytes:
        raise RefusalError("size_refused")
    await desk.objects.copy(newest.key, row.object_key)
    return True


async def _give_up(unit: UnitOfWork, row: Upload) -> Sending:
    row.state = UploadState.ABORTED.value
    # Again after every presigned address has expired: a part that is on its way now may still arrive.
    await uploads.sweep_at(unit, row.id, unit.now + FORM_EXPIRES)
    _record(unit, "upload.aborted", row)
    return Sending(row)


def _by_number(parts: Sequence[StoredPart]) -> dict[int, StoredPart]:
    return {part.number: part for part in parts}


def _record(unit: UnitOfWork, act: str, row: Upload) -> None:
    unit.record(
        act,
        target_kind="upload",
        target_id=row.id,
        contact_id=str(row.contact_id),
        folder_template_id=str(row.folder_template_id),
        name=row.name,
        size=str(row.size),
    )


def _is_ours(url: str, portal: str) -> bool:
    """Whether an address is on the portal's origin."""
    given, ours = urlsplit(url), urlsplit(portal)
    return (given.scheme, given.netloc) == (ours.scheme, ours.netloc)
