"""The end of an upload: the object is made in the store, and handed to the background.

Two transactions with the store between them. The first one claims the upload, so that nobody else completes it, aborts
it or sweeps it while the store works; a claim whose call died ends by itself, and the next call finds what the store
has by then.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from parvis.documents.v1 import events_pb2
from parvis_documents import content
from parvis_documents.domain import RefusalError, UploadState, compare_parts, file_name, incoming_prefix, part_plan
from parvis_documents.models import Upload
from parvis_documents.objects import GoneError, PartsChangedError
from parvis_documents.service.refusals import refuse
from parvis_documents.service.uploads import (
    Desk,
    Sending,
    by_number,
    give_up,
    is_completing,
    mine,
    record,
    still_allowed,
)
from parvis_documents.store import uploads
from parvis_kit.errors import ServiceError, not_found, precondition, unavailable
from parvis_kit.server import Begin

#: After that time without a result, the background work is asked again.
VERIFIED_WITHIN = timedelta(hours=2)
#: Longer than the store may take for what one call asks of it: a claim ends when its call does, unless that was killed.
_CLAIMED_FOR = timedelta(seconds=40)
#: Seconds between two looks at an upload that another call has claimed, and how often.
_PAUSE = 0.1
_LOOKS = 40


@dataclass(frozen=True, slots=True)
class _Found:
    """What the store has: an object under the upload's key, or nothing any more, or what cannot be accepted."""

    arrived: bool = True
    refused: str = ""
    #: Of a form, which only tells now.
    name: str = ""
    media_type: str = ""
    size: int = 0


async def complete(begin: Begin, desk: Desk, upload_id: UUID) -> Sending:
    """Completes an upload in the store and hands it to the background. Idempotent.

    Raises PRECONDITION parts_missing (parts), size_differs (announced, found): the upload goes on; UNAVAILABLE
    completing while another call takes very long to do the same.
    """
    for _ in range(_LOOKS):
        row, claim = await _claim(begin, upload_id)
        if row.state != UploadState.SENDING:
            return Sending(row)
        if claim is not None:
            break
        await asyncio.sleep(_PAUSE)
    else:
        raise unavailable("completing")
    try:
        found = await (_complete_parts(desk, row) if row.part_size else _complete_form(desk, row))
    except ServiceError:
        await _let_go(begin, upload_id, claim)
        raise
    return await _settle(begin, upload_id, claim, found)


async def _claim(begin: Begin, upload_id: UUID) -> tuple[Upload, datetime | None]:
    """The upload, and the end of the claim on it if it is this call's."""
    async with begin() as unit:
        row = await mine(unit, upload_id, lock=True)
        if row.state != UploadState.SENDING:
            return row, None
        await still_allowed(unit, row)
        if is_completing(row, unit.now):
            return row, None
        row.completing_until = unit.now + _CLAIMED_FOR
        return row, row.completing_until


async def _settle(begin: Begin, upload_id: UUID, claim: datetime, found: _Found) -> Sending:
    """Writes what the store has."""
    async with begin() as unit:
        row = await uploads.upload(unit, upload_id, lock=True)
        if row is None:
            raise not_found("upload")
        if row.state != UploadState.SENDING or row.completing_until != claim:  # the claim ended before the store did
            if row.state in {UploadState.ABORTED, UploadState.REFUSED}:
                await uploads.sweep_at(unit, upload_id, unit.now)
            return Sending(row)
        row.completing_until = None
        if not row.part_size and found.arrived:
            row.name, row.media_type, row.size = found.name, found.media_type, found.size
        if found.refused:
            refuse(unit, row, found.refused)
            await uploads.sweep_at(unit, upload_id, unit.now)
            return Sending(row)
        if not found.arrived:
            return await give_up(unit, row)
        row.state = UploadState.VERIFYING.value
        await uploads.sweep_at(unit, upload_id, unit.now + VERIFIED_WITHIN)
        unit.emit(events_pb2.UploadCompleted(upload_id=str(upload_id)), aggregate_id=upload_id)
        record(unit, "upload.completed", row)
        return Sending(row)


async def _let_go(begin: Begin, upload_id: UUID, claim: datetime) -> None:
    async with begin() as unit:
        row = await uploads.upload(unit, upload_id, lock=True)
        if row is not None and row.completing_until == claim:
            row.completing_until = None


async def _complete_parts(desk: Desk, row: Upload) -> _Found:
    """Makes the object of the parts."""
    objects = desk.objects
    if not row.multipart_id:
        raise precondition("parts_missing")
    try:
        parts = await objects.list_parts(row.object_key, row.multipart_id)
        compare_parts(
            part_plan(row.size, row.part_size), {number: part.size for number, part in by_number(parts).items()}
        )
        await objects.complete(row.object_key, row.multipart_id, parts)
    except GoneError:
        return _Found(arrived=await objects.size(row.object_key) is not None)
    except PartsChangedError:
        raise precondition("parts_missing") from None
    except RefusalError as error:
        raise precondition(error.reason, (), **error.params) from None
    return _Found()


async def _complete_form(desk: Desk, row: Upload) -> _Found:
    """Copies what a form posted to its final key, and takes its name from where it was posted.

    Raises PRECONDITION parts_missing when nothing was posted.
    """
    prefix = incoming_prefix(row.organisation_id, row.id)
    posted = await desk.objects.find(prefix)
    if not posted:
        raise precondition("parts_missing")
    newest = posted[-1]
    found = _Found(size=newest.size, media_type=content.UNKNOWN)
    try:
        name = file_name(newest.key.removeprefix(prefix).rpartition("/")[2].rpartition("\\")[2])
    except RefusalError:
        return replace(found, refused="name_refused")
    found = replace(found, name=name)
    try:
        found = replace(found, media_type=content.announced_type(name, ""))
    except RefusalError as error:
        return replace(found, refused=error.reason)
    if not 1 <= newest.size <= desk.settings.form_max_bytes:
        return replace(found, refused="size_refused")
    await desk.objects.copy(newest.key, row.object_key)
    return found
