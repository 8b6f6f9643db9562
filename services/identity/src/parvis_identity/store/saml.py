"""Keys of ours for firms' SAML providers, sessions that such a provider vouches for, and metadata that is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select
from sqlmodel import col

from parvis_identity.models import ProviderKind, SsoKey, SsoProvider
from parvis_kit.unit import UnitOfWork


@dataclass(frozen=True, slots=True)
class Vouched:
    """An open session that a provider vouches for."""

    session_id: UUID
    account_id: UUID


async def keys(unit: UnitOfWork, provider_id: UUID) -> list[SsoKey]:
    """Ours for a provider, the oldest first."""
    query = (
        select(SsoKey).where(col(SsoKey.provider_id) == provider_id).order_by(col(SsoKey.created_at), col(SsoKey.id))
    )
    return list(await unit.scalars(query))


async def lock_provider(unit: UnitOfWork, provider_id: UUID) -> SsoProvider | None:
    """A provider, for as long as the transaction."""
    query = select(SsoProvider).where(col(SsoProvider.id) == provider_id).with_for_update()
    return await unit.scalar(query)  # type: ignore[no-any-return]


async def insert_key(unit: UnitOfWork, key: SsoKey) -> None:
    """Adds one."""
    unit.add(key)
    await unit.flush()


async def delete_keys(unit: UnitOfWork, ids: Sequence[UUID]) -> None:
    """Removes some: nothing that was encrypted to them can be read any more."""
    await unit.execute(delete(SsoKey).where(col(SsoKey.id).in_(ids)))


async def sessions_of(unit: UnitOfWork, provider_id: UUID, name: str, session_indexes: Sequence[str]) -> list[Vouched]:
    """The open sessions of a person at a provider; only those of its own sessions, where it names any. `name`: as kept,
    whose first line is the name itself.
    """
    rows = await unit.fetch(_SESSIONS, provider_id, name, list(session_indexes))
    return [Vouched(row["session_id"], row["account_id"]) for row in rows]


async def due(unit: UnitOfWork, *, lease: timedelta, most: int, kind: str = ProviderKind.SAML) -> list[UUID]:
    """Providers whose metadata is to be read again, which nobody else takes before `lease` is over."""
    rows = await unit.fetch(_DUE, unit.now, unit.now + lease, most, kind)
    return [row["id"] for row in rows]


async def live(unit: UnitOfWork) -> list[UUID]:
    """The SAML providers in use."""
    query = "SELECT id FROM sso_providers WHERE kind = $1 AND state = 'live' ORDER BY id"
    return [row["id"] for row in await unit.fetch(query, ProviderKind.SAML)]


async def set_read(
    unit: UnitOfWork, provider_id: UUID, *, read: str, next_at: datetime, problem: str = "", document: str = ""
) -> bool:
    """Notes how reading a provider's metadata ended; whether its document changed. A reading that failed leaves the
    document as it was. `read`: the address that was read; nothing is noted when it is another one by now.
    """
    rows = await unit.fetch(_FAILED if problem else _READ, provider_id, read, unit.now, next_at, problem or document)
    return bool(rows and rows[0]["changed"])


_SESSIONS = """
SELECT p.session_id, s.account_id FROM session_proofs p JOIN sessions s ON s.id = p.session_id
WHERE p.provider_id = $1 AND split_part(p.name_id, E'\\n', 1) = $2
  AND (cardinality($3::text[]) = 0 OR p.session_index = ANY($3)) AND s.ended_at IS NULL
"""
_DUE = """
UPDATE sso_providers SET metadata_next_at = $2 WHERE id IN (
    SELECT id FROM sso_providers
    WHERE kind = $4 AND state <> 'off' AND metadata_url <> ''
      AND (metadata_next_at IS NULL OR metadata_next_at <= $1)
    ORDER BY metadata_next_at NULLS FIRST LIMIT $3 FOR UPDATE SKIP LOCKED
) RETURNING id
"""
_READ = """
UPDATE sso_providers p SET metadata_document = $5, metadata_read_at = $3, metadata_next_at = $4, metadata_problem = '',
       metadata_failed_at = NULL
FROM (SELECT id, metadata_document FROM sso_providers WHERE id = $1 AND metadata_url = $2 FOR UPDATE) before
WHERE p.id = before.id RETURNING before.metadata_document <> $5 AS changed
"""
_FAILED = """
UPDATE sso_providers p SET metadata_problem = $5, metadata_next_at = $4,
       metadata_failed_at = coalesce(p.metadata_failed_at, $3)
FROM (SELECT id, metadata_problem FROM sso_providers WHERE id = $1 AND metadata_url = $2 FOR UPDATE) before
WHERE p.id = before.id RETURNING before.metadata_problem = '' AS changed
"""
