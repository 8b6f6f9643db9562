"""Uploads (rule 7): parts go straight to the store, this service completes them itself and reads them afterwards.

Safe to be killed at any moment: no transaction waits for the store, so each step leaves what can be gone on from, every
step can be repeated, and the sweep looks after whatever nobody came back for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import structlog

from parvis_documents import content
from parvis_documents.domain import (
    GIBIBYTE,
    MOST_ANNOUNCED,
    MOST_UNDER_WAY,
    RefusalError,
    UploadState,
    file_name,
    incoming_prefix,
    object_key,
    part_plan,
    part_size_for,
    sha256_of,
)
from parvis_documents.models import Upload
from parvis_documents.objects import FORM_EXPIRES, Form, GoneError, ObjectStore, StoredPart
from parvis_documents.service.contacts import Contacts
from parvis_documents.service.places import Place, may_file, place
from parvis_documents.settings import Settings
from parvis_documents.store import uploads
from parvis_kit.errors import (
    ServiceError,
    Violation,
    conflict,
    forbidden,
    invalid,
    limit,
    not_found,
    precondition,
    unavailable,
)
from parvis_kit.ids import uuid7
from parvis_kit.server import Begin
from parvis_kit.unit import UnitOfWork

#: After that time, an upload that has no multipart upload in the store has nobody who waits for it.
OPENED_WITHIN = timedelta(minutes=10)
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
    begin: Begin,
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

    Raises INVALID type_refused, size_refused, name_refused, checksum_malformed; LIMIT too_many_uploads; see `place`.
    """
    async with begin() as unit:
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
        row = await _running(unit, file, external_reference) if external_reference else None
        if row is None:
            await _require_room(unit, file.size)
            row = _row(unit, where, file, part_size=part_size_for(file.size))
            row.external_reference = external_reference or None
            unit.add(row)
            await uploads.sweep_at(unit, row.id, unit.now + OPENED_WITHIN)
            record(unit, "upload.started", row)
    if row.state == UploadState.SENDING and not row.multipart_id:
        return await _open(begin, desk, row)
    return await _with_parts(desk, row)


async def _open(begin: Begin, desk: Desk, row: Upload) -> Sending:
    """Begins the multipart upload of a row that has none. One that the store made and no row names is found by age."""
    try:
        multipart_id = await desk.objects.create_multipart(row.object_key)
    except ServiceError:
        async with begin() as unit:
            left = await uploads.upload(unit, row.id, lock=True)
            if left is not None and left.state == UploadState.SENDING and not left.multipart_id:
                await give_up(unit, left)
        raise
    async with begin() as unit:
        found = await uploads.upload(unit, row.id, lock=True)
        if found is None:
            raise not_found("upload")
        if found.state == UploadState.SENDING and not found.multipart_id:
            found.multipart_id = multipart_id
            await uploads.sweep_at(unit, found.id, unit.now + timedelta(seconds=desk.settings.upload_lifetime))
            return Sending(found, {})
    await desk.objects.abort(row.object_key, multipart_id)  # another call under the same reference was faster
    return await _with_parts(desk, found)


async def start_form(
    unit: UnitOfWork, desk: Desk, *, contact_id: UUID | None, folder_template_id: UUID | None, return_url: str
) -> tuple[Upload, Form, int]:
    """A form that posts one file straight to the store: the upload, the form, and the most bytes that it takes."""
    where = await place(unit, desk.contacts, contact_id=contact_id, folder_template_id=folder_template_id)
    if not _is_ours(return_url, desk.settings.public_url):
        raise invalid("return_url_refused", [Violation("return_url", "not_on_the_portal")])
    await _require_room(unit, 0)
    file = Announced(name="", size=0, media_type=content.UNKNOWN, sha256="")
    row = _row(unit, where, file, part_size=0)
    unit.add(row)
    await uploads.sweep_at(unit, row.id, unit.now + timedelta(seconds=desk.settings.upload_lifetime))
    record(unit, "upload.started", row)
    largest = min(desk.settings.form_max_bytes, desk.settings.upload_max_bytes)
    prefix = incoming_prefix(unit.organisation_id, row.id)
    return row, desk.objects.sign_form(prefix, return_url=return_url, largest=largest), largest


async def get(begin: Begin, desk: Desk, upload_id: UUID) -> Sending:
    """An upload of the caller, with its parts while they are being sent. Raises NOT_FOUND upload."""
    async with begin() as unit:
        row = await mine(unit, upload_id)
    return await _with_parts(desk, row)


async def sign_parts(begin: Begin, desk: Desk, upload_id: UUID) -> Sending:
    """As `get`; the caller must still be allowed to file there."""
    async with begin() as unit:
        row = await mine(unit, upload_id)
        await still_allowed(unit, row)
    return await _with_parts(desk, row)


async def abort(begin: Begin, desk: Desk, upload_id: UUID) -> Sending:
    """Gives an upload up. Raises PRECONDITION already_complete when its parts are no longer the sender's."""
    async with begin() as unit:
        row = await mine(unit, upload_id, lock=True)
        if row.state in {UploadState.VERIFYING, UploadState.FILED} or is_completing(row, unit.now):
            raise precondition("already_complete")
        if row.state != UploadState.SENDING:
            return Sending(row)
        ended = await give_up(unit, row)
    try:
        if row.multipart_id:
            await desk.objects.abort(row.object_key, row.multipart_id)
    except ServiceError as error:
        _log.info("left_for_the_sweep", upload=str(row.id), error=str(error))
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


async def _running(unit: UnitOfWork, file: Announced, external_reference: str) -> Upload | None:
    """The upload that a service started under this reference, unless it was for other bytes and can be given up."""
    if not unit.caller.is_service:
        raise forbidden("services_only")
    if len(external_reference) > _LONGEST_REFERENCE:
        raise invalid("reference_too_long", [Violation("external_reference", "too_long")])
    await uploads.hold(unit, external_reference)
    row = await uploads.by_reference(unit, external_reference)
    if row is None:
        return None
    if row.service != unit.caller.service:
        raise conflict("reference_taken")
    same = (row.size, row.sha256, row.name) == (file.size, file.sha256, file.name)
    if row.state != UploadState.SENDING or same:
        return row
    if is_completing(row, unit.now):
        raise unavailable("completing")
    await give_up(unit, row)
    await unit.flush()
    return None


async def _require_room(unit: UnitOfWork, size: int) -> None:
    """Raises LIMIT too_many_uploads when a person has as much under way as one may. Services are not bounded."""
    sender = unit.caller.membership_id
    if sender is None:
        return
    await uploads.hold(unit, f"sender {sender}")
    count, announced = await uploads.under_way(unit, sender)
    if count >= MOST_UNDER_WAY or announced + size > MOST_ANNOUNCED:
        raise limit("too_many_uploads", uploads=str(MOST_UNDER_WAY), gibibytes=str(MOST_ANNOUNCED // GIBIBYTE))


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


async def mine(unit: UnitOfWork, upload_id: UUID, *, lock: bool = False) -> Upload:
    """An upload that the caller started; anyone else's does not exist for them."""
    row = await uploads.upload(unit, upload_id, lock=lock)
    caller = unit.caller
    if row is None or row.membership_id != caller.membership_id:
        raise not_found("upload")
    if caller.is_service and row.service != caller.service:
        raise not_found("upload")
    return row


async def still_allowed(unit: UnitOfWork, row: Upload) -> None:
    """Raises NOT_FOUND folder, FORBIDDEN, when the caller may no longer file where the upload goes."""
    if not await may_file(unit, row.contact_id, row.folder_template_id):
        raise not_found("folder")


async def _with_parts(desk: Desk, row: Upload) -> Sending:
    if row.state != UploadState.SENDING:
        return Sending(row)
    if not row.part_size or not row.multipart_id:
        return Sending(row, {} if not row.part_size else None)
    try:
        return Sending(row, by_number(await desk.objects.list_parts(row.object_key, row.multipart_id)))
    except GoneError:
        return Sending(row)  # completed a moment ago, by a call that did not live to say so


async def give_up(unit: UnitOfWork, row: Upload) -> Sending:
    """Ends an upload that is not complete."""
    row.state = UploadState.ABORTED.value
    # Again after every presigned address has expired: a part that is on its way now may still arrive.
    await uploads.sweep_at(unit, row.id, unit.now + FORM_EXPIRES)
    record(unit, "upload.aborted", row)
    return Sending(row)


def is_completing(row: Upload, now: datetime) -> bool:
    """Whether a call is completing the upload in the store at this moment, as far as one that may have died tells."""
    return row.completing_until is not None and row.completing_until > now


def by_number(parts: Sequence[StoredPart]) -> dict[int, StoredPart]:
    """Parts by their number."""
    return {part.number: part for part in parts}


def record(unit: UnitOfWork, act: str, row: Upload) -> None:
    """Appends what was done to an upload to the audit trail."""
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
    try:
        given, ours = urlsplit(url), urlsplit(portal)
    except ValueError:  # "https://["
        return False
    return (given.scheme, given.netloc) == (ours.scheme, ours.netloc)
