"""Anchors, and the heads that they cover. Both tables are global: every function works without an organisation."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.anchors import Chain, Head

#: One anchor at a time, in all replicas.
_LOCK = 0x7061727669730005
_HEADS = """
SELECT DISTINCT ON (organisation_id, service) organisation_id, service, seq, digest, began, broken FROM anchored_heads
WHERE anchor <= $1 ORDER BY organisation_id, service, anchor DESC"""
#: What the next anchor says of each chain beside where it ends, whatever an older release wrote in between: that one
#: says neither. A chain that it was the first to anchor has been there, for anchors that say so, since the next one.
#: Gone: the newest row says of an end that was anchored before that the chain was broken then.
_SAID = """
SELECT DISTINCT ON (organisation_id, service) organisation_id, service, seq, digest,
    CASE WHEN max(began) OVER w = 0 AND min(anchor) OVER w > s.number THEN $1 + 1 ELSE max(began) OVER w END AS began,
    max(broken) OVER w AS broken, anchor = broken AND digest = lag(digest) OVER (w ORDER BY anchor) AS gone
FROM anchored_heads, (SELECT min(number) AS number FROM anchors WHERE (statement::jsonb ->> 'version')::int > 1) s
WHERE anchor <= $1 WINDOW w AS (PARTITION BY organisation_id, service)
ORDER BY organisation_id, service, anchor DESC"""
_KEEP = """
INSERT INTO anchored_heads (organisation_id, service, anchor, seq, digest, began, broken)
SELECT organisation_id, service, $1, seq, digest, began, broken
FROM unnest($2::uuid[], $3::varchar[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bigint[])
    AS h (organisation_id, service, seq, digest, began, broken)"""


async def hold(unit: UnitOfWork) -> None:
    """Until the end of the transaction nobody else makes an anchor."""
    await unit.fetch("SELECT pg_advisory_xact_lock($1)", _LOCK)


async def today(unit: UnitOfWork) -> Record:
    """The day and the moment by the database's clock, and whether the day has an anchor."""
    rows = await unit.fetch("""
        SELECT now() AS now, (now() AT TIME ZONE 'UTC')::date AS day,
               EXISTS (SELECT 1 FROM anchors WHERE day >= (now() AT TIME ZONE 'UTC')::date) AS done""")
    return rows[0]


async def last(unit: UnitOfWork) -> Record | None:
    """The newest anchor."""
    rows = await unit.fetch("SELECT number, day, statement FROM anchors ORDER BY number DESC LIMIT 1")
    return rows[0] if rows else None


async def last_made(unit: UnitOfWork) -> datetime | None:
    """When the newest anchor was made."""
    rows = await unit.fetch("SELECT made_at FROM anchors ORDER BY number DESC LIMIT 1")
    return rows[0]["made_at"] if rows else None


async def behind(unit: UnitOfWork, number: int, size: int) -> list[Record]:
    """Anchors behind a number, oldest first."""
    query = "SELECT number, statement, signatures FROM anchors WHERE number > $1 ORDER BY number LIMIT $2"
    return await unit.fetch(query, number, size)


async def covering(unit: UnitOfWork, service: str, organisation_id: UUID, seq: int) -> Record | None:
    """The first anchor at which a chain had reached a place."""
    rows = await unit.fetch(
        """
        SELECT a.number, a.statement, a.signatures FROM anchored_heads h JOIN anchors a ON a.number = h.anchor
        WHERE h.service = $1 AND h.organisation_id = $2 AND h.seq >= $3 ORDER BY h.anchor LIMIT 1""",
        service,
        organisation_id,
        seq,
    )
    return rows[0] if rows else None


async def heads(unit: UnitOfWork, number: int) -> list[Head]:
    """All heads as an anchor covers them, in the order of its leaves."""
    return [Head(*row) for row in await unit.fetch(_HEADS, number)]


async def said(unit: UnitOfWork, number: int) -> tuple[list[Head], set[Chain]]:
    """All heads as the anchor behind `number` says them if nothing happens, and the chains that were gone already."""
    rows = await unit.fetch(_SAID, number)
    heads = [Head(*list(row)[:-1]) for row in rows]
    return heads, {head.chain for head, row in zip(heads, rows, strict=True) if row["gone"]}


async def broken(unit: UnitOfWork) -> int:
    """How many chains the anchors of the last week found to be others than were anchored before."""
    rows = await unit.fetch("""
        SELECT count(DISTINCT (organisation_id, service)) AS count
        FROM anchored_heads h JOIN anchors a ON a.number = h.broken
        WHERE a.made_at > now() - interval '7 days'""")
    return int(rows[0]["count"])


async def written(unit: UnitOfWork, number: int) -> list[Head]:
    """The heads that were written with one anchor: those that had moved."""
    query = "SELECT organisation_id, service, seq, digest, began, broken FROM anchored_heads WHERE anchor = $1"
    return [Head(*row) for row in await unit.fetch(query, number)]


async def keep(
    unit: UnitOfWork, today: Record, number: int, text: str, signatures: Sequence[bytes], moved: Iterable[Head]
) -> None:
    """Writes an anchor and the heads that moved since the one before."""
    await unit.fetch(
        "INSERT INTO anchors (number, day, made_at, statement, signatures) VALUES ($1, $2, $3, $4, $5)",
        number, today["day"], today["now"], text, list(signatures),
    )  # fmt: skip
    rows = [astuple(each) for each in moved]
    if rows:
        await unit.fetch(_KEEP, number, *(list(column) for column in zip(*rows, strict=True)))
