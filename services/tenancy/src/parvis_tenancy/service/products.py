"""Products: registering, subscribing, assigning."""

from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import not_found, precondition
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.states import OPEN_STATES
from parvis_tenancy.models import Assignment, Subscription
from parvis_tenancy.service import authority
from parvis_tenancy.store import members, organisations, products, rights


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


async def assign(unit: UnitOfWork, product_id: UUID, membership_id: UUID, *, assigned: bool) -> None:
    """Assigns a product to a member, or takes it back; does nothing when it is so.

    Raises PRECONDITION not_subscribed, NOT_FOUND member_not_found.
    """
    act = "product.assigned" if assigned else "product.taken_back"
    revision = await rights.next_revision(unit, act)
    membership = await members.load(unit, membership_id)
    if membership is None or (assigned and membership.state not in OPEN_STATES):
        raise not_found("member_not_found")
    if await products.subscription(unit, unit.organisation_id, product_id) is None:
        raise precondition("not_subscribed")
    present = await products.assignment(unit, product_id, membership_id)
    if assigned == (present is not None):
        return
    if present is None:
        unit.add(Assignment(organisation_id=unit.organisation_id, product_id=product_id, membership_id=membership_id))
    else:
        await unit.session.delete(present)
    unit.record(act, target_kind="membership", target_id=membership_id, product=str(product_id))
    authority.grants_changed(unit, revision, membership_id)


async def assignments(unit: UnitOfWork, membership_id: UUID | None) -> list[tenancy_pb2.ProductAssignments]:
    """The subscribed products by name, each with the members (or the one asked for) that may launch it."""
    return [
        tenancy_pb2.ProductAssignments(
            product_id=str(row["id"]),
            product_name=row["name"],
            membership_ids=map(str, row["membership_ids"]),
        )
        for row in await members.assignments(unit, membership_id)
    ]
