"""The provider's customers: the organisations that use the installation."""

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Errors
from parvis_ui.lists import Column, changed
from parvis_web.access import Area, staff
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "customers",
    sentences={
        "slug_taken": N_("Another organisation has this address. Choose another."),
        "slug_invalid": N_(
            "An address has 48 characters at most: small letters, digits and single hyphens between them. "
            "Words of the portal itself are reserved."
        ),
        "siren_taken": N_("An organisation with this SIREN is already a customer."),
    },
)

_FIELDS = (
    "name", "slug", "siren", "administrator_mail", "administrator_given_name", "administrator_family_name",
)  # fmt: skip


@pages.get("/o/{slug}/customers", staff("organisations.manage"))
async def customers(visit: OrganisationVisit) -> Response:
    """The list."""
    _, query = visit.words, visit.query.get("q", "")
    request = tenancy_pb2.ListCustomersRequest(query=query, page_token=visit.query.get("after", ""))
    _frame, found = await visit.together(visit.clients.organisations.ListCustomers(request))
    context = {
        "customers": found.organisations,
        "closes_at": dict(found.closes_at),
        "total": found.total,
        "next": changed(visit.address, after=found.next_page_token) if found.next_page_token else "",
        "query": query,
        "columns": [
            Column(_("Name")),
            Column(_("SIREN"), wide=True),
            Column(_("Town")),
            *([Column(_("State"))] if found.closes_at else []),
        ],
    }
    return visit.render("customers/list.html", context)


@pages.get("/o/{slug}/customers/new", staff("organisations.manage"))
async def new(visit: OrganisationVisit) -> Response:
    """The form for a new customer."""
    return await _form(visit, dict.fromkeys(_FIELDS, ""), Errors())


async def _form(visit: OrganisationVisit, values: dict[str, str], errors: Errors, status: int = 200) -> Response:
    await visit.together()
    public = visit.portal.settings.public_url.rstrip("/")
    return visit.render("customers/new.html", {"values": values, "errors": errors, "public": public}, status=status)


@pages.post("/o/{slug}/customers/new", staff("organisations.manage"))
async def create(visit: OrganisationVisit) -> Response:
    """Makes the organisation and invites its first administrator."""
    _ = visit.words
    values = {name: visit.form[name] for name in _FIELDS}
    empty = visit.missing("name", "administrator_given_name", "administrator_family_name", "administrator_mail")
    if empty:
        return await _form(visit, values, empty, status=422)
    try:
        made = await visit.clients.organisations.CreateCustomer(
            tenancy_pb2.CreateCustomerRequest(
                name=values["name"],
                slug=values["slug"],
                siren=values["siren"],
                administrator_mail=values["administrator_mail"],
                administrator_given_name=values["administrator_given_name"],
                administrator_family_name=values["administrator_family_name"],
            )
        )
    except ServiceError as error:
        errors = visit.errors(error, *_FIELDS, slug_taken="slug", siren_taken="siren")
        return await _form(visit, values, errors, status=422)
    said = _(
        "%(name)s is created. An invitation is on its way to %(mail)s.",
        name=made.name,
        mail=values["administrator_mail"],
    )
    return visit.redirect(f"{visit.base}/customers/{made.id}/subscribe", said)
