"""Delegations: who stands in for whom."""

from uuid import UUID

from asyncpg import Record

from parvis_kit.paging import Cursor
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.models import Delegation

_MATCH = """
d.organisation_id = $1 AND ($2::uuid IS NULL OR $2 IN (d.from_id, d.to_id))
AND ($3 OR (d.ended_at IS NULL AND d.ends_at > $4))"""
_SHOWN = """
SELECT d.id, d.from_id, d.to_id, d.codes, d.starts_at, d.ends_at, d.ended_at, d.reason, d.created_at,
       f.given_name || ' ' || f.family_name AS from_name, t.given_name || ' ' || t.family_name AS to_name
FROM delegations d
JOIN memberships f ON f.organisation_id = d.organisation_id AND f.id = d.from_id
JOIN memberships t ON t.organisation_id = d.organisation_id AND t.id = d.to_id"""
_COUNT = f"SELECT count(*) FROM delegations d WHERE {_MATCH}"  # noqa: S608 - constants
_PAGE = f"{_SHOWN} WHERE {_MATCH} AND ($5::uuid IS NULL OR d.id < $5) ORDER BY d.id DESC LIMIT $6"
_DEPUTIES = """
SELECT DISTINCT to_id FROM delegations
WHERE organisation_id = $1 AND from_id = ANY($2) AND ended_at IS NULL AND ends_at > $3"""
_ONE = f"{_SHOWN} WHERE d.organisation_id = $1 AND d.id = $2"


async def deputies(unit: UnitOfWork, *membership_ids: UUID) -> list[UUID]:
    """Who stands in for one of these members now, or will."""
    return [row["to_id"] for row in await unit.fetch(_DEPUTIES, unit.organisation_id, list(membership_ids), unit.now)]


async def load(unit: UnitOfWork, delegation_id: UUID) -> Delegation | None:
    """A delegation to change, locked."""
    return await unit.get(Delegation, (unit.organisation_id, delegation_id), lock=True)


async def one(unit: UnitOfWork, delegation_id: UUID) -> Record:
    """A delegation that is there, as lists show it."""
    return (await unit.fetch(_ONE, unit.organisation_id, delegation_id))[0]


async def page(
    unit: UnitOfWork, membership_id: UUID | None, *, over: bool, after: Cursor | None, size: int
) -> tuple[list[Record], int]:
    """Delegations (from or to one member), the newest first after the cursor, and how many there are. `over`: also
    those that count no more.
    """
    matched = (unit.organisation_id, membership_id, over, unit.now)
    rows = await unit.fetch(_PAGE, *matched, None if after is None else after.id, size)
    if after is not None:
        return rows, after.total
    return rows, int((await unit.fetch(_COUNT, *matched))[0]["count"])
