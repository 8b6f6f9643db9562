"""Try-outs of clients."""

from uuid import UUID

from parvis_identity.models import Trial
from parvis_kit.unit import UnitOfWork


async def find(unit: UnitOfWork, digest: bytes, *, lock: bool = False) -> Trial | None:
    """The try-out with this `state`."""
    return await unit.get(Trial, digest, lock=lock)


async def let_count(unit: UnitOfWork, grant_id: UUID) -> None:
    """Lets the grant of a try-out count, in the transaction that deletes it."""
    await unit.fetch("UPDATE grants SET revoked_at = NULL WHERE id = $1", grant_id)


async def delete_grant(unit: UnitOfWork, grant_id: UUID) -> str:
    """Deletes what a try-out granted, and with it every token; the name of the organisation that it was for."""
    rows = await unit.fetch("DELETE FROM grants WHERE id = $1 RETURNING organisation_name", grant_id)
    return rows[0]["organisation_name"] if rows else ""


async def sweep(unit: UnitOfWork) -> None:
    """Deletes what was granted in try-outs that nobody finished."""
    await unit.fetch(_SWEEP, unit.now)


_SWEEP = "DELETE FROM grants g USING trials t WHERE t.grant_id = g.id AND t.expires_at < $1"
