"""Accounts that nobody uses, and what their owners were told."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from asyncpg import Record

from parvis_identity.domain.idle import FAILED_AGAIN, KEPT_AGAIN, LOST, SECOND
from parvis_kit.unit import UnitOfWork

# Nobody has come in or was asked to since $1. Closed accounts are of whoever closed them; what a firm keeps for an
# emergency is meant to be unused; who has no address cannot be told.
_UNUSED: Final = """
a.state <> 'disabled' AND a.mail <> ''
AND greatest(a.last_sign_in_at, a.activated_at, a.imported_at, a.created_at) < $1
AND NOT EXISTS (SELECT FROM links l WHERE l.account_id = a.id AND l.created_at >= $1)
AND NOT EXISTS (
    SELECT FROM account_links k JOIN accounts o ON o.id IN (k.personal_id, k.managed_id)
    WHERE a.id IN (k.personal_id, k.managed_id) AND o.last_sign_in_at >= $1)
AND NOT EXISTS (SELECT FROM sign_in_policies p WHERE a.id = ANY(p.break_glass))"""
_IDLE = f"""
SELECT a.id, a.organisation_id FROM accounts a WHERE a.id > $4 AND a.erasure_due_at IS NULL AND {_UNUSED}
AND NOT EXISTS (
    SELECT FROM idle_notices n WHERE n.account_id = a.id AND (n.kind = 'kept' AND n.told_at > $2 OR n.failed_at > $3))
AND ($6::uuid IS NULL OR a.id = $6) ORDER BY a.id LIMIT $5"""  # noqa: S608 - above
_IS_UNUSED = f"SELECT FROM accounts a WHERE a.id = $2 AND {_UNUSED}"
# Under the policy of the account.
_LISTED = "SELECT FROM scim_users WHERE account_id = $1 AND deleted_at IS NULL LIMIT 1"
_TOLD = """
EXISTS (SELECT FROM idle_notices n WHERE n.account_id = e.account_id AND n.told_at >= e.asked_at AND n.{what})"""
_WAITING = "SELECT e.account_id FROM erasures e WHERE e.asked_by = 'idle' AND e.ended_at IS NULL"
_TO_REMIND = f"""
{_WAITING} AND EXISTS (SELECT FROM accounts a WHERE a.id = e.account_id AND a.erasure_due_at <= $1)
AND {_TOLD.format(what="kind = 'first' AND n.sent_at IS NOT NULL")}
AND NOT {_TOLD.format(what="kind = 'second'")} AND ($3::uuid IS NULL OR e.account_id = $3)
ORDER BY e.asked_at LIMIT $2"""
# What nobody has heard of counts as failed, so that it is tried again as late as that.
_LOST = """
UPDATE idle_notices SET failed_at = $1
WHERE sent_at IS NULL AND failed_at IS NULL AND told_at <= $2 AND kind IN ('first', 'second')"""
_UNREACHABLE = f"""
{_WAITING} AND {_TOLD.format(what="failed_at IS NOT NULL")} AND ($2::uuid IS NULL OR e.account_id = $2) LIMIT $1"""
_WAITS_TOLD = """
SELECT FROM idle_notices WHERE account_id = $1 AND kind = 'waits' AND told_at >= $2
AND (sent_at IS NOT NULL OR failed_at IS NOT NULL OR told_at > $3) LIMIT 1"""
_TOLD_LATELY = "SELECT count(*) AS told FROM idle_notices WHERE kind IN ('first', 'kept') AND told_at > $1"
_FIRST_ID: Final = UUID(int=0)
_SETTLED = """
UPDATE idle_notices SET sent_at = CASE WHEN $2 THEN $3::timestamptz END, failed_at = CASE WHEN $2 THEN NULL ELSE $3 END
WHERE id = $1 AND sent_at IS NULL AND failed_at IS NULL"""


async def idle(unit: UnitOfWork, before: datetime, after: UUID, most: int) -> Sequence[Record]:
    """Accounts (id, organisation_id) that nobody has used since then, and whose owners were not told lately, by id."""
    return await unit.fetch(_IDLE, before, unit.now - KEPT_AGAIN, unit.now - FAILED_AGAIN, after, most, None)


async def told_lately(unit: UnitOfWork) -> int:
    """How many owners were told something for the first time within a day."""
    told: int = (await unit.fetch(_TOLD_LATELY, unit.now - timedelta(days=1)))[0]["told"]
    return told


async def is_idle(unit: UnitOfWork, account_id: UUID, before: datetime) -> bool:
    """Whether an account is one of them, and no directory lists it."""
    await unit.as_account(account_id)
    again = unit.now - KEPT_AGAIN, unit.now - FAILED_AGAIN
    found = await unit.fetch(_IDLE, before, *again, _FIRST_ID, 1, account_id)
    return bool(found) and not await unit.fetch(_LISTED, account_id)


async def is_unused(unit: UnitOfWork, account_id: UUID, since: datetime) -> bool:
    """Whether nobody has used the account since then, and no directory lists it now."""
    await unit.as_account(account_id)
    return bool(await unit.fetch(_IS_UNUSED, since, account_id)) and not await unit.fetch(_LISTED, account_id)


async def to_remind(unit: UnitOfWork, most: int, account_id: UUID | None = None) -> list[UUID]:
    """Accounts whose day is near: their owners were told once. Of all, or whether one of them is."""
    return [row["account_id"] for row in await unit.fetch(_TO_REMIND, unit.now + SECOND, most, account_id)]


async def lose(unit: UnitOfWork) -> None:
    """Mails that nobody has heard of for too long were lost."""
    await unit.fetch(_LOST, unit.now, unit.now - LOST)


async def unreachable(unit: UnitOfWork, most: int, account_id: UUID | None = None) -> list[UUID]:
    """Accounts that are to be erased, and whose owners could not be told. Of all, or whether one of them is."""
    return [row["account_id"] for row in await unit.fetch(_UNREACHABLE, most, account_id)]


async def waits_told(unit: UnitOfWork, account_id: UUID, since: datetime) -> bool:
    """Whether its owner was told since then that an erasure waits, or is about to be."""
    return bool(await unit.fetch(_WAITS_TOLD, account_id, since, unit.now - LOST))


async def settled(unit: UnitOfWork, notice_id: UUID, *, sent: bool) -> None:
    """A mail has left, or was given up; the first word counts."""
    await unit.fetch(_SETTLED, notice_id, sent, unit.now)
