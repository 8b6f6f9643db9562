"""Where an account is, for its erasure."""

from uuid import UUID

from parvis.records.v1 import events_pb2
from parvis_kit.unit import UnitOfWork

_TOLD = "SELECT FROM outbox WHERE aggregate_id = $1 AND subject = $2 LIMIT 1"


async def memberships(unit: UnitOfWork, account_id: UUID) -> list[tuple[UUID, UUID]]:
    """Organisation and membership of the account of the transaction, whatever their state."""
    query = "SELECT organisation_id, id FROM memberships WHERE account_id = $1 ORDER BY organisation_id"
    return [(row["organisation_id"], row["id"]) for row in await unit.fetch(query, account_id)]


async def requests(unit: UnitOfWork, account_id: UUID) -> list[UUID]:
    """Organisations that the account of the transaction asked for an access."""
    query = "SELECT DISTINCT organisation_id FROM access_requests WHERE account_id = $1"
    return [row["organisation_id"] for row in await unit.fetch(query, account_id)]


async def was_told(unit: UnitOfWork, erasure_id: UUID) -> bool:
    """Whether the others were told: a second time there would be less to tell."""
    return bool(await unit.fetch(_TOLD, erasure_id, events_pb2.PersonErased.DESCRIPTOR.full_name))
