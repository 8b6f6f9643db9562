"""Whether tokens count. Written by hand: resource servers ask it with every request that they get."""

from datetime import datetime
from uuid import UUID

from parvis_identity.domain import sessions as rules
from parvis_kit.unit import UnitOfWork


async def counts(unit: UnitOfWork, grant_id: UUID, jti: str) -> bool:
    """Whether an access token of a grant, that has not expired, was not revoked: neither alone nor with the grant, its
    session or its account.
    """
    return bool(await unit.fetch(_COUNTS, grant_id, jti, unit.now - rules.LIVES.idle, unit.now - rules.LIVES.absolute))


_COUNTS = """
SELECT 1 FROM grants g JOIN accounts a ON a.id = g.account_id JOIN sessions s ON s.id = g.session_id
 WHERE g.id = $1 AND g.revoked_at IS NULL AND a.state = 'active' AND s.ended_at IS NULL AND s.last_seen_at > $3
   AND s.started_at > $4 AND NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.jti = $2)
"""


async def is_revoked(unit: UnitOfWork, jti: str) -> bool:
    """Whether an access token was revoked alone."""
    return bool(await unit.fetch("SELECT 1 FROM revoked_tokens WHERE jti = $1", jti))


async def revoke(unit: UnitOfWork, jti: str, expires_at: datetime) -> bool:
    """Revokes an access token alone; False when it was."""
    return bool(await unit.fetch(_REVOKE, jti, expires_at))


_REVOKE = "INSERT INTO revoked_tokens (jti, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1"
