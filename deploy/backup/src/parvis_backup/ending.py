"""What a restore ends because it may have been ended since the mark: sessions, tokens, and links that reset a password.
And what it puts off: erasures.

A session that was ended because it was stolen, a browser that somebody had forgotten: the backup does not know of it.
People sign in once more; what else came back is for people to look through (docs/operations.md, "After a restore").
"""

import asyncpg

#: By service and table, with what a person would call it.
_ENDED = {
    "identity": {
        "sessions": "UPDATE sessions SET ended_at = now() WHERE ended_at IS NULL",
        "viewings": "UPDATE viewings SET ended_at = now() WHERE ended_at IS NULL",
        "grants": "UPDATE grants SET revoked_at = now() WHERE revoked_at IS NULL",
        "trusted_devices": "UPDATE trusted_devices SET ended_at = now() WHERE ended_at IS NULL",
        "links": "UPDATE links SET revoked_at = now() "
        "WHERE used_at IS NULL AND revoked_at IS NULL AND purpose IN ('reset', 'renewal')",
        "pending_sign_ins": "DELETE FROM pending_sign_ins",
    },
    "web": {"web_sessions": "DELETE FROM web_sessions"},
}
#: Who took an erasure back since the mark has so much time to do it again, and whoever runs the suite to do it for
#: them: what is open is not over sooner. What `erase-again` asks for is, and what a firm that is erased had.
_PUT_OFF = """
UPDATE erasures SET due_at = greatest(due_at, now() + interval '7 days')
WHERE ended_at IS NULL AND asked_by NOT IN ('restore', 'organisation');
UPDATE accounts SET erasure_due_at = greatest(erasure_due_at, now() + interval '7 days')
WHERE erasure_due_at IS NOT NULL"""


async def end_sessions(connection: asyncpg.Connection, service: str, tables: set[str]) -> int:
    """Ends them in a database that was just filled and has these tables; returns how many sessions of people ended."""
    ended = 0
    async with connection.transaction():
        for table, statement in _ENDED.get(service, {}).items():
            if table in tables:
                done = await connection.execute(statement)
                ended += int(done.split()[-1]) if table == "sessions" else 0
        if service == "identity" and "erasures" in tables:
            await connection.execute(_PUT_OFF)
    return ended
