"""The history of rights: which act led to which revision, and those that changed what one member may do."""

from uuid import UUID

from asyncpg import Record

from parvis_kit.unit import UnitOfWork

# What a member was at each revision; what is theirs; what their profile granted while they had it.
_TOUCHED = """
versions AS (
    SELECT since, NULL::bigint AS until, profile_id FROM memberships WHERE organisation_id = $1 AND id = $2
    UNION ALL
    SELECT since, until, (fact->>'profile_id')::uuid FROM fact_history
    WHERE organisation_id = $1 AND relation = 'memberships' AND fact->>'id' = $2::text),
own AS (
    SELECT since, NULL::bigint AS until FROM personal_rights WHERE organisation_id = $1 AND membership_id = $2
    UNION ALL SELECT since, NULL FROM assignments WHERE organisation_id = $1 AND membership_id = $2
    UNION ALL SELECT since, NULL FROM delegations WHERE organisation_id = $1 AND $2 IN (from_id, to_id)
    UNION ALL
    SELECT since, until FROM fact_history
    WHERE organisation_id = $1 AND relation IN ('personal_rights', 'assignments', 'delegations')
    AND $2::text IN (fact->>'membership_id', fact->>'from_id', fact->>'to_id')),
granted AS (
    SELECT profile_id, since AS revision FROM profile_rights WHERE organisation_id = $1
    UNION
    SELECT (h.fact->>'profile_id')::uuid, r.revision FROM fact_history h
    CROSS JOIN unnest(ARRAY[h.since, h.until]) AS r (revision)
    WHERE h.organisation_id = $1 AND h.relation = 'profile_rights'),
touched AS (
    SELECT since AS revision FROM versions UNION SELECT until FROM versions
    UNION SELECT since FROM own UNION SELECT until FROM own
    UNION SELECT g.revision FROM granted g JOIN versions v ON v.profile_id = g.profile_id
    AND g.revision > v.since AND (v.until IS NULL OR g.revision < v.until))"""
_MATCH = "c.organisation_id = $1 AND ($2::uuid IS NULL OR c.revision IN (SELECT revision FROM touched))"
_COUNT = f"WITH {_TOUCHED} SELECT count(*) FROM rights_changes c WHERE {_MATCH}"  # noqa: S608 - constants
_PAGE = f"""
WITH {_TOUCHED}
SELECT c.revision, c.at, c.membership_id, trim(m.given_name || ' ' || m.family_name) AS name, c.service, c.act, c.reason
FROM rights_changes c LEFT JOIN memberships m ON m.organisation_id = $1 AND m.id = c.membership_id
WHERE {_MATCH} AND ($3::bigint IS NULL OR c.revision < $3) ORDER BY c.revision DESC LIMIT $4"""  # noqa: S608 - constants


async def page(unit: UnitOfWork, about: UUID | None, *, before: int | None, size: int) -> list[Record]:
    """Changes of rights (of what one member may do), the newest first, before a revision."""
    return await unit.fetch(_PAGE, unit.organisation_id, about, before, size)


async def count(unit: UnitOfWork, about: UUID | None) -> int:
    """How many there are."""
    return int((await unit.fetch(_COUNT, unit.organisation_id, about))[0]["count"])
