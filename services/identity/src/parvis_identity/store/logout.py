"""The queue of logout notices, and whom an end concerns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from parvis_kit.unit import UnitOfWork

#: How long a notice stays after it was told or given up: somebody may ask what became of it.
KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Due:
    """A notice that is ours to send now."""

    id: UUID
    client_id: str
    account_id: UUID
    session_id: UUID
    created_at: datetime
    #: This one included.
    attempts: int


async def queue_for_sessions(unit: UnitOfWork, account_id: UUID, sessions: Sequence[UUID]) -> None:
    """A notice for each client that was told who somebody is in these sessions, and wants to know of their end."""
    if sessions:
        await unit.fetch(_QUEUE, account_id, list(sessions), unit.now)


_QUEUE = """
INSERT INTO logout_notices (id, client_id, account_id, session_id, created_at, due_at, attempts, trouble)
SELECT gen_random_uuid(), g.client_id, $1, g.session_id, $3, $3, 0, ''
  FROM (SELECT DISTINCT client_id, session_id FROM grants WHERE account_id = $1 AND session_id = ANY($2)
           AND NOT EXISTS (SELECT 1 FROM trials t WHERE t.grant_id = grants.id)) g
  JOIN clients c ON c.client_id = g.client_id WHERE c.backchannel_logout_uri <> ''
"""


async def revoke_for_organisation(
    unit: UnitOfWork, account_id: UUID, organisation_id: UUID, until: datetime
) -> list[UUID]:
    """Revokes what an account was granted for an organisation up to a moment, with a notice for each client; the ids of
    the grants.
    """
    return [row["id"] for row in await unit.fetch(_REVOKE, account_id, organisation_id, until, unit.now)]


_REVOKE = """
WITH revoked AS (
    UPDATE grants SET revoked_at = $4
     WHERE account_id = $1 AND organisation_id = $2 AND created_at <= $3 AND revoked_at IS NULL
    RETURNING id, client_id, session_id
), told AS (
    INSERT INTO logout_notices (id, client_id, account_id, session_id, created_at, due_at, attempts, trouble)
    SELECT gen_random_uuid(), r.client_id, $1, r.session_id, $4, $4, 0, ''
      FROM (SELECT DISTINCT client_id, session_id FROM revoked) r
      JOIN clients c ON c.client_id = r.client_id WHERE c.backchannel_logout_uri <> ''
)
SELECT id FROM revoked
"""


async def claim(unit: UnitOfWork, *, most: int, of_one_client: int, but: Sequence[str], lease: timedelta) -> list[Due]:
    """Notices that are due, oldest first, ours until the lease ends: at most so many, and of each client; none of the
    clients in `but`.
    """
    rows = await unit.fetch(_CLAIM, unit.now, most, of_one_client, list(but), unit.now + lease)
    return [Due(**dict(row)) for row in rows]


# The inner limit bounds what one look costs when a client that does not answer has thousands of notices.
_CLAIM = """
WITH due AS (
    SELECT id, client_id, due_at FROM logout_notices
     WHERE done_at IS NULL AND due_at <= $1 AND client_id <> ALL($4) ORDER BY due_at LIMIT 500
), placed AS (
    SELECT id, row_number() OVER (PARTITION BY client_id ORDER BY due_at) AS place FROM due
), mine AS (
    SELECT n.id FROM logout_notices n JOIN placed p ON p.id = n.id
     WHERE p.place <= $3 AND n.done_at IS NULL AND n.due_at <= $1 ORDER BY n.due_at LIMIT $2 FOR UPDATE OF n SKIP LOCKED
)
UPDATE logout_notices n SET due_at = $5, attempts = n.attempts + 1 FROM mine WHERE n.id = mine.id
RETURNING n.id, n.client_id, n.account_id, n.session_id, n.created_at, n.attempts
"""


async def finish(unit: UnitOfWork, notice_id: UUID, trouble: str = "") -> None:
    """The client took it; or it is given up, and why."""
    await unit.fetch("UPDATE logout_notices SET done_at = $2, trouble = $3 WHERE id = $1", notice_id, unit.now, trouble)


async def postpone(unit: UnitOfWork, notice: Due, until: datetime, trouble: str, *, all_of_client: bool) -> None:
    """Tries again later; `all_of_client`: the client did not answer, so all that waits for it waits as long."""
    await unit.fetch("UPDATE logout_notices SET due_at = $2, trouble = $3 WHERE id = $1", notice.id, until, trouble)
    if all_of_client:
        await unit.fetch(_REST, notice.client_id, until)


_REST = "UPDATE logout_notices SET due_at = $2 WHERE client_id = $1 AND done_at IS NULL AND due_at < $2"
