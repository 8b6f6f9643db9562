"""What a place in the hierarchy lets members reach."""

from collections.abc import Collection
from uuid import UUID

from parvis_kit.unit import UnitOfWork

_MORE = """
SELECT count(DISTINCT a.contact_id) FROM contact_advisers a
WHERE a.organisation_id = $1 AND a.membership_id = ANY($2) AND NOT EXISTS (
    SELECT FROM contact_advisers b
    WHERE b.organisation_id = $1 AND b.contact_id = a.contact_id AND b.membership_id = ANY($3))"""


async def contacts_of(unit: UnitOfWork, advisers: Collection[UUID], *, but: Collection[UUID]) -> int:
    """How many contacts have one of these advisers, and none of the others."""
    rows = await unit.fetch(_MORE, unit.organisation_id, list(advisers), list(but))
    return int(rows[0]["count"])
