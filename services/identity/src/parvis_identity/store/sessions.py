"""Sessions, and the counting of failed sign-ins."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select, update
from sqlmodel import col

from parvis_identity.domain import sessions as rules
from parvis_identity.domain.throttle import Throttle
from parvis_identity.models import Account, AccountState, Session
from parvis_identity.store.rows import Insertion
from parvis_kit.unit import UnitOfWork

#: Long ago rather than now: whoever waited for the row began a moment before its writer did.
_NOT_BLOCKED = datetime.fromtimestamp(0, UTC)


def _open(now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        col(Session.ended_at).is_(None),
        col(Session.last_seen_at) > now - rules.LIVES.idle,
        col(Session.started_at) > now - rules.LIVES.absolute,
    )


async def find_open(unit: UnitOfWork, digest: bytes) -> tuple[Session, Account] | None:
    """The open session of a cookie, and its account; None when it has ended or the account was disabled."""
    parameters = {"digest": digest, "idle": unit.now - rules.LIVES.idle, "absolute": unit.now - rules.LIVES.absolute}
    found = (await unit.session.execute(_FIND_OPEN, parameters)).first()
    return None if found is None else (found[0], found[1])


# Built once: every page asks it.
_FIND_OPEN = (
    select(Session, Account)
    .join(Account, col(Account.id) == col(Session.account_id))
    .where(
        col(Session.digest) == bindparam("digest"),
        col(Account.state) == AccountState.ACTIVE,
        col(Session.ended_at).is_(None),
        col(Session.last_seen_at) > bindparam("idle"),
        col(Session.started_at) > bindparam("absolute"),
    )
)


async def insert(unit: UnitOfWork, session: Session) -> None:
    """Adds a session."""
    await _insert(unit, session)


_insert = Insertion(Session)


async def touch(unit: UnitOfWork, session: Session) -> None:
    """Remembers that the session was used, once a minute at most."""
    if unit.now - session.last_seen_at >= rules.SEEN_EVERY:
        session.last_seen_at = unit.now


async def list_open(unit: UnitOfWork, account_id: UUID) -> Sequence[Session]:
    """The open sessions of an account, newest first."""
    query = select(Session).where(col(Session.account_id) == account_id, *_open(unit.now))
    return await unit.scalars(query.order_by(col(Session.started_at).desc()).limit(100))


async def end(
    unit: UnitOfWork,
    account_id: UUID,
    *,
    session_id: UUID | None = None,
    but: UUID | None = None,
    until: datetime | None = None,
) -> list[UUID]:
    """Ends one session of an account, or all (`but` one; those begun `until` then); answers with those that were not
    ended before.
    """
    statement = update(Session).where(col(Session.account_id) == account_id, col(Session.ended_at).is_(None))
    if session_id is not None:
        statement = statement.where(col(Session.id) == session_id)
    if but is not None:
        statement = statement.where(col(Session.id) != but)
    if until is not None:
        statement = statement.where(col(Session.started_at) <= until)
    ended = await unit.execute(
        statement.values(ended_at=unit.now).returning(col(Session.id)).execution_options(synchronize_session=False)
    )
    return [row[0] for row in ended]


async def expire(unit: UnitOfWork, *, most: int) -> list[tuple[UUID, UUID, bool]]:
    """Ends sessions whose time is up, at most so many that nobody else is ending: id, account, and whether nothing was
    asked in them for too long (else they were as old as a session may become).
    """
    idle, absolute = unit.now - rules.LIVES.idle, unit.now - rules.LIVES.absolute
    rows = await unit.fetch(_EXPIRE, idle, absolute, unit.now, most)
    return [(row["id"], row["account_id"], row["idle"]) for row in rows]


_EXPIRE = """
WITH over AS (
    SELECT id FROM sessions WHERE ended_at IS NULL AND (last_seen_at <= $1 OR started_at <= $2)
    LIMIT $4 FOR UPDATE SKIP LOCKED
)
UPDATE sessions s SET ended_at = $3 FROM over WHERE s.id = over.id
RETURNING s.id, s.account_id, s.last_seen_at <= $1 AS idle
"""


async def is_open(unit: UnitOfWork, session_id: UUID, account_id: UUID) -> bool:
    """Whether a session of an account that may sign in still counts."""
    rows = await unit.fetch(
        _IS_OPEN, session_id, account_id, unit.now - rules.LIVES.idle, unit.now - rules.LIVES.absolute
    )
    return bool(rows)


_IS_OPEN = """
SELECT 1 FROM sessions s JOIN accounts a ON a.id = s.account_id
WHERE s.id = $1 AND s.account_id = $2 AND s.ended_at IS NULL AND s.last_seen_at > $3 AND s.started_at > $4 AND
a.state = 'active'
"""


async def charge(unit: UnitOfWork, key: bytes, throttle: Throttle) -> tuple[bool, timedelta]:
    """Counts a try before its password is looked at; so that ten tries at once are ten tries.

    Answers whether it may go on, and how long the next one has to wait if this one fails. Success takes the
    count back (`forgive`).
    """
    row = (await unit.fetch(_LOOKED_AT, key, unit.now))[0]
    if row["blocked_until"] > unit.now:
        return False, row["blocked_until"] - unit.now
    failures = 1 if row["last_at"] < unit.now - throttle.forgets_after else row["failures"] + 1
    wait = throttle.wait(failures)
    await unit.fetch(_COUNTED, key, failures, unit.now, unit.now + wait if wait else _NOT_BLOCKED)
    return True, wait


# The row is locked in either case: of two tries at once, the second sees what the first counted.
_LOOKED_AT = """
INSERT INTO sign_in_attempts (key, failures, last_at, blocked_until) VALUES ($1, 0, $2, 'epoch')
ON CONFLICT (key) DO UPDATE SET key = $1 RETURNING failures, last_at, blocked_until
"""
_COUNTED = "UPDATE sign_in_attempts SET failures = $2, last_at = $3, blocked_until = $4 WHERE key = $1"


async def admit(unit: UnitOfWork, key: bytes, throttle: Throttle) -> tuple[bool, timedelta, bool]:
    """Whether a try may be looked at that counts once it has failed (`failed`): what many people share is not used up
    by those who are being looked at. After `throttle.free` failures each is counted before, as by `charge`. Answers
    with its answer, and whether it was counted.
    """
    rows = await unit.fetch(_SETTLED, key, unit.now - throttle.forgets_after)
    if not rows or rows[0]["failures"] < throttle.free:
        return True, timedelta(0), False
    may, wait = await charge(unit, key, throttle)
    return may, wait, may


_SETTLED = "SELECT failures FROM sign_in_attempts WHERE key = $1 AND last_at >= $2"


async def failed(unit: UnitOfWork, key: bytes, throttle: Throttle) -> timedelta:
    """Counts a try that was admitted and failed: how long the next one has to wait."""
    rows = await unit.fetch(_FAILED, key, unit.now, unit.now - throttle.forgets_after)
    if wait := throttle.wait(rows[0]["failures"]):
        await unit.fetch("UPDATE sign_in_attempts SET blocked_until = $2 WHERE key = $1", key, unit.now + wait)
    return wait


_FAILED = """
INSERT INTO sign_in_attempts AS t (key, failures, last_at, blocked_until) VALUES ($1, 1, $2, 'epoch')
ON CONFLICT (key) DO UPDATE SET failures = CASE WHEN t.last_at < $3 THEN 1 ELSE t.failures + 1 END, last_at = $2
RETURNING failures
"""


async def made_good(unit: UnitOfWork, key: bytes, mistakes: bytes, throttle: Throttle, *, counted: bool) -> None:
    """Somebody who was admitted has proven who they are: what they failed there before (counted under `mistakes` too)
    were their own mistakes, and nobody's guesses.
    """
    await unit.fetch(_MADE_GOOD, key, mistakes, unit.now - throttle.forgets_after, int(counted))


_MADE_GOOD = """
WITH own AS (DELETE FROM sign_in_attempts WHERE key = $2 RETURNING failures, last_at)
UPDATE sign_in_attempts SET blocked_until = 'epoch',
       failures = greatest(failures - $4 - coalesce((SELECT failures FROM own WHERE last_at >= $3), 0), 0)
 WHERE key = $1
"""


async def forgive(unit: UnitOfWork, key: bytes, *, only_this: bool = False) -> None:
    """Forgets the failures of a key; with `only_this`, takes back one try (an address from which somebody
    signed in).
    """
    await unit.fetch(_TAKEN_BACK if only_this else "DELETE FROM sign_in_attempts WHERE key = $1", key)


_TAKEN_BACK = """
UPDATE sign_in_attempts SET failures = greatest(failures - 1, 0), blocked_until = 'epoch' WHERE key = $1
"""


async def failures(unit: UnitOfWork, key: bytes) -> int:
    """How many tries in a row failed, this one with them."""
    rows = await unit.fetch("SELECT failures FROM sign_in_attempts WHERE key = $1", key)
    return rows[0]["failures"] if rows else 0


async def lock_open(unit: UnitOfWork, session_id: UUID, account_id: UUID) -> Session | None:
    """An open session of an account, kept from other writers; None when it is over."""
    query = select(Session).where(col(Session.id) == session_id, col(Session.account_id) == account_id)
    found: Session | None = await unit.scalar(query.where(*_open(unit.now)).with_for_update())
    return found


async def outdate_proofs(unit: UnitOfWork, account_id: UUID, *, but: UUID) -> None:
    """The account has something stronger now: what its other sessions have proven is not the strongest any more."""
    await unit.fetch(_OUTDATE, account_id, but)


_OUTDATE = "UPDATE sessions SET proof_at = 'epoch' WHERE account_id = $1 AND id <> $2 AND ended_at IS NULL"
