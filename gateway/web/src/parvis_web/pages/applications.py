"""Applications: the products that the portal opens, and for the others who can help."""

from collections.abc import Iterable
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_web.access import STAFF, Area, staff
from parvis_web.sentences import N_, either
from parvis_web.visit import OrganisationVisit

pages = Area(
    "applications",
    sentences={"not_subscribed": N_("Your organisation no longer has this application, so it cannot be assigned.")},
)


def launch_address(launch_url: str, slug: str) -> str:
    """Where "Start" leads: the product's address with the organisation it is opened for; the product then signs
    in by itself.
    """
    parts = urlsplit(launch_url)
    query = [
        *((name, value) for name, value in parse_qsl(parts.query) if name != "organisation"),
        ("organisation", slug),
    ]
    return urlunsplit(parts._replace(query=urlencode(query)))


def in_order(products: Iterable[tenancy_pb2.MyProduct], *, catalogue: bool) -> list[tenancy_pb2.MyProduct]:
    """What can be opened first, then what can be assigned, then what is closed and with `catalogue` what is not
    subscribed; by name as they came.
    """
    shown = (product for product in products if catalogue or product.state != tenancy_pb2.PRODUCT_STATE_NOT_SUBSCRIBED)
    return sorted(shown, key=lambda product: (product.closed, product.state))


@pages.get("/o/{slug}/applications", STAFF)
async def applications(visit: OrganisationVisit) -> Response:
    """All products, those that can be opened first."""
    _, found = await visit.together(visit.clients.products.ListMyProducts(tenancy_pb2.ListMyProductsRequest()))
    context = {
        "products": in_order(found.products, catalogue=not visit.is_provider),
        "provider": visit.is_provider,
        "either": partial(either, visit.words),
        "launch": lambda product: launch_address(product.launch_url, visit.organisation.face.slug),
    }
    return visit.render("applications/list.html", context)


@pages.post("/o/{slug}/applications/{id}/assign-to-me", staff("products.assign"))
async def assign_to_me(visit: OrganisationVisit) -> Response:
    """An administrator without the product gives it to themself, where they are."""
    _ = visit.words
    frame = (await visit.together())[0]
    await visit.clients.products.SetAssignment(
        tenancy_pb2.SetAssignmentRequest(
            product_id=visit.request.path_params["id"], membership_id=frame.membership.id, assigned=True
        )
    )
    return visit.redirect(f"{visit.base}/applications", _("The application is assigned to you."))
