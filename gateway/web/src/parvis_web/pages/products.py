"""The provider's products: OpenID clients that the portal launches."""

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Errors
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "products",
    entry="settings.products",
    sentences={"not_a_redirect_address": N_("This must be a full web address without a fragment, one on each line.")},
)

_FIELDS = ("name", "description", "launch_url", "redirect_uris", "post_logout_redirect_uris")


@pages.get("/o/{slug}/settings/products", staff("products.manage"))
async def products(visit: OrganisationVisit) -> Response:
    """The products of the installation."""
    _frame, found = await visit.together(visit.clients.products.ListMyProducts(tenancy_pb2.ListMyProductsRequest()))
    return visit.render("products/list.html", {"tabs": settings_tabs(visit), "products": found.products})


@pages.get("/o/{slug}/settings/products/new", staff("products.manage"))
async def new(visit: OrganisationVisit) -> Response:
    """The form that registers a product."""
    return await _form(visit, dict.fromkeys(_FIELDS, ""), Errors())


async def _form(visit: OrganisationVisit, values: dict[str, str], errors: Errors, status: int = 200) -> Response:
    await visit.together()
    return visit.render("products/new.html", {"values": values, "errors": errors}, status=status)


@pages.post("/o/{slug}/settings/products/new", staff("products.manage"))
async def register(visit: OrganisationVisit) -> Response:
    """Registers a product. Its secret is in this answer and nowhere else, so there is no redirect."""
    _ = visit.words
    values = {name: visit.form[name] for name in _FIELDS}
    empty = visit.missing("name", "launch_url", "redirect_uris")
    if empty:
        return await _form(visit, values, empty, status=422)
    request = tenancy_pb2.RegisterProductRequest(
        name=values["name"],
        description=values["description"],
        launch_url=values["launch_url"],
        redirect_uris=values["redirect_uris"].split(),
        post_logout_redirect_uris=values["post_logout_redirect_uris"].split(),
    )
    try:
        made = await visit.clients.products.RegisterProduct(request)
    except ServiceError as error:
        return await _form(visit, values, visit.errors(error, *_FIELDS, name_taken="name"), status=422)
    await visit.together()
    context = {"made": made, "name": values["name"], "issuer": visit.portal.settings.public_url}
    answer = visit.render("products/registered.html", context)
    answer.headers["Cache-Control"] = "no-store"
    return answer
