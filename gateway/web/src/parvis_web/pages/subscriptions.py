"""What a customer has of the provider's products: which, and how many seats of each."""

from starlette.responses import Response

from parvis.billing.v1 import billing_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_web.access import Area, staff
from parvis_web.pages.contacts import whole
from parvis_web.pages.seats import number, taken
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "subscriptions",
    entry="customers",
    sentences={
        "organisation_not_found": N_("This customer is gone."),
        "product_not_found": N_("This product is gone."),
        "customer_closing": N_("This customer is being closed: nothing is sold to it any more."),
    },
)


async def _customer(
    visit: OrganisationVisit,
) -> tuple[tenancy_pb2.ListSubscriptionsResponse, dict[str, billing_pb2.Entitlement]]:
    """The customer of the address: what counts there, and what was bought by product."""
    customer_id = visit.request.path_params["id"]
    _frame, found, bought = await visit.together(
        visit.clients.products.ListSubscriptions(tenancy_pb2.ListSubscriptionsRequest(organisation_id=customer_id)),
        visit.clients.entitlements.ListEntitlements(
            billing_pb2.ListEntitlementsRequest(customer_id=customer_id, page_size=200)
        ),
    )
    return found, {each.product_id: each for each in bought.entitlements}


def _seats(had: tenancy_pb2.Subscription, bought: billing_pb2.Entitlement | None) -> int | None:
    """How many seats there are, or will be in a moment: what was bought counts, where anything was."""
    source = bought or had
    return source.seats if source.HasField("seats") else None


@pages.get("/o/{slug}/customers/{id}/subscribe", staff("products.manage"))
async def subscriptions(visit: OrganisationVisit) -> Response:
    """All products, those that the customer has first."""
    found, bought = await _customer(visit)
    shown = [
        {
            "product": each,
            "subscribed": each.subscribed or each.product_id in bought,
            "taken": taken(visit.words, _seats(each, bought.get(each.product_id)), each.used),
        }
        for each in found.subscriptions
    ]
    context = {
        "customer": found.organisation_name,
        "shown": sorted(shown, key=lambda each: not each["subscribed"]),
        "here": f"{visit.base}/customers/{visit.request.path_params['id']}",
    }
    return visit.render("customers/subscribe.html", context)


@pages.get("/o/{slug}/customers/{id}/products/{product_id}", staff("products.manage"))
async def subscription(visit: OrganisationVisit) -> Response:
    """How many seats of one product the customer has."""
    return await _subscription(visit, None, Errors())


async def _subscription(visit: OrganisationVisit, typed: str | None, errors: Errors, status: int = 200) -> Response:
    found, bought = await _customer(visit)
    had = next(
        (each for each in found.subscriptions if each.product_id == visit.request.path_params["product_id"]), None
    )
    if had is None:
        raise not_found()
    entitlement = bought.get(had.product_id)
    seats = _seats(had, entitlement)
    context = {
        "customer": found.organisation_name,
        "product": had,
        "subscribed": had.subscribed or entitlement is not None,
        "taken": taken(visit.words, seats, had.used),
        "back": f"{visit.base}/customers/{visit.request.path_params['id']}/subscribe",
        "seats": typed if typed is not None else "" if seats is None else str(seats),
        "version": entitlement.version if entitlement else 0,
        "errors": errors,
    }
    return visit.render("customers/seats.html", context, status=status)


@pages.post("/o/{slug}/customers/{id}/products/{product_id}", staff("products.manage"))
async def sell(visit: OrganisationVisit) -> Response:
    """The customer has the product, with so many seats; its administrators assign it to their colleagues."""
    _, typed = visit.words, visit.form["seats"]
    seats = number(typed)
    if typed and seats is None:
        return await _subscription(visit, typed, Errors(seats=_("Write a whole number in digits.")), status=422)
    request = billing_pb2.SetEntitlementRequest(
        customer_id=visit.request.path_params["id"],
        product_id=visit.request.path_params["product_id"],
        seats=seats,
        version=whole(visit.form["version"]),
    )
    try:
        await visit.clients.entitlements.SetEntitlement(request)
    except ServiceError as error:
        return await _subscription(visit, typed, visit.errors(error, "seats"), status=422)
    where = f"{visit.base}/customers/{visit.request.path_params['id']}/subscribe"
    return visit.redirect(where, _("%(product)s: the subscription is saved.", product=visit.form["product_name"]))
