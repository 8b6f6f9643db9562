"""What the provider does with its products: registering, changing, closing, trying them out. The OpenID client of each
is identity's; here stands who may ask for what.
"""

from typing import Any
from uuid import UUID

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import conflict, not_found
from parvis_kit.ids import parse, uuid7
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.models import Product
from parvis_tenancy.service.accounts import Identity
from parvis_tenancy.service.fields import LINE, Fields
from parvis_tenancy.store import products
from parvis_tenancy.store.search import sort_key

_Written = tenancy_pb2.RegisterProductRequest | tenancy_pb2.UpdateProductRequest


async def register(
    unit: UnitOfWork, identity: Identity, request: tenancy_pb2.RegisterProductRequest
) -> tenancy_pb2.RegisteredProduct:
    """Registers a product and its OpenID client, whose secret is shown this once. Raises INVALID fields_invalid,
    client_invalid.
    """
    fields = Fields()
    values = _written(fields, request)
    settings = request.client if request.HasField("client") else None
    redirects = [fields.web_address("redirect_uris", each) for each in request.redirect_uris]
    after_logout = [fields.web_address("post_logout_redirect_uris", each) for each in request.post_logout_redirect_uris]
    if not redirects and settings is None:
        fields.wrong("redirect_uris", "required")
    fields.settle()
    product_id = uuid7()
    client = await identity.clients.RegisterClient(
        identity_pb2.RegisterClientRequest(
            name=values["name"],
            product_id=str(product_id),
            redirect_uris=redirects,
            post_logout_redirect_uris=after_logout,
            settings=settings,
        )
    )
    unit.add(
        Product(
            provider_id=unit.organisation_id,
            id=product_id,
            client_id=client.client_id,
            sort_key=sort_key(values["name"]),
            created_at=unit.now,
            **values,
        )
    )
    unit.record("product.registered", target_kind="product", target_id=product_id, name=values["name"])
    return _registered(product_id, client)


async def described(unit: UnitOfWork, identity: Identity, product_id: UUID) -> tenancy_pb2.Product:
    """A product and its client. Raises NOT_FOUND product_not_found."""
    product = await owned(unit, product_id)
    client = await identity.clients.GetClient(identity_pb2.GetClientRequest(client_id=product.client_id))
    return _message(product, client)


async def update(
    unit: UnitOfWork, identity: Identity, request: tenancy_pb2.UpdateProductRequest
) -> tenancy_pb2.RegisteredProduct:
    """Changes a product and its client. Raises NOT_FOUND, INVALID fields_invalid, client_invalid, CONFLICT
    stale_version.
    """
    product = await owned(unit, parse(request.id), lock=True)
    if product.version != request.version:
        raise conflict("stale_version", version=str(product.version))
    fields = Fields()
    values = _written(fields, request)
    fields.settle()
    for column, value in values.items():
        setattr(product, column, value)
    product.sort_key = sort_key(product.name)
    product.version += 1
    await unit.flush()
    # Last: whatever fails before it leaves the client as it was.
    client = await identity.clients.UpdateClient(
        identity_pb2.UpdateClientRequest(client_id=product.client_id, name=product.name, settings=request.client)
    )
    unit.record("product.changed", target_kind="product", target_id=product.id, name=product.name)
    return _registered(product.id, client)


async def rotate_secret(
    unit: UnitOfWork, identity: Identity, product_id: UUID, keep_hours: int
) -> tenancy_pb2.RegisteredProduct:
    """A new secret for a product's client. Raises NOT_FOUND, PRECONDITION client_has_no_secret, INVALID."""
    product = await owned(unit, product_id)
    client = await identity.clients.RotateClientSecret(
        identity_pb2.RotateClientSecretRequest(client_id=product.client_id, keep_hours=keep_hours)
    )
    unit.record("product.secret_rotated", target_kind="product", target_id=product_id, kept_hours=str(keep_hours))
    return _registered(product_id, client)


async def set_open(unit: UnitOfWork, identity: Identity, product_id: UUID, *, open_: bool) -> tenancy_pb2.Product:
    """Closes a product's client, or opens it again. Raises NOT_FOUND."""
    product = await owned(unit, product_id, lock=True)
    # What the client is closed by is identity's; here it is kept for lists, which ask nobody else.
    product.closed_at = None if open_ else product.closed_at or unit.now
    await unit.flush()
    client = await identity.clients.SetClientOpen(
        identity_pb2.SetClientOpenRequest(client_id=product.client_id, open=open_)
    )
    unit.record("product.opened" if open_ else "product.closed", target_kind="product", target_id=product_id)
    return _message(product, client)


async def owned(unit: UnitOfWork, product_id: UUID, *, lock: bool = False) -> Product:
    """A product of the provider. Raises NOT_FOUND product_not_found."""
    product = await products.load(unit, product_id, lock=lock)
    if product is None:
        raise not_found("product_not_found")
    return product


def _written(fields: Fields, request: _Written) -> dict[str, Any]:
    return {
        "name": fields.text("name", request.name, required=True),
        "description": fields.text("description", request.description, longest=LINE),
        "launch_url": fields.web_address("launch_url", request.launch_url),
    }


def _registered(product_id: UUID, client: identity_pb2.RegisteredClient) -> tenancy_pb2.RegisteredProduct:
    return tenancy_pb2.RegisteredProduct(
        id=str(product_id), client_id=client.client_id, client_secret=client.client_secret
    )


def _message(product: Product, client: identity_pb2.Client) -> tenancy_pb2.Product:
    return tenancy_pb2.Product(
        id=str(product.id),
        name=product.name,
        description=product.description,
        launch_url=product.launch_url,
        version=product.version,
        client=client,
    )
