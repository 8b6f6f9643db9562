"""A firm is erased: its own accounts are, as anybody's who asks for it; then what the firm had set up."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from parvis_identity.service import erasures
from parvis_kit.bus import Delivery, Retry

_AT_ONCE: Final = 200
_SOON: Final = 10.0  # s
_LEFT = """
SELECT a.id FROM accounts a WHERE a.organisation_id = $1 AND NOT EXISTS (
    SELECT FROM erasures e WHERE e.account_id = a.id AND e.ended_at IS NULL AND e.due_at <= $2) LIMIT $3"""
_ANY = "SELECT FROM accounts WHERE organisation_id = $1 LIMIT 1"


async def accounts_gone(delivery: Delivery, organisation_id: UUID) -> None:
    """Has the accounts of the firm erased, which ends their sessions at once. Raises Retry until all of them are."""
    while True:
        async with delivery.begin() as unit:
            found = await unit.fetch(_LEFT, organisation_id, unit.now, _AT_ONCE)
            for row in found:
                await erasures.ask(unit, row["id"], by="organisation", within=timedelta(0))
        if not found:
            break
    async with delivery.begin() as unit:
        if await unit.fetch(_ANY, organisation_id):
            raise Retry(_SOON)
