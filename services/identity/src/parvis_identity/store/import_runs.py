"""Imports that go on in the background: their files, their lines, whose turn it is."""

import json
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlmodel import col

from parvis_identity.models import Import, ImportLine, ImportPart
from parvis_kit.unit import UnitOfWork

_CLAIM = """
UPDATE imports SET leased_until = $2 WHERE id = (
    SELECT id FROM imports WHERE state IN ('checking', 'importing') AND leased_until <= $1
     ORDER BY created_at LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id"""
_NOTE = """
INSERT INTO import_lines (import_id, line, outcome, organisation, identifier, reason, params)
SELECT $1, * FROM unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[])
ON CONFLICT DO NOTHING"""
_ADVANCE = """
UPDATE imports SET created = created + $3, unchanged = unchanged + $4, refused = refused + $5, changed_at = $6,
       leased_until = $7
 WHERE id = $1 AND state = $2 RETURNING id"""


async def claim(unit: UnitOfWork, lease: timedelta) -> Import | None:
    """An import that waits to go on, ours until the lease ends."""
    rows = await unit.fetch(_CLAIM, unit.now, unit.now + lease)
    return await unit.get(Import, rows[0]["id"]) if rows else None


async def lock(unit: UnitOfWork, import_id: UUID) -> Import | None:
    """An import, kept from other writers until the transaction ends."""
    return await unit.get(Import, import_id, lock=True)


async def latest(unit: UnitOfWork, most: int) -> Sequence[Import]:
    """Imports, newest first."""
    rows: Sequence[Import] = await unit.scalars(select(Import).order_by(col(Import.created_at).desc()).limit(most))
    return rows


async def open_count(unit: UnitOfWork) -> int:
    """How many have a file."""
    return int(await unit.scalar(select(func.count(func.distinct(col(ImportPart.import_id))))) or 0)


async def parts(unit: UnitOfWork, import_id: UUID) -> Sequence[ImportPart]:
    """The parts of a file in their order."""
    query = select(ImportPart).where(col(ImportPart.import_id) == import_id).order_by(col(ImportPart.begins_at))
    rows: Sequence[ImportPart] = await unit.scalars(query)
    return rows


async def delete_file(unit: UnitOfWork, import_id: UUID) -> None:
    """Nothing is left of what was sent."""
    await unit.execute(delete(ImportPart).where(col(ImportPart.import_id) == import_id))


async def delete_lines(unit: UnitOfWork, import_id: UUID) -> None:
    """Forgets what a dry run said."""
    await unit.execute(delete(ImportLine).where(col(ImportLine.import_id) == import_id))


async def note(unit: UnitOfWork, import_id: UUID, lines: Sequence[ImportLine]) -> None:
    """Keeps what became of lines."""
    names = ("line", "outcome", "organisation", "identifier", "reason")
    columns = [[getattr(each, name) for each in lines] for name in names]
    await unit.fetch(_NOTE, import_id, *columns, [json.dumps(each.params) for each in lines])


async def advance(unit: UnitOfWork, import_id: UUID, state: str, lines: Sequence[ImportLine], lease: timedelta) -> bool:
    """Counts lines, and holds the lease; False when the import is not in this state any more."""
    counts = [sum(each.outcome == name for each in lines) for name in ("created", "unchanged", "refused")]
    return bool(await unit.fetch(_ADVANCE, import_id, state, *counts, unit.now, unit.now + lease))


async def noted(unit: UnitOfWork, import_id: UUID) -> frozenset[int]:
    """Numbers of the lines that are done."""
    rows = await unit.fetch("SELECT line FROM import_lines WHERE import_id = $1", import_id)
    return frozenset(row["line"] for row in rows)


async def lines(unit: UnitOfWork, import_id: UUID, *, after: int, notable: bool, most: int) -> Sequence[ImportLine]:
    """What became of lines, in the order of the file."""
    query = select(ImportLine).where(col(ImportLine.import_id) == import_id, col(ImportLine.line) > after)
    if notable:
        query = query.where((col(ImportLine.outcome) == "refused") | (col(ImportLine.reason) != ""))
    rows: Sequence[ImportLine] = await unit.scalars(query.order_by(col(ImportLine.line)).limit(most))
    return rows


async def sweep(unit: UnitOfWork) -> None:
    """Deletes files that nobody went on with for a day, and imports of a year ago."""
    old = unit.now - timedelta(days=1)
    await unit.fetch(
        "UPDATE imports SET state = 'discarded', finished_at = $2 WHERE state IN ('receiving', 'checked')"
        " AND changed_at < $1",
        old, unit.now,
    )  # fmt: skip
    ended = "SELECT id FROM imports WHERE state IN ('done', 'failed', 'discarded')"
    await unit.fetch(f"DELETE FROM import_parts WHERE import_id IN ({ended})")  # noqa: S608 - a query of ours
    await unit.execute(delete(Import).where(col(Import.created_at) < unit.now - timedelta(days=365)))
