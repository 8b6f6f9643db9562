"""Rows of erasures."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from parvis_identity.domain.idle import FIRST, SECOND
from parvis_identity.models import AccountErasure
from parvis_kit.unit import UnitOfWork

_TAKE_BACK = """
UPDATE erasures SET ended_at = $2, ended_as = $3 WHERE account_id = $1 AND ended_at IS NULL RETURNING id, digest"""
_KEPT = "UPDATE accounts SET erasure_due_at = NULL WHERE id = $1"
_STAYING = "SELECT id FROM accounts WHERE id = ANY($1) AND erasure_due_at IS NULL AND state <> 'disabled'"
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('parvis erasures', 0))"
_DUE = """
SELECT e.id, e.account_id, e.asked_by FROM erasures e WHERE e.ended_at IS NULL AND (
    e.asked_by <> 'idle' AND e.due_at <= $1 AND (e.held_at IS NULL OR e.held_at <= $2)
    OR e.asked_by = 'idle' AND EXISTS (
        SELECT FROM accounts a WHERE a.id = e.account_id AND a.erasure_due_at <= $1)
    AND (SELECT count(DISTINCT n.kind) = 2 FROM idle_notices n WHERE n.account_id = e.account_id
        AND n.told_at >= e.asked_at
        AND (n.kind = 'first' AND n.sent_at <= $3 OR n.kind = 'second' AND n.sent_at <= $4)))"""
_NEXT = f"{_DUE} ORDER BY e.due_at LIMIT 1"
_LOCK = f"{_DUE} AND e.id = $5 FOR UPDATE OF e SKIP LOCKED"
_ANSWER = """
INSERT INTO erasure_answers (erasure_id, service, erased, kept, at)
SELECT id, $2, $3::jsonb, $4::jsonb, $5 FROM erasures WHERE id = $1 ON CONFLICT DO NOTHING"""
_ADDRESSES = """
SELECT mail FROM accounts WHERE id = $1 UNION SELECT identifier FROM accounts WHERE id = $1
UNION SELECT old_mail FROM address_changes WHERE account_id = $1 AND done_at IS NOT NULL"""
_LINKED = "SELECT organisation_id FROM account_links WHERE personal_id = $1"
_LISTED = """
SELECT e.digest, e.asked_by, e.asked_at, e.held_at, e.ended_at, e.ended_as,
       CASE WHEN e.asked_by = 'idle' THEN coalesce(max(o.erasure_due_at), e.due_at) ELSE e.due_at END AS due_at,
       coalesce(array_agg(a.service ORDER BY a.service) FILTER (WHERE a.service IS NOT NULL), '{}') AS answered
FROM erasures e LEFT JOIN erasure_answers a ON a.erasure_id = e.id
LEFT JOIN accounts o ON o.id = e.account_id GROUP BY e.id ORDER BY e.asked_at"""
_AGAIN = "SELECT id FROM accounts WHERE encode(sha256(convert_to(id::text, 'UTF8')), 'hex') = ANY($1)"


async def waiting(unit: UnitOfWork, account_id: UUID) -> AccountErasure | None:
    """The erasure that an account waits for."""
    rows = await unit.fetch("SELECT id FROM erasures WHERE account_id = $1 AND ended_at IS NULL", account_id)
    return await unit.get(AccountErasure, rows[0]["id"], lock=True) if rows else None


async def take_back(unit: UnitOfWork, account_id: UUID, ended_as: str = "taken_back") -> Record | None:
    """The account is kept: which erasure (id, digest) that ended, if one waited."""
    await unit.fetch(_KEPT, account_id)
    rows = await unit.fetch(_TAKE_BACK, account_id, unit.now, ended_as)
    return rows[0] if rows else None


async def hold(unit: UnitOfWork) -> None:
    """Whoever else asks for an erasure waits until the transaction ends: of two administrators, one is the last."""
    await unit.fetch(_ONE_AT_A_TIME)


async def staying(unit: UnitOfWork, account_ids: Collection[UUID]) -> set[UUID]:
    """Of these accounts, those that can be used and are not about to be erased."""
    return {row["id"] for row in await unit.fetch(_STAYING, list(account_ids))}


async def due(unit: UnitOfWork, again: timedelta) -> Record | None:
    """One whose day has come (id, account_id, asked_by); one that had to wait comes `again` after so long, one of an
    idle account once both mails have left long enough ago.
    """
    rows = await unit.fetch(_NEXT, *_moments(unit, again))
    return rows[0] if rows else None


async def lock(unit: UnitOfWork, erasure_id: UUID, again: timedelta) -> AccountErasure | None:
    """The same, locked; None when it is not due any more, or another replica is at it."""
    rows = await unit.fetch(_LOCK, *_moments(unit, again), erasure_id)
    return await unit.get(AccountErasure, rows[0]["id"], lock=True) if rows else None


def _moments(unit: UnitOfWork, again: timedelta) -> tuple[datetime, ...]:
    return unit.now, unit.now - again, unit.now - FIRST, unit.now - SECOND


async def addresses(unit: UnitOfWork, account_id: UUID) -> list[str]:
    """What mails to an account went to, and what is typed at sign-in."""
    return [row["mail"] for row in await unit.fetch(_ADDRESSES, account_id) if row["mail"]]


async def linked(unit: UnitOfWork, account_id: UUID) -> list[UUID]:
    """Firms with an account of theirs that a personal account is linked to."""
    return [row["organisation_id"] for row in await unit.fetch(_LINKED, account_id)]


async def answered(
    unit: UnitOfWork, erasure_id: UUID, service: str, erased: Mapping[str, int], kept: Mapping[str, int]
) -> None:
    """Keeps what a service answered; the first answer counts."""
    await unit.fetch(_ANSWER, erasure_id, service, json.dumps(dict(erased)), json.dumps(dict(kept)), unit.now)


async def listed(unit: UnitOfWork) -> Sequence[Record]:
    """All erasures, the oldest first, with the services that have answered."""
    return await unit.fetch(_LISTED)


async def accounts_of(unit: UnitOfWork, digests: Collection[str]) -> list[UUID]:
    """Accounts that there are, among those with these digests."""
    return [row["id"] for row in await unit.fetch(_AGAIN, list(digests))]
