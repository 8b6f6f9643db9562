"""Imports that an administrator of the provider starts in a page (P4, D1): the file comes in parts and is kept sealed,
a worker goes through it, first without writing anything, then for good. See service.imports for the rules.

What became of a line is written with the line itself, so that whoever goes on after an interruption knows what is done.
"""

import asyncio
import io
from collections.abc import Sequence
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import structlog

from parvis_identity.models import Import, ImportLine, ImportPart
from parvis_identity.service.import_files import UnreadableFile, form_of, read
from parvis_identity.service.imports import Importer, Outcome
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.sealing import Seal
from parvis_identity.store import import_runs as store
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError, Violation, forbidden, invalid, limit, not_found, precondition
from parvis_kit.unit import Database, UnitOfWork
from parvis_watch import jobs

#: Bytes of a file, and of a part of it.
LARGEST = 32 * 1024 * 1024
LARGEST_PART = 1024 * 1024
#: Files that wait at once.
MOST_OPEN = 50
RIGHT = "organisations.manage"
MOST_LISTED, MOST_LINES = 100, 1000
_LEASE = timedelta(seconds=60)
_LOOK_EVERY = 1.0  # s
_AGAIN_AFTER = 10.0  # s, when tenancy or the database is away
_LONGEST_NAME = 200
_log = structlog.get_logger(__name__)


class ImportState(StrEnum):
    """See the contract."""

    RECEIVING = "receiving"
    CHECKING = "checking"
    CHECKED = "checked"
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"
    DISCARDED = "discarded"


_ENDED = {ImportState.DONE, ImportState.FAILED, ImportState.DISCARDED}


class Stopped(Exception):
    """The import was discarded, or somebody else goes on with it."""


class Imports:
    """What the page asks for."""

    def __init__(self, organisations: Organisations, seal: Seal) -> None:
        self._organisations = organisations
        self._seal = seal

    async def start(self, unit: UnitOfWork, name: str, size: int) -> Import:
        """A new one. Raises FORBIDDEN right_missing, INVALID import_invalid, LIMIT too_many_imports."""
        await self._allowed()
        name = name.strip()
        wrong = []
        try:
            form_of(name)
        except UnreadableFile as error:
            wrong.append(Violation("file", error.reason))
        if not name.isprintable() or len(name) > _LONGEST_NAME:
            wrong.append(Violation("file", "name_unknown"))
        if not 0 < size <= LARGEST:
            wrong.append(Violation("file", "file_empty" if size <= 0 else "file_too_large"))
        if wrong:
            raise invalid("import_invalid", wrong[:1])
        if await store.open_count(unit) >= MOST_OPEN:
            raise limit("too_many_imports")
        made = Import(
            asked_by=_caller(unit), name=name, size=size, state=ImportState.RECEIVING, created_at=unit.now,
            changed_at=unit.now, leased_until=unit.now,
        )  # fmt: skip
        unit.add(made)
        await unit.flush()
        unit.record("import.started", target_kind="import", target_id=made.id, size=str(size))
        return made

    async def append(self, unit: UnitOfWork, import_id: UUID, offset: int, part: bytes) -> Import:
        """The next part of the file. Raises PRECONDITION import_not_receiving, INVALID part_out_of_order."""
        found = await self._found(unit, import_id)
        if found.state != ImportState.RECEIVING:
            raise precondition("import_not_receiving")
        if offset < found.received:  # sent again: the answer was lost
            return found
        end = offset + len(part)
        if offset > found.received or not part or len(part) > LARGEST_PART or end > found.size:
            raise invalid("part_out_of_order", [Violation("offset", "part_out_of_order")])
        unit.add(
            ImportPart(import_id=found.id, begins_at=offset, sealed=self._seal.seal(part, _label(found.id, offset)))
        )
        found.received, found.changed_at = end, unit.now
        await unit.flush()
        return found

    async def run(self, unit: UnitOfWork, import_id: UUID, *, dry: bool, mail: bool) -> Import:
        """Lets a worker go through the file. Raises PRECONDITION import_incomplete, import_not_checked or
        import_closed.
        """
        found = await self._found(unit, import_id)
        state = ImportState.CHECKING if dry else ImportState.IMPORTING
        if found.state == state:
            return found
        if found.state in _ENDED or found.state == ImportState.IMPORTING:
            raise precondition("import_closed")
        if found.received < found.size:
            raise precondition("import_incomplete")
        if not dry and found.state != ImportState.CHECKED:
            raise precondition("import_not_checked")
        await store.delete_lines(unit, found.id)
        found.created = found.unchanged = found.refused = 0
        found.state, found.mail = state, mail and not dry
        found.changed_at = found.leased_until = unit.now
        await unit.flush()
        act = "import.checking" if dry else "import.running"
        unit.record(act, target_kind="import", target_id=found.id, mail=str(found.mail).lower())
        return found

    async def get(self, unit: UnitOfWork, import_id: UUID) -> Import:
        """One import."""
        await self._allowed()
        found = await unit.get(Import, import_id)
        if found is None:
            raise not_found("import_not_found")
        return found

    async def latest(self, unit: UnitOfWork) -> Sequence[Import]:
        """Imports, newest first."""
        await self._allowed()
        return await store.latest(unit, MOST_LISTED)

    async def lines(
        self, unit: UnitOfWork, import_id: UUID, *, after: int, notable: bool, most: int
    ) -> Sequence[ImportLine]:
        """What became of lines."""
        found = await self.get(unit, import_id)
        return await store.lines(unit, found.id, after=after, notable=notable, most=min(max(most, 1), MOST_LINES))

    async def discard(self, unit: UnitOfWork, import_id: UUID) -> Import:
        """Stops it and deletes its file."""
        found = await self._found(unit, import_id)
        if found.state not in _ENDED:
            await _end(unit, found, ImportState.DISCARDED)
            unit.record("import.discarded", target_kind="import", target_id=found.id)
        return found

    async def _found(self, unit: UnitOfWork, import_id: UUID) -> Import:
        await self._allowed()
        found = await store.lock(unit, import_id)
        if found is None:
            raise not_found("import_not_found")
        return found

    async def _allowed(self) -> None:
        if not await self._organisations.allows(RIGHT):
            raise forbidden("right_missing", right=RIGHT)


class ImportWork:
    """Goes through the files, one at a time in each process."""

    def __init__(self, database: Database, organisations: Organisations, ring: KeyRing, seal: Seal) -> None:
        self._database = database
        self._organisations = organisations
        self._ring = ring
        self._seal = seal
        self._caller = Caller("identity")

    async def run(self) -> None:
        """Works, for ever."""
        while True:
            if not await self.work():
                await jobs.rest("imports", _LOOK_EVERY)

    async def work(self) -> bool:
        """Goes through a file that waits; whether there was one."""
        async with self._database.begin(self._caller) as unit:
            found = await store.claim(unit, _LEASE)
        if found is None:
            return False
        try:
            await self._go_on(found)
        except Stopped:
            pass
        except UnreadableFile as error:
            await self._finish(found, ImportState.FAILED, error.reason, error.params)
        except ServiceError as error:
            if error.kind is not Kind.UNAVAILABLE:
                raise
            _log.warning("import_waits", import_id=str(found.id), why=str(error))
            await asyncio.sleep(_AGAIN_AFTER)  # its lease ends, and whoever is first goes on
        except Exception:  # noqa: BLE001 - one file does not keep the others from their turn
            _log.exception("import_failed", import_id=str(found.id))
            await self._finish(found, ImportState.FAILED, "internal", {})
        return True

    async def _go_on(self, found: Import) -> None:
        async with self._database.begin(self._caller) as unit:
            parts = await store.parts(unit, found.id)
            done = await store.noted(unit, found.id)
        content = b"".join(self._seal.open(each.sealed, _label(found.id, each.begins_at)) for each in parts)
        form = form_of(found.name)
        total = await asyncio.to_thread(lambda: sum(1 for _ in read(io.BytesIO(content), form)))
        async with self._database.begin(self._caller) as unit:
            await unit.fetch("UPDATE imports SET lines = $2 WHERE id = $1", found.id, total)
        dry = found.state == ImportState.CHECKING

        async def note(unit: UnitOfWork, outcomes: Sequence[Outcome]) -> None:
            lines = [_line(found.id, each) for each in outcomes]
            if not await store.advance(unit, found.id, found.state, lines, _LEASE):
                raise Stopped
            await store.note(unit, found.id, lines)

        importer = Importer(
            self._database, self._organisations, self._ring.link_secret, mail=found.mail, dry_run=dry, note=note
        )
        async for _ in importer.run(read(io.BytesIO(content), form), known=done):
            pass
        await self._finish(found, ImportState.CHECKED if dry else ImportState.DONE, "", {})

    async def _finish(self, found: Import, state: ImportState, reason: str, params: dict[str, str]) -> None:
        async with self._database.begin(self._caller) as unit:
            now = await store.lock(unit, found.id)
            if now is None or now.state != found.state:
                return
            now.reason, now.params = reason, params
            if state in _ENDED:
                await _end(unit, now, state)
            else:
                now.state, now.changed_at = state, unit.now
            counts = {name: str(getattr(now, name)) for name in ("created", "unchanged", "refused")}
            unit.record(f"import.{state}", target_kind="import", target_id=found.id, reason=reason, **counts)


async def _end(unit: UnitOfWork, found: Import, state: ImportState) -> None:
    """Nothing is left of the file."""
    found.state = state
    found.changed_at = found.finished_at = unit.now
    await unit.flush()
    await store.delete_file(unit, found.id)


def _line(import_id: UUID, outcome: Outcome) -> ImportLine:
    return ImportLine(
        import_id=import_id,
        line=outcome.line,
        outcome=outcome.outcome,
        organisation=outcome.organisation,
        identifier=outcome.identifier,
        reason=outcome.reason,
        params=outcome.params,
    )


def _label(import_id: UUID, offset: int) -> str:
    return f"import {import_id} {offset}"


def _caller(unit: UnitOfWork) -> UUID:
    if unit.caller.account_id is None:
        raise forbidden("right_missing", right=RIGHT)
    return unit.caller.account_id
