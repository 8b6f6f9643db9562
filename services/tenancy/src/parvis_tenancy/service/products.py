"""Products: registering, subscribing, assigning."""

from uuid import UUID

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import not_found, precondition
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.states import OPEN_STATES
from parvis_tenancy.models import Assignment, Product, Subscription
from parvis_tenancy.service import authority
from parvis_tenancy.service.accounts import Identity
from parvis_tenancy.service.fields import LINE, Fields
from parvis_tenancy.store import members, organisations, products, rights
from parvis_tenancy.store.search import sort_key


async def register(
    unit: UnitOfWork, identity: Identity, request: tenancy_pb2.RegisterProductRequest
) -> tenancy_pb2.RegisteredProduct:
    """Registers a product and its OpenID client, whose secret is shown this once. Raises INVALID fields_invalid."""
    fields = Fields()
    name = fields.text("name", request.name, required=True)
    description = fields.text("description", request.description, longest=LINE)
    launch_url = fields.web_address("launch_url", request.launch_url)
    redirects = [fields.web_address("redirect_uris", each) for each in request.redirect_uris]
    after_logout = [fields.web_address("post_logout_redirect_uris", each) for each in request.post_logout_redirect_uris]
    if not redirects:
        fields.wrong("redirect_uris", "required")
    fields.settle()
    product_id = uuid7()
    client = await identity.register_client(
        name=name, product_id=product_id, redirect_uris=redirects, post_logout_redirect_uris=after_logout
    )
    unit.add(
        Product(
            provider_id=unit.organisation_id,
            id=product_id,
            client_id=client.client_id,
            name=name,
            description=description,
            launch_url=launch_url,
            sort_key=sort_key(name),
            created_at=unit.now,
        )
    )
    unit.record("product.registered", target_kind="product", target_id=product_id, name=name)
    return tenancy_pb2.RegisteredProduct(
        id=str(product_id), client_id=client.client_id, client_secret=client.client_secret
    )


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
    revision = await rights.next_revision(unit)
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
    act = "product.assigned" if assigned else "product.taken_back"
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
