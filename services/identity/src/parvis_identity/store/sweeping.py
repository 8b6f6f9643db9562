"""What is deleted because it is too old to matter: a batch at a time, each found on an index."""

from dataclasses import dataclass
from datetime import timedelta

from parvis_kit.unit import UnitOfWork

#: Rows of a batch: nobody waits long for what it locks.
BATCH = 1000
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_QUARTER, _YEAR = timedelta(days=90), timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Swept:
    """Rows of a table that go when `column` is older than `kept`; `unless` is a condition of those that stay."""

    table: str
    column: str
    kept: timedelta
    unless: str = ""


#: Links of invitations that stand remain: they say that the account is invited. With a session go its grants.
SWEPT = (
    Swept("sign_in_attempts", "last_at", _DAY),
    Swept("sessions", "last_seen_at", _QUARTER),
    Swept("authorization_codes", "expires_at", _DAY),
    Swept("pushed_requests", "expires_at", _HOUR),
    Swept("device_codes", "expires_at", _HOUR),
    Swept("seen_proofs", "expires_at", _HOUR),
    Swept("revoked_tokens", "expires_at", _HOUR),
    Swept("trials", "expires_at", _HOUR, "grant_id IS NOT NULL"),
    Swept("refresh_tokens", "expires_at", _QUARTER),
    Swept("links", "expires_at", _QUARTER, "purpose = 'activation' AND used_at IS NULL AND revoked_at IS NULL"),
    Swept("access_requests", "expires_at", timedelta(days=30)),
    Swept("logout_notices", "done_at", timedelta(days=30)),
    Swept("viewings", "started_at", _YEAR),
)


def statement(swept: Swept) -> str:
    """Deletes a batch: $1 the moment, $2 how many."""
    but = f" AND NOT ({swept.unless})" if swept.unless else ""
    return (
        f"DELETE FROM {swept.table} WHERE ctid = ANY(ARRAY("  # noqa: S608 - names of this module
        f"SELECT ctid FROM {swept.table} WHERE {swept.column} < $1{but} LIMIT $2)) RETURNING 1"
    )


async def sweep(unit: UnitOfWork, swept: Swept, *, most: int = BATCH) -> int:
    """Deletes at most so many; how many they were."""
    return len(await unit.fetch(statement(swept), unit.now - swept.kept, most))
