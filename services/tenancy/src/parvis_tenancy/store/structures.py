"""The tree of structures, and what uses them."""

from uuid import UUID

from parvis_kit.unit import UnitOfWork

_USES = """
SELECT (SELECT count(*) FROM structures s WHERE s.organisation_id = $1 AND s.parent_id = $2) AS structures,
       (SELECT count(*) FROM memberships m WHERE m.organisation_id = $1 AND m.structure_id = $2
        AND m.state <> 4) AS members,
       (SELECT count(*) FROM memberships m WHERE m.organisation_id = $1 AND m.tier_id = $2 AND m.state <> 4) AS tiers,
       (SELECT count(*) FROM structure_seats t WHERE t.organisation_id = $1 AND t.structure_id = $2) AS products"""
_FORGET = """
UPDATE memberships SET structure_id = nullif(structure_id, $2), tier_id = nullif(tier_id, $2)
WHERE organisation_id = $1 AND state = 4 AND $2 IN (structure_id, tier_id)"""


async def parents(unit: UnitOfWork) -> dict[UUID, UUID | None]:
    """Each structure, and the one that it is part of."""
    rows = await unit.fetch("SELECT id, parent_id FROM structures WHERE organisation_id = $1", unit.organisation_id)
    return {row["id"]: row["parent_id"] for row in rows}


async def uses(unit: UnitOfWork, structure_id: UUID) -> dict[str, int]:
    """What keeps a structure: `structures` that are part of it, `members` in it (whatever their access), `tiers` that
    administer it, `products` with seats reserved to it.
    """
    return dict((await unit.fetch(_USES, unit.organisation_id, structure_id))[0])


async def forget_withdrawn(unit: UnitOfWork, structure_id: UUID) -> None:
    """Takes invitations that were withdrawn out of a structure."""
    await unit.fetch(_FORGET, unit.organisation_id, structure_id)
