"""Seats of products: what is bought, reserved and held."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.seats import Place, Seats
from parvis_tenancy.store import structures

_SUBSCRIBED = """
SELECT p.id, p.name, s.seats, s.provider_id FROM subscriptions s
JOIN products p ON p.provider_id = s.provider_id AND p.id = s.product_id
WHERE s.organisation_id = $1 AND ($2::uuid[] IS NULL OR s.product_id = ANY($2)) ORDER BY p.sort_key, p.id"""
_LOCK = "SELECT 1 FROM subscriptions WHERE organisation_id = $1 AND product_id = ANY($2) ORDER BY product_id FOR UPDATE"
_RESERVED = "SELECT product_id, structure_id, seats FROM structure_seats WHERE organisation_id = $1"
# Whose access is cut holds none: the row waits for their return.
_HELD = """
SELECT a.product_id, m.structure_id, count(*) FROM assignments a
JOIN memberships m ON m.organisation_id = a.organisation_id AND m.id = a.membership_id
WHERE a.organisation_id = $1 AND ($2::uuid[] IS NULL OR a.product_id = ANY($2)) AND m.state IN (1, 2)
GROUP BY a.product_id, m.structure_id"""

_HOLDERS = """
SELECT a.product_id, array_agg(a.membership_id ORDER BY a.membership_id) AS membership_ids FROM assignments a
JOIN memberships m ON m.organisation_id = a.organisation_id AND m.id = a.membership_id
WHERE a.organisation_id = $1 AND m.state IN (1, 2) AND ($2::uuid IS NULL OR a.membership_id = $2)
AND ($3::uuid[] IS NULL OR a.product_id = ANY($3)) GROUP BY a.product_id"""

_BELOW = """
WITH RECURSIVE below AS (
    SELECT id FROM structures WHERE organisation_id = $1 AND id = $2
    UNION SELECT s.id FROM structures s JOIN below b ON s.parent_id = b.id WHERE s.organisation_id = $1)"""
_LACKING = f"""{_BELOW}
SELECT m.id, m.structure_id FROM memberships m
WHERE m.organisation_id = $1 AND m.kind = 1 AND m.state IN (1, 2) AND m.structure_id IN (SELECT id FROM below)
AND NOT EXISTS (SELECT 1 FROM assignments a WHERE a.organisation_id = $1 AND a.product_id = $3
                AND a.membership_id = m.id) ORDER BY m.id"""  # noqa: S608 - constants
_TAKEN_BACK = f"""{_BELOW}
DELETE FROM assignments a USING memberships m
WHERE a.organisation_id = $1 AND a.product_id = $3 AND m.organisation_id = $1 AND m.id = a.membership_id
AND m.structure_id IN (SELECT id FROM below) RETURNING a.membership_id"""  # noqa: S608 - idem
_ASSIGN = """
INSERT INTO assignments (organisation_id, product_id, membership_id)
SELECT $1, $2, unnest($3::uuid[]) ON CONFLICT DO NOTHING"""


async def lock(unit: UnitOfWork, product_ids: Sequence[UUID]) -> None:
    """Makes whoever else counts the seats of these products wait until this transaction ends."""
    await unit.fetch(_LOCK, unit.organisation_id, list(product_ids))


async def subscribed(unit: UnitOfWork, product_ids: Sequence[UUID] | None = None) -> list[tuple[Record, Seats]]:
    """The subscribed products (None named: all) by name, each with its seats."""
    wanted = None if product_ids is None else list(product_ids)
    rows = await unit.fetch(_SUBSCRIBED, unit.organisation_id, wanted)
    reserved: dict[UUID, dict[UUID, int]] = defaultdict(dict)
    for each in await unit.fetch(_RESERVED, unit.organisation_id):
        reserved[each["product_id"]][each["structure_id"]] = each["seats"]
    held: dict[UUID, dict[Place, int]] = defaultdict(dict)
    for each in await unit.fetch(_HELD, unit.organisation_id, wanted):
        held[each["product_id"]][each["structure_id"]] = each["count"]
    tree = await structures.parents(unit) if reserved else {}
    return [(row, Seats(row["seats"], reserved[row["id"]], tree, held[row["id"]])) for row in rows]


async def holders(
    unit: UnitOfWork, membership_id: UUID | None, product_ids: Sequence[UUID] | None
) -> dict[UUID, list[UUID]]:
    """Product → the members (or the one asked for) that hold a seat of it."""
    rows = await unit.fetch(_HOLDERS, unit.organisation_id, membership_id, product_ids)
    return {row["product_id"]: row["membership_ids"] for row in rows}


async def lacking(unit: UnitOfWork, product_id: UUID, structure_id: UUID) -> list[Record]:
    """Invited and active members of a structure and of those below it (`id`, `structure_id`) without the product."""
    return await unit.fetch(_LACKING, unit.organisation_id, structure_id, product_id)


async def assign(unit: UnitOfWork, product_id: UUID, membership_ids: Sequence[UUID]) -> None:
    """Assigns a product to members; what is so stays so."""
    await unit.fetch(_ASSIGN, unit.organisation_id, product_id, list(membership_ids))


async def take_back_below(unit: UnitOfWork, product_id: UUID, structure_id: UUID) -> list[UUID]:
    """Takes a product from all members of a structure and of those below it; returns whom it was taken from."""
    rows = await unit.fetch(_TAKEN_BACK, unit.organisation_id, structure_id, product_id)
    return [row["membership_id"] for row in rows]


async def take_back(unit: UnitOfWork, membership_id: UUID, product_ids: Sequence[UUID] | None = None) -> list[UUID]:
    """Takes products (None named: all) from a member; returns which they had."""
    rows = await unit.fetch(
        "DELETE FROM assignments WHERE organisation_id = $1 AND membership_id = $2"
        " AND ($3::uuid[] IS NULL OR product_id = ANY($3)) RETURNING product_id",
        unit.organisation_id,
        membership_id,
        None if product_ids is None else list(product_ids),
    )
    return [row["product_id"] for row in rows]


async def products_of(unit: UnitOfWork, membership_id: UUID) -> list[UUID]:
    """The products that a member is assigned, whether or not they hold the seats now."""
    rows = await unit.fetch(
        "SELECT product_id FROM assignments WHERE organisation_id = $1 AND membership_id = $2 ORDER BY product_id",
        unit.organisation_id,
        membership_id,
    )
    return [row["product_id"] for row in rows]


async def reserve(unit: UnitOfWork, product_id: UUID, structure_id: UUID, seats: int | None) -> None:
    """Reserves a part of a product's seats to a structure, or nothing any more."""
    key = (unit.organisation_id, product_id, structure_id)
    if seats is None:
        await unit.fetch(
            "DELETE FROM structure_seats WHERE organisation_id = $1 AND product_id = $2 AND structure_id = $3", *key
        )
        return
    await unit.fetch(
        "INSERT INTO structure_seats (organisation_id, product_id, structure_id, seats) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (organisation_id, product_id, structure_id) DO UPDATE SET seats = excluded.seats",
        *key,
        seats,
    )
