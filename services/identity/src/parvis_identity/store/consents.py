"""What people let clients know."""

from collections.abc import Collection
from uuid import UUID

from asyncpg import Record

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


async def knowing(unit: UnitOfWork, account_id: UUID, *, but: str) -> list[Record]:
    """The clients that know a person, by name: `client_id`, `name`, `told`, `given_at`, `signed_in_at`."""
    return await unit.fetch(_KNOWING, account_id, but)


_KNOWING = """
SELECT c.client_id, c.name, coalesce(co.told, string_to_array(g.scope, ' '), '{}') AS told, co.given_at, g.signed_in_at
  FROM (SELECT client_id FROM consents WHERE account_id = $1
        UNION SELECT client_id FROM grants WHERE account_id = $1 AND revoked_at IS NULL) k
  JOIN clients c ON c.client_id = k.client_id
  LEFT JOIN consents co ON co.account_id = $1 AND co.client_id = k.client_id
  LEFT JOIN LATERAL (
      SELECT x.scope, x.created_at AS signed_in_at FROM grants x JOIN sessions s ON s.id = x.session_id
       WHERE x.account_id = $1 AND x.client_id = k.client_id AND x.revoked_at IS NULL AND s.ended_at IS NULL
       ORDER BY x.created_at DESC LIMIT 1) g ON true
 WHERE k.client_id <> $2 AND (co.given_at IS NOT NULL OR g.signed_in_at IS NOT NULL)
 ORDER BY lower(c.name), c.client_id LIMIT 100
"""


async def withdraw(unit: UnitOfWork, account_id: UUID, client_id: str) -> bool:
    """Forgets what a person agreed to let a client know, and revokes what it was granted, with a notice for each
    session; whether there was anything.
    """
    revoked = await unit.fetch(_REVOKE, account_id, client_id, unit.now)
    forgotten = await unit.fetch(
        "DELETE FROM consents WHERE account_id = $1 AND client_id = $2 RETURNING 1", account_id, client_id
    )
    return bool(revoked or forgotten)


_REVOKE = """
WITH revoked AS (
    UPDATE grants SET revoked_at = $3 WHERE account_id = $1 AND client_id = $2 AND revoked_at IS NULL
    RETURNING id, session_id
), told AS (
    INSERT INTO logout_notices (id, client_id, account_id, session_id, created_at, due_at, attempts, trouble)
    SELECT gen_random_uuid(), $2, $1, r.session_id, $3, $3, 0, ''
      FROM (SELECT DISTINCT session_id FROM revoked) r JOIN clients c ON c.client_id = $2
     WHERE c.backchannel_logout_uri <> ''
)
SELECT id FROM revoked
"""
