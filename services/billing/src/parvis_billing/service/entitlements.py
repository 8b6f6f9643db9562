"""What customers bought of a provider's products: the one place that says it. Tenancy hears of every change and
enforces it; quotes and invoices of subscriptions will rest on it.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import UUID

from parvis.billing.v1 import events_pb2
from parvis_billing import store
from parvis_billing.models import Entitlement
from parvis_kit.errors import Violation, conflict, invalid, not_found
from parvis_kit.ids import uuid7

if TYPE_CHECKING:
    from parvis_kit.unit import UnitOfWork

MOST_SEATS = 1_000_000
#: The products of the caller's organisation that a customer of it can have. Raises NOT_FOUND organisation_not_found.
FetchProducts = Callable[[UUID], Awaitable[frozenset[UUID]]]


async def set_seats(
    unit: "UnitOfWork", products_for: FetchProducts, row: Entitlement, *, read_version: int
) -> Entitlement:
    """A customer has a product, with so many seats (None: any number). Raises NOT_FOUND organisation_not_found,
    product_not_found, INVALID fields_invalid, CONFLICT stale_version.
    """
    if row.seats is not None and not 0 <= row.seats <= MOST_SEATS:
        limits = {"least": "0", "most": str(MOST_SEATS)}
        raise invalid("fields_invalid", [Violation("seats", "out_of_range", limits)])
    # Before anything is locked: nobody waits for tenancy.
    if row.product_id not in await products_for(row.customer_id):
        raise not_found("product_not_found")
    found = await store.entitlement(unit, row.customer_id, row.product_id)
    if read_version != (0 if found is None else found.version):
        raise conflict("stale_version", version=str(0 if found is None else found.version))
    if found is None:
        row.id = uuid7()
        if not await store.insert_entitlement(unit, row):
            raise conflict("stale_version", version="1")
        found = row
    else:
        found.seats, found.version, found.changed_at = row.seats, found.version + 1, unit.now
    event = events_pb2.EntitlementChanged(
        organisation_id=str(found.customer_id),
        product_id=str(found.product_id),
        seats=found.seats,
        version=found.version,
    )
    unit.emit(event, aggregate_id=found.id, version=found.version)
    seats = "" if found.seats is None else str(found.seats)
    unit.record(
        "entitlement.set", target_kind="organisation", target_id=found.customer_id, product=str(found.product_id),
        seats=seats,
    )  # fmt: skip
    return found
