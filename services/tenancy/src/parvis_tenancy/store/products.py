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


async def load(unit: UnitOfWork, product_id: UUID, *, lock: bool = False) -> Product | None:
    """A product of the provider that is the organisation of the transaction."""
    return await unit.get(Product, (unit.organisation_id, product_id), lock=lock)


async def subscription(unit: UnitOfWork, organisation_id: UUID, product_id: UUID) -> Subscription | None:
    """A subscription of an organisation, seen by itself or by its provider."""
    return await unit.get(Subscription, (organisation_id, product_id))


async def of_client(unit: UnitOfWork, client_id: str, membership_id: UUID) -> Record | None:
    """The product that an OpenID client is, for a member of the organisation of the transaction."""
    rows = await unit.fetch(_BY_CLIENT, unit.organisation_id, membership_id, client_id)
    return rows[0] if rows else None
