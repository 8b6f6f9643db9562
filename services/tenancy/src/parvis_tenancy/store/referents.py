"""Who is charged with which duty, and was before; who at the provider manages customers."""

from collections.abc import Sequence
from uuid import UUID

from asyncpg import Record

from parvis_kit.unit import UnitOfWork

_NAMES = "m.given_name || ' ' || m.family_name AS name, m.mail, m.function"
_NOW = f"""
SELECT r.duty, r.membership_id, {_NAMES}, c.at AS since, NULL::timestamptz AS until FROM referents r
JOIN memberships m ON m.organisation_id = r.organisation_id AND m.id = r.membership_id
LEFT JOIN rights_changes c ON c.organisation_id = r.organisation_id AND c.revision = r.since
WHERE r.organisation_id = $1 AND m.state = 2 ORDER BY r.duty, m.sort_key, m.id"""  # noqa: S608 - constants
_BEFORE = f"""
SELECT (h.fact->>'duty')::int AS duty, m.id AS membership_id, {_NAMES}, began.at AS since, ended.at AS until
FROM fact_history h
JOIN memberships m ON m.organisation_id = h.organisation_id AND m.id = (h.fact->>'membership_id')::uuid
LEFT JOIN rights_changes began ON began.organisation_id = h.organisation_id AND began.revision = h.since
LEFT JOIN rights_changes ended ON ended.organisation_id = h.organisation_id AND ended.revision = h.until
WHERE h.organisation_id = $1 AND h.relation = 'referents' ORDER BY h.until DESC, m.sort_key, m.id LIMIT $2"""  # noqa: S608 - idem


async def now(unit: UnitOfWork) -> list[Record]:
    """Active members with a duty, by duty and name."""
    return await unit.fetch(_NOW, unit.organisation_id)


async def before(unit: UnitOfWork, most: int) -> list[Record]:
    """Who had a duty and has it no more, the newest first."""
    return await unit.fetch(_BEFORE, unit.organisation_id, most)


async def charge(unit: UnitOfWork, duty: int, membership_ids: Sequence[UUID]) -> bool:
    """Charges exactly these members with a duty; says whether that changed anything."""
    key = (unit.organisation_id, duty, list(membership_ids))
    gone = await unit.fetch(
        "DELETE FROM referents WHERE organisation_id = $1 AND duty = $2 AND membership_id <> ALL($3) RETURNING 1", *key
    )
    come = await unit.fetch(
        "INSERT INTO referents (organisation_id, duty, membership_id) SELECT $1, $2, unnest($3::uuid[])"
        " ON CONFLICT DO NOTHING RETURNING 1",
        *key,
    )
    return bool(gone or come)


async def staff(unit: UnitOfWork, membership_ids: Sequence[UUID]) -> list[Record]:
    """Names and functions of members, by name."""
    return await unit.fetch(
        "SELECT id, given_name || ' ' || family_name AS name, function FROM memberships"
        " WHERE organisation_id = $1 AND id = ANY($2) ORDER BY sort_key, id",
        unit.organisation_id,
        list(membership_ids),
    )
