"""Products that organisations subscribe."""

from uuid import UUID

from parvis_kit.errors import not_found
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.models import Subscription
from parvis_tenancy.store import organisations, products


async def subscribe(unit: UnitOfWork, product_id: UUID, organisation_id: UUID) -> None:
    """Subscribes a customer, or the provider itself; does nothing when it is. Raises NOT_FOUND."""
    if await products.load(unit, product_id) is None:
        raise not_found("product_not_found")
    if await organisations.customer(unit, organisation_id) is None:
        raise not_found("organisation_not_found")
    if await products.subscription(unit, organisation_id, product_id) is None:
        unit.add(Subscription(organisation_id=organisation_id, product_id=product_id, provider_id=unit.organisation_id))
        unit.record(
            "customer.subscribed", target_kind="organisation", target_id=organisation_id, product=str(product_id)
        )
