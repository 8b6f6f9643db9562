"""Rows of closings."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.models import Closing

_OPEN = "SELECT id FROM closings WHERE organisation_id = $1 AND ended_at IS NULL"
_DUE = """
SELECT id FROM closings WHERE ended_at IS NULL AND due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED"""
_NEAR = """
SELECT id FROM closings WHERE ended_at IS NULL AND warned_at IS NULL AND due_at <= $1 AND due_at > $2
ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED"""
_ANSWER = """
INSERT INTO closing_answers (closing_id, service, erased, kept, at)
SELECT id, $2, $3::jsonb, $4::jsonb, $5 FROM closings WHERE id = $1 ON CONFLICT DO NOTHING"""
_LISTED = """
SELECT c.digest, o.slug, c.asked_at, c.due_at, c.ended_at, c.ended_as,
       coalesce(array_agg(a.service ORDER BY a.service) FILTER (WHERE a.service IS NOT NULL), '{}') AS answered
FROM closings c LEFT JOIN closing_answers a ON a.closing_id = c.id
LEFT JOIN organisation_directory o ON o.organisation_id = c.organisation_id
GROUP BY c.id, o.slug ORDER BY c.asked_at"""
# The heads of trails stay: an organisation that another service's restore brought back is found by them too.
_AGAIN = """
SELECT organisation_id AS id FROM audit_heads
WHERE encode(sha256(convert_to(organisation_id::text, 'UTF8')), 'hex') = ANY($1)"""
_ADMINISTRATORS = """
SELECT id, account_id, given_name, family_name, mail, locale FROM memberships
WHERE organisation_id = $1 AND kind = 1 AND state = 2 AND profile_built_in = 'administrator' AND tier_id IS NULL
ORDER BY sort_key, id LIMIT 200"""
_ENTERING = "SELECT id, account_id FROM memberships WHERE organisation_id = $1 AND state IN (1, 2)"


async def waiting(unit: UnitOfWork, organisation_id: UUID) -> Closing | None:
    """The closing of an organisation, locked."""
    rows = await unit.fetch(_OPEN, organisation_id)
    found = await unit.get(Closing, rows[0]["id"], lock=True) if rows else None
    return None if found is None or found.ended_at is not None else found


async def closes_at(unit: UnitOfWork, organisation_id: UUID) -> datetime | None:
    """From when on an organisation is erased; None: it is not being closed."""
    query = "SELECT due_at FROM closings WHERE organisation_id = $1 AND ended_at IS NULL"
    rows = await unit.fetch(query, organisation_id)
    return rows[0]["due_at"] if rows else None


async def closing_among(unit: UnitOfWork, organisation_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """From when on those of these organisations are erased that are being closed."""
    query = "SELECT organisation_id, due_at FROM closings WHERE organisation_id = ANY($1) AND ended_at IS NULL"
    return {row["organisation_id"]: row["due_at"] for row in await unit.fetch(query, organisation_ids)}


async def due(unit: UnitOfWork) -> Closing | None:
    """One whose day has come, locked; those that another replica works on are left to it."""
    rows = await unit.fetch(_DUE, unit.now)
    return await unit.get(Closing, rows[0]["id"], lock=True) if rows else None


async def near(unit: UnitOfWork, within: timedelta) -> Closing | None:
    """One whose day is near and nobody was told, locked."""
    rows = await unit.fetch(_NEAR, unit.now + within, unit.now)
    return await unit.get(Closing, rows[0]["id"], lock=True) if rows else None


async def answered(
    unit: UnitOfWork, closing_id: UUID, service: str, erased: Mapping[str, int], kept: Mapping[str, int]
) -> None:
    """Keeps what a service answered; the first answer counts."""
    await unit.fetch(_ANSWER, closing_id, service, json.dumps(dict(erased)), json.dumps(dict(kept)), unit.now)


async def listed(unit: UnitOfWork) -> Sequence[Record]:
    """All closings, the oldest first, with the services that have answered."""
    return await unit.fetch(_LISTED)


async def organisations_of(unit: UnitOfWork, digests: Collection[str]) -> list[UUID]:
    """Organisations that there are or were, among those with these digests."""
    return [row["id"] for row in await unit.fetch(_AGAIN, list(digests))]


async def administrators(unit: UnitOfWork) -> Sequence[Record]:
    """Who administers the whole organisation of the transaction, by name."""
    return await unit.fetch(_ADMINISTRATORS, unit.organisation_id)


async def entering(unit: UnitOfWork) -> Sequence[Record]:
    """Memberships of the organisation that let somebody in."""
    return await unit.fetch(_ENTERING, unit.organisation_id)
