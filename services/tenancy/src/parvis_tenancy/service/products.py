"""Products that organisations subscribe. What was bought is said by billing (`EntitlementChanged`); here it counts."""

from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import not_found, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.models import Organisation, Subscription
from parvis_tenancy.service import authority, messages
from parvis_tenancy.store import closings, organisations, products, rights


async def subscribe(unit: UnitOfWork, product_id: UUID, organisation_id: UUID) -> None:
    """Subscribes a customer, or the provider itself, without a number; does nothing when it is. Raises NOT_FOUND,
    PRECONDITION customer_closing.
    """
    if await products.load(unit, product_id) is None:
        raise not_found("product_not_found")
    await _customer(unit, organisation_id)
    if await closings.closes_at(unit, organisation_id) is not None:
        raise precondition("customer_closing")
    if await products.subscription(unit, organisation_id, product_id) is None:
        unit.record(
            "customer.subscribed", target_kind="organisation", target_id=organisation_id, product=str(product_id)
        )
        await _settle(unit, product_id, organisation_id, seats=None, version=0)


async def bought(unit: UnitOfWork, product_id: UUID, organisation_id: UUID, *, seats: int | None, version: int) -> None:
    """A customer of the organisation of the transaction has so many seats of a product (None: any number); it is
    subscribed by that where it was not. An older version changes nothing, nor does what is about an organisation that
    this one does not serve.
    """
    customer = await organisations.customer(unit, organisation_id)
    if customer is not None and await products.load(unit, product_id) is not None:
        await _settle(unit, product_id, organisation_id, seats=seats, version=version)


async def subscriptions(unit: UnitOfWork, organisation_id: UUID) -> tenancy_pb2.ListSubscriptionsResponse:
    """The products of the provider as one of its customers has them. Raises NOT_FOUND organisation_not_found."""
    customer = await _customer(unit, organisation_id)
    found = await products.offered(unit, organisation_id)
    # Only to count: whom the customer assigned them to stays with the customer.
    await unit.enter(organisation_id)
    used = await products.seats_used(unit)
    return tenancy_pb2.ListSubscriptionsResponse(
        organisation_name=customer.name,
        organisation_slug=customer.slug,
        closes_at=messages.instant(await closings.closes_at(unit, organisation_id)),
        subscriptions=[
            tenancy_pb2.Subscription(
                product_id=str(row["id"]),
                product_name=row["name"],
                product_description=row["description"],
                closed=row["closed"],
                subscribed=row["subscribed"],
                seats=row["seats"],
                used=used.get(row["id"], 0),
                over=row["seats"] is not None and used.get(row["id"], 0) > row["seats"],
                version=row["seats_version"],
            )
            for row in found
        ],
    )


async def _customer(unit: UnitOfWork, organisation_id: UUID) -> Organisation:
    found = await organisations.customer(unit, organisation_id)
    if found is None:
        raise not_found("organisation_not_found")
    return found


async def _settle(
    unit: UnitOfWork, product_id: UUID, organisation_id: UUID, *, seats: int | None, version: int
) -> None:
    """In the customer's own transaction from here on, as everything that changes its rights: nobody counts seats
    meanwhile.
    """
    provider_id = unit.organisation_id
    await unit.enter(organisation_id)
    revision = await rights.next_revision(unit, "seats.bought")
    found = await products.subscription(unit, organisation_id, product_id, lock=True)
    if found is not None and version <= found.seats_version:
        return
    if found is None:
        found = Subscription(organisation_id=organisation_id, product_id=product_id, provider_id=provider_id)
        unit.add(found)
    found.seats, found.seats_version = seats, version
    await unit.flush()
    told = "" if seats is None else str(seats)
    unit.record("seats.bought", target_kind="product", target_id=product_id, seats=told)
    authority.grants_changed(unit, revision)
