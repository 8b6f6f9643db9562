"""Uploads, and the queue of those to look at again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from parvis_documents.domain import UploadState
from parvis_documents.models import Upload, UploadSweep
from parvis_kit.unit import UnitOfWork

_ALIVE = (UploadState.SENDING.value, UploadState.VERIFYING.value, UploadState.FILED.value)


async def upload(unit: UnitOfWork, upload_id: UUID, *, lock: bool = False) -> Upload | None:
    """An upload of the organisation, whoever's it is."""
    return await unit.get(Upload, (unit.organisation_id, upload_id), lock=lock)


async def hold(unit: UnitOfWork, what: str) -> None:
    """Makes whoever holds the same of this organisation wait until this transaction ends."""
    key = f"{unit.organisation_id} {what}"
    await unit.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))


async def by_reference(unit: UnitOfWork, external_reference: str) -> Upload | None:
    """The upload with that reference that is under way or filed, locked."""
    found: Upload | None = await unit.scalar(
        select(Upload)
        .where(
            col(Upload.organisation_id) == unit.organisation_id,
            col(Upload.external_reference) == external_reference,
            col(Upload.state).in_(_ALIVE),
        )
        .with_for_update()
    )
    return found


async def under_way(unit: UnitOfWork, membership_id: UUID) -> tuple[int, int]:
    """Uploads that a membership is sending, and the bytes that it announced with them."""
    query = """
        SELECT count(*) AS uploads, coalesce(sum(size), 0) AS bytes FROM uploads
        WHERE organisation_id = $1 AND membership_id = $2 AND state = 'sending'"""
    [row] = await unit.fetch(query, unit.organisation_id, membership_id)
    return row["uploads"], int(row["bytes"])


async def sweep_at(unit: UnitOfWork, upload_id: UUID, due_at: datetime) -> None:
    """Looks at the upload again at that time."""
    row = insert(UploadSweep).values(upload_id=upload_id, organisation_id=unit.organisation_id, due_at=due_at)
    await unit.execute(row.on_conflict_do_update(index_elements=["upload_id"], set_={"due_at": row.excluded.due_at}))


async def forget_sweep(unit: UnitOfWork, upload_id: UUID, *, claimed_until: datetime | None = None) -> None:
    """There is nothing left to look at; with `claimed_until`, unless somebody asked for another look meanwhile."""
    gone = delete(UploadSweep).where(col(UploadSweep.upload_id) == upload_id)
    if claimed_until is not None:
        gone = gone.where(col(UploadSweep.due_at) == claimed_until)
    await unit.execute(gone)


async def claim_due(unit: UnitOfWork, *, until: datetime, limit: int = 20) -> Sequence[tuple[UUID, UUID]]:
    """Uploads that are due, as (organisation, upload), of all organisations; nobody else gets them before `until`."""
    due = (
        select(col(UploadSweep.upload_id))
        .where(col(UploadSweep.due_at) <= unit.now)
        .order_by(col(UploadSweep.due_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = await unit.execute(
        update(UploadSweep)
        .where(col(UploadSweep.upload_id).in_(due))
        .values(due_at=until)
        .returning(col(UploadSweep.organisation_id), col(UploadSweep.upload_id))
    )
    return [(row.organisation_id, row.upload_id) for row in claimed]
