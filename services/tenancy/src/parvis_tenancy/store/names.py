"""What the organisation calls today what acts of its audit trail name."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.store.search import patterns

_MOST_PEOPLE = 200
#: Kind of a thing → its names. A person is found by the account of their access and by the one that they joined to it.
_NAMES = {
    "account": """
        SELECT u.id, max(u.name) AS name FROM (
            SELECT account_id AS id, given_name || ' ' || family_name AS name
            FROM memberships WHERE organisation_id = $1
            UNION ALL
            SELECT linked_account_id, given_name || ' ' || family_name FROM memberships WHERE organisation_id = $1
        ) u WHERE u.id = ANY($2::uuid[]) GROUP BY u.id""",
    "membership": """
        SELECT id, given_name || ' ' || family_name AS name FROM memberships
        WHERE organisation_id = $1 AND id = ANY($2::uuid[])""",
    "contact": "SELECT id, name FROM contacts WHERE organisation_id = $1 AND id = ANY($2::uuid[])",
    "profile": "SELECT id, name FROM profiles WHERE organisation_id = $1 AND id = ANY($2::uuid[])",
    "structure": "SELECT id, name FROM structures WHERE organisation_id = $1 AND id = ANY($2::uuid[])",
    # Those of the organisation's provider are seen by policy.
    "product": "SELECT id, name FROM products WHERE $1::uuid IS NOT NULL AND id = ANY($2::uuid[])",
}
_PEOPLE = """
SELECT account_id AS id, given_name || ' ' || family_name AS name FROM memberships
WHERE organisation_id = $1 AND search_key LIKE ALL($2::text[]) ORDER BY kind, sort_key, id LIMIT $3"""


async def of_things(unit: UnitOfWork, things: Mapping[str, Iterable[UUID]]) -> Mapping[tuple[str, UUID], str]:
    """Kind and identifier → name, of what is there."""
    found: dict[tuple[str, UUID], str] = {}
    for kind in _NAMES.keys() & things.keys():
        rows = await unit.fetch(_NAMES[kind], unit.organisation_id, list(things[kind]))
        found |= {(kind, row["id"]): row["name"].strip() for row in rows}
    return found


async def people(unit: UnitOfWork, query: str) -> tuple[list[tuple[UUID, str]], bool]:
    """Accounts and names of those whom a query finds, and whether there are more."""
    rows = await unit.fetch(_PEOPLE, unit.organisation_id, patterns(query), _MOST_PEOPLE + 1)
    return [(row["id"], row["name"].strip()) for row in rows[:_MOST_PEOPLE]], len(rows) > _MOST_PEOPLE
