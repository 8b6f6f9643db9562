"""The sweep: uploads that nobody came back for are given up, and what they left in the store is removed.

Each upload that may leave something behind has a row in a queue; a claimed row comes back by itself when its sweeper
dies. Objects are only ever removed for uploads that were refused or given up: what a version names is never touched.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from parvis.documents.v1 import events_pb2
from parvis_documents.domain import UploadState, incoming_prefix
from parvis_documents.models import Upload
from parvis_documents.objects import ObjectStore
from parvis_documents.service.completing import VERIFIED_WITHIN
from parvis_documents.service.uploads import is_completing
from parvis_documents.store import uploads
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError
from parvis_kit.unit import Database, UnitOfWork
from parvis_watch import jobs

EVERY = 60.0  # s
LEASE = timedelta(minutes=10)

_log = structlog.get_logger(__name__)


class Sweep:
    """The background work of one process; any number of processes share the queue."""

    def __init__(self, database: Database, objects: ObjectStore, *, service: str, lifetime: timedelta) -> None:
        self._database = database
        self._objects = objects
        self._caller = Caller(service)
        self._lifetime = lifetime

    async def run(self) -> None:
        """Sweeps every minute, until cancelled."""
        while True:
            try:
                while await self.once():
                    pass
            except ServiceError as error:
                _log.warning("sweep_waits", error=str(error), again_in=EVERY)
                await asyncio.sleep(EVERY)
            else:
                await jobs.rest("sweep_uploads", EVERY)

    async def once(self) -> int:
        """Looks at the uploads that are due, and at parts that no row knows; returns how many uploads it is done with
        for now. One that the store does not let go of comes back after `LEASE`, and holds up no other.
        """
        async with self._database.begin(self._caller) as unit:
            until = unit.now + LEASE
            due = await uploads.claim_due(unit, until=until)
        done = 0
        for organisation_id, upload_id in due:
            try:
                await self._look_at(organisation_id, upload_id, until)
            except ServiceError as error:
                _log.warning("left_for_the_next_sweep", upload=str(upload_id), error=str(error))
            else:
                done += 1
        if not due:
            await self._objects.abort_older(datetime.now(UTC) - 2 * self._lifetime)
        return done

    async def _look_at(self, organisation_id: UUID, upload_id: UUID, claimed_until: datetime) -> None:
        async with self._database.begin(self._caller, organisation_id=organisation_id) as unit:
            row = await uploads.upload(unit, upload_id, lock=True)
            if row is None:
                await uploads.forget_sweep(unit, upload_id)
                return
            if await self._goes_on(unit, row):
                return
        # Refused, given up or filed for good: what is left in the store is nobody's.
        if row.state != UploadState.FILED:
            if row.multipart_id:
                await self._objects.abort(row.object_key, row.multipart_id)
            await self._objects.remove(row.object_key)
        await self._objects.remove_below(incoming_prefix(organisation_id, upload_id))
        async with self._database.begin(self._caller, organisation_id=organisation_id) as unit:
            await uploads.forget_sweep(unit, upload_id, claimed_until=claimed_until)

    async def _goes_on(self, unit: UnitOfWork, row: Upload) -> bool:
        """Whether the upload is to be looked at again, having been pushed on; False when it has ended."""
        if row.state == UploadState.SENDING and is_completing(row, unit.now):
            await uploads.sweep_at(unit, row.id, row.completing_until or unit.now)
            return True
        if row.state == UploadState.SENDING:
            row.state = UploadState.ABORTED.value
            unit.record("upload.expired", target_kind="upload", target_id=row.id, name=row.name)
            await uploads.sweep_at(unit, row.id, unit.now)
            return True
        if row.state == UploadState.VERIFYING:
            unit.emit(events_pb2.UploadCompleted(upload_id=str(row.id)), aggregate_id=row.id)
            await uploads.sweep_at(unit, row.id, unit.now + VERIFIED_WITHIN)
            return True
        return False
