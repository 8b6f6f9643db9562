"""The sweep: uploads that nobody came back for are given up, and what they left in the store is removed.

Each upload that may leave something behind has a row in a queue; a claimed row comes back by itself when its sweeper
dies. Objects are only ever removed for uploads that were refused or given up: what a version names is never touched.
"""

import asyncio
from datetime import timedelta
from uuid import UUID

import structlog

from parvis.documents.v1 import events_pb2
from parvis_documents.domain import UploadState, incoming_prefix
from parvis_documents.objects import ObjectStore
from parvis_documents.service.completing import VERIFIED_WITHIN
from parvis_documents.service.uploads import is_completing
from parvis_documents.store import uploads
from parvis_kit.caller import Caller
from parvis_kit.errors import ServiceError
from parvis_kit.unit import Database, UnitOfWork

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

    async def once(self) -> int:
        """Looks at the uploads that are due, and at parts that no row knows; returns how many uploads."""
        async with self._database.begin(self._caller) as unit:
            due = await uploads.claim_due(unit, lease=LEASE)
        for organisation_id, upload_id in due:
            async with self._database.begin(self._caller, organisation_id=organisation_id) as unit:
                await self._look_at(unit, upload_id)
        if not due:
            async with self._database.begin(self._caller) as unit:
                oldest = unit.now - 2 * self._lifetime
            await self._objects.abort_older(oldest)
        return len(due)

    async def _look_at(self, unit: UnitOfWork, upload_id: UUID) -> None:
        row = await uploads.upload(unit, upload_id, lock=True)
        prefix = incoming_prefix(unit.organisation_id, upload_id)
        match row.state if row else None:
            case UploadState.SENDING if row is not None and is_completing(row, unit.now):
                await uploads.sweep_at(unit, upload_id, row.completing_until or unit.now)
            case UploadState.SENDING if row is not None:
                row.state = UploadState.ABORTED.value
                unit.record("upload.expired", target_kind="upload", target_id=upload_id, name=row.name)
                await uploads.sweep_at(unit, upload_id, unit.now)
            case UploadState.VERIFYING:
                unit.emit(events_pb2.UploadCompleted(upload_id=str(upload_id)), aggregate_id=upload_id)
                await uploads.sweep_at(unit, upload_id, unit.now + VERIFIED_WITHIN)
            case UploadState.REFUSED | UploadState.ABORTED if row is not None:
                if row.multipart_id:
                    await self._objects.abort(row.object_key, row.multipart_id)
                await self._objects.remove(row.object_key)
                await self._objects.remove_below(prefix)
                await uploads.forget_sweep(unit, upload_id)
            case UploadState.FILED:
                await self._objects.remove_below(prefix)
                await uploads.forget_sweep(unit, upload_id)
            case _:
                await uploads.forget_sweep(unit, upload_id)
