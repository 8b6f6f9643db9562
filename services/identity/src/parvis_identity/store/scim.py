"""Tokens of directories, and what they did. Users and groups: `scim_users`, `scim_groups`."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from parvis_identity.models import ScimLog, ScimToken
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork

#: How long what was done is shown.
KEPT = timedelta(days=90)
COUNTED = ("created", "changed", "disabled", "reopened", "deleted", "groups", "refused")
MOST_NOTES = 20


async def valid_token(unit: UnitOfWork, digest: bytes) -> tuple[UUID, UUID] | None:
    """The token with this hash and its organisation, when it counts; that it was used is kept to the minute."""
    rows = await unit.fetch(_VALID, digest, unit.now)
    if not rows:
        return None
    found = rows[0]
    if found["last_used_at"] is None or unit.now - found["last_used_at"] >= timedelta(minutes=1):
        await unit.fetch("UPDATE scim_tokens SET last_used_at = $2 WHERE id = $1", found["id"], unit.now)
    return found["id"], found["organisation_id"]


_VALID = """
SELECT id, organisation_id, last_used_at FROM scim_tokens
 WHERE digest = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
"""


async def tokens(unit: UnitOfWork, *, lock: bool = False) -> Sequence[ScimToken]:
    """The tokens of the organisation that were not revoked, newest first."""
    query = select(ScimToken).where(
        col(ScimToken.organisation_id) == unit.organisation_id, col(ScimToken.revoked_at).is_(None)
    )
    query = query.order_by(col(ScimToken.created_at).desc())
    return await unit.scalars(query.with_for_update() if lock else query)


async def names_of_tokens(unit: UnitOfWork) -> dict[UUID, tuple[str, str]]:
    """Name and ending of every token that the organisation ever had."""
    query = "SELECT id, name, ending FROM scim_tokens WHERE organisation_id = $1"
    return {row["id"]: (row["name"], row["ending"]) for row in await unit.fetch(query, unit.organisation_id)}


async def one_at_a_time(unit: UnitOfWork, what: str) -> None:
    """Until the transaction ends, nobody else does this for the organisation."""
    await unit.fetch("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"{what} {unit.organisation_id}")


async def note(unit: UnitOfWork, token_id: UUID, counts: dict[str, int], notes: Sequence[dict[str, str]] = ()) -> None:
    """Counts what a directory did, under this minute. Called last: whoever does it at the same time waits from here."""
    minute = unit.now.replace(second=0, microsecond=0)
    values = [counts.get(name, 0) for name in COUNTED]
    rows = await unit.fetch(
        _NOTE, uuid7(), unit.organisation_id, token_id, minute, *values, json.dumps(list(notes)[:MOST_NOTES])
    )
    if rows[0]["fresh"]:
        await unit.fetch("DELETE FROM scim_log WHERE minute < $1", unit.now - KEPT)


_NOTE = f"""
INSERT INTO scim_log AS l (id, organisation_id, token_id, minute, {", ".join(COUNTED)}, notes)
VALUES ($1, $2, $3, $4, {", ".join(f"${place}" for place in range(5, 12))}, $12)
ON CONFLICT (organisation_id, minute, token_id) DO UPDATE SET
{", ".join(f"{name} = l.{name} + excluded.{name}" for name in COUNTED)},
notes = CASE WHEN jsonb_array_length(l.notes) >= {MOST_NOTES} THEN l.notes ELSE l.notes || excluded.notes END
RETURNING xmax = 0 AS fresh
"""  # noqa: S608 - names of this module


async def log(unit: UnitOfWork, since: datetime, most: int) -> Sequence[ScimLog]:
    """What directories did, newest first."""
    query = select(ScimLog).where(col(ScimLog.minute) >= since).order_by(col(ScimLog.minute).desc()).limit(most)
    return await unit.scalars(query)


async def counts(unit: UnitOfWork) -> dict[str, int]:
    """How many users, of them those who may come in, and groups there are."""
    rows = await unit.fetch(_COUNTS)
    return dict(rows[0].items())


_COUNTS = """
SELECT count(*) AS users, count(*) FILTER (WHERE active) AS active, (SELECT count(*) FROM scim_groups) AS groups
  FROM scim_users WHERE deleted_at IS NULL
"""


async def owners_of(unit: UnitOfWork, mails: Sequence[str]) -> list[dict[str, Any]]:
    """Accounts outside the organisation that one of these addresses (lower case) is of."""
    return [dict(row) for row in await unit.fetch(_OWNERS, list(mails), unit.organisation_id)]


# Personal accounts are found by their identifier; of managed ones the address says only where mails go.
_OWNERS = """
SELECT id, kind, identifier_key AS mail FROM accounts WHERE organisation_id IS NULL AND identifier_key = ANY($1)
 UNION ALL
SELECT id, kind, lower(mail) FROM accounts
 WHERE organisation_id IS NOT NULL AND lower(mail) = ANY($1) AND organisation_id <> $2 AND state <> 'disabled'
"""


async def verified_domains(unit: UnitOfWork, domains: Sequence[str]) -> set[str]:
    """Which of these domains the organisation has proven to be its own."""
    query = """
    SELECT domain FROM sso_domains WHERE organisation_id = $1 AND domain = ANY($2) AND state IN ('verified', 'lost')
    """
    return {row["domain"] for row in await unit.fetch(query, unit.organisation_id, list(domains))}
