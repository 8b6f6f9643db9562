"""Where the rights of members differ from their profile's."""

from collections.abc import Mapping
from uuid import UUID

from parvis_kit.unit import UnitOfWork

_OF_PROFILE = """
SELECT r.membership_id, r.code, r.scope FROM personal_rights r
JOIN memberships m ON m.organisation_id = $1 AND m.id = r.membership_id
WHERE r.organisation_id = $1 AND m.profile_id = $2 ORDER BY r.membership_id, r.code"""
_KEEP = """
INSERT INTO personal_rights AS kept (organisation_id, membership_id, code, scope)
SELECT $1, $2, code, scope FROM unnest($3::varchar[], $4::smallint[]) AS wanted (code, scope)
ON CONFLICT (organisation_id, membership_id, code) DO UPDATE SET scope = EXCLUDED.scope
WHERE kept.scope <> EXCLUDED.scope"""


async def of_member(unit: UnitOfWork, membership_id: UUID) -> Mapping[str, int]:
    """What one member has otherwise than their profile: code → scope, or 0 for none."""
    rows = await unit.fetch(
        "SELECT code, scope FROM personal_rights WHERE organisation_id = $1 AND membership_id = $2 ORDER BY code",
        unit.organisation_id,
        membership_id,
    )
    return {row["code"]: row["scope"] for row in rows}


async def of_profile(unit: UnitOfWork, profile_id: UUID) -> Mapping[UUID, Mapping[str, int]]:
    """The same of every member with a profile who has something otherwise."""
    found: dict[UUID, dict[str, int]] = {}
    for row in await unit.fetch(_OF_PROFILE, unit.organisation_id, profile_id):
        found.setdefault(row["membership_id"], {})[row["code"]] = row["scope"]
    return found


async def replace(unit: UnitOfWork, membership_id: UUID, difference: Mapping[str, int]) -> None:
    """Gives a member exactly this difference."""
    codes, scopes = list(difference), [int(scope) for scope in difference.values()]
    await unit.fetch(
        "DELETE FROM personal_rights WHERE organisation_id = $1 AND membership_id = $2 AND code <> ALL($3)",
        unit.organisation_id,
        membership_id,
        codes,
    )
    await unit.fetch(_KEEP, unit.organisation_id, membership_id, codes, scopes)
