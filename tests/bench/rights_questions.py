"""Questions about contacts of a large firm, with what is known of each: the same ones for everybody who answers."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from rights_population import LargeFirm

from parvis_local.suite import Suite

RIGHTS = (
    "contacts.read", "contacts.edit", "accesses.manage", "documents.read", "documents.file", "invoices.read",
    "invoices.edit", "invoices.close",
)  # fmt: skip

NEAR = 0.5

_CONTACTS = """
SELECT c.id, array_agg(a.membership_id) AS advisers FROM (
    SELECT id FROM contacts WHERE organisation_id = $1 ORDER BY uuid_hash(id) LIMIT $2) c
JOIN contact_advisers a ON a.organisation_id = $1 AND a.contact_id = c.id GROUP BY c.id"""


@dataclass(frozen=True, slots=True)
class Question:
    """May the member with that number do this to the contact, which has these advisers?"""

    member: int
    right: str
    contact: UUID
    advisers: frozenset[UUID]
    expected: bool


async def drawn(suite: Suite, firm: LargeFirm, count: int) -> Sequence[Question]:
    """Half of them near the contact (an adviser, or whoever is above one), half of any member: yes and no."""
    connection = await asyncpg.connect(suite.superuser_url("tenancy"))
    try:
        rows = await connection.fetch(_CONTACTS, firm.organisation_id, count)
    finally:
        await connection.close()
    chance, numbers = random.Random(7), {each: number for number, each in enumerate(firm.members)}
    found = []
    for row in rows:
        near = numbers[row["advisers"][0]]
        member = (
            chance.choice((near, *firm.above(near))) if chance.random() < 0.5 else chance.randrange(len(firm.members))
        )
        advisers, reach = frozenset(row["advisers"]), firm.reach(member)
        found.append(
            Question(member, chance.choice(RIGHTS), row["id"], advisers, reach is None or bool(reach & advisers))
        )
    chance.shuffle(found)
    return found
