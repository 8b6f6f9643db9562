"""What people let clients know."""

from collections.abc import Collection
from uuid import UUID

from parvis_kit.unit import UnitOfWork


async def given(unit: UnitOfWork, account_id: UUID, client_id: str) -> frozenset[str]:
    """What a person agreed to let a client know."""
    rows = await unit.fetch("SELECT told FROM consents WHERE account_id = $1 AND client_id = $2", account_id, client_id)
    return frozenset(rows[0]["told"]) if rows else frozenset()


async def give(unit: UnitOfWork, account_id: UUID, client_id: str, told: Collection[str]) -> None:
    """Adds to what a person agreed to."""
    await unit.fetch(_GIVE, account_id, client_id, list(told), unit.now)


_GIVE = """
INSERT INTO consents (account_id, client_id, told, given_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (account_id, client_id) DO UPDATE SET given_at = $4,
    told = ARRAY(SELECT DISTINCT unnest(consents.told || excluded.told) ORDER BY 1)
"""
