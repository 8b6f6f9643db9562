"""When a firm's administrators were told of refused sign-ins that smell of an attack, and what came since."""

from datetime import datetime
from uuid import UUID

from parvis_identity.models import SsoProvider, SsoWarning
from parvis_kit.unit import UnitOfWork


async def first(unit: UnitOfWork, provider: SsoProvider, check: str) -> SsoWarning | None:
    """Notes that the firm of a provider is told now, where it never was (or so long ago that nothing is known of it);
    else what was noted then, kept from others until the transaction ends.
    """
    firm = provider.organisation_id
    if await unit.fetch(_FIRST, firm, unit.now, provider.id, provider.name, check):
        return None
    return await unit.get(SsoWarning, firm, lock=True)


_FIRST = """
INSERT INTO sso_warnings (organisation_id, told_at, provider_id, provider, last_check, since)
VALUES ($1, $2, $3, $4, $5, '{}') ON CONFLICT (organisation_id) DO NOTHING RETURNING 1
"""


async def waiting(unit: UnitOfWork, told_before: datetime) -> UUID | None:
    """A firm that was told before then, and of nothing that came since."""
    rows = await unit.fetch(_WAITING, told_before)
    return rows[0]["organisation_id"] if rows else None


_WAITING = "SELECT organisation_id FROM sso_warnings WHERE told_at <= $1 AND since <> '{}' LIMIT 1"
