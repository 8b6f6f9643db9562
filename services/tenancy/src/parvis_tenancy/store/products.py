"""Products, and who has them."""

from uuid import UUID

from asyncpg import Record

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.models import Product, Subscription

_BY_CLIENT = """
SELECT p.id, s.product_id IS NOT NULL AS subscribed, a.product_id IS NOT NULL AS assigned
FROM products p
LEFT JOIN subscriptions s ON s.organisation_id = $1 AND s.product_id = p.id
LEFT JOIN assignments a ON a.organisation_id = $1 AND a.product_id = p.id AND a.membership_id = $2
WHERE p.client_id = $3"""

_OFFERED = """
SELECT p.id, p.name, p.description, p.closed_at IS NOT NULL AS closed, s.product_id IS NOT NULL AS subscribed, s.seats,
       coalesce(s.seats_version, 0) AS seats_version
FROM products p LEFT JOIN subscriptions s ON s.organisation_id = $2 AND s.product_id = p.id
WHERE p.provider_id = $1 ORDER BY p.sort_key, p.id"""
_USED = """
SELECT a.product_id, count(*) FROM assignments a
JOIN memberships m ON m.organisation_id = a.organisation_id AND m.id = a.membership_id
WHERE a.organisation_id = $1 AND m.state IN (1, 2) GROUP BY a.product_id"""


async def load(unit: UnitOfWork, product_id: UUID, *, lock: bool = False) -> Product | None:
    """A product of the provider that is the organisation of the transaction."""
    return await unit.get(Product, (unit.organisation_id, product_id), lock=lock)


async def subscription(
    unit: UnitOfWork, organisation_id: UUID, product_id: UUID, *, lock: bool = False
) -> Subscription | None:
    """A subscription of an organisation, seen by itself or by its provider."""
    return await unit.get(Subscription, (organisation_id, product_id), lock=lock)


async def offered(unit: UnitOfWork, organisation_id: UUID) -> list[Record]:
    """The products of the provider that is the organisation of the transaction, as a customer has them, by name."""
    return await unit.fetch(_OFFERED, unit.organisation_id, organisation_id)


async def seats_used(unit: UnitOfWork) -> dict[UUID, int]:
    """How many invited and active members of the organisation hold each product."""
    return {row["product_id"]: row["count"] for row in await unit.fetch(_USED, unit.organisation_id)}


async def of_client(unit: UnitOfWork, client_id: str, membership_id: UUID) -> Record | None:
    """The product that an OpenID client is, for a member of the organisation of the transaction."""
    rows = await unit.fetch(_BY_CLIENT, unit.organisation_id, membership_id, client_id)
    return rows[0] if rows else None
