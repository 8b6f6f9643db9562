"""Resets of second factors."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from parvis_identity.models import FactorReset
from parvis_kit.unit import UnitOfWork


async def waiting(unit: UnitOfWork, account_id: UUID, *, lock: bool = False) -> FactorReset | None:
    """The reset of an account that has not ended."""
    query = select(FactorReset).where(col(FactorReset.account_id) == account_id, col(FactorReset.ended_at).is_(None))
    found: FactorReset | None = await unit.scalar(query.with_for_update() if lock else query)
    return found


async def lock(unit: UnitOfWork, reset_id: UUID) -> FactorReset | None:
    """A reset, kept from other writers."""
    return await unit.get(FactorReset, reset_id, lock=True)


async def of_organisation(unit: UnitOfWork, organisation_id: UUID, since: datetime) -> Sequence[FactorReset]:
    """What an organisation asked for, newest first."""
    query = select(FactorReset).where(
        col(FactorReset.organisation_id) == organisation_id, col(FactorReset.asked_at) > since
    )
    return await unit.scalars(query.order_by(col(FactorReset.asked_at).desc()).limit(50))


async def due(unit: UnitOfWork, *, agreed_within: timedelta) -> UUID | None:
    """The id of a reset whose time has come: it takes place, or nobody agreed in time."""
    rows = await unit.fetch(_DUE, unit.now, unit.now - agreed_within)
    return rows[0]["id"] if rows else None


_DUE = """
SELECT id FROM factor_resets
 WHERE ended_at IS NULL AND ((approved_at IS NOT NULL AND due_at <= $1) OR (approved_at IS NULL AND asked_at <= $2))
 LIMIT 1 FOR UPDATE SKIP LOCKED
"""
