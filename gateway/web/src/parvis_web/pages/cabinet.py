"""The organisation's record, and its face on the portal."""

from zoneinfo import available_timezones

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Errors
from parvis_web.access import Area, staff
from parvis_web.calls import at_once
from parvis_web.navigation import settings_tabs
from parvis_web.pages.contacts import whole
from parvis_web.visit import OrganisationVisit

pages = Area("cabinet", entry="settings.organisation")

_FIELDS = (
    "name", "legal_name", "legal_form", "capital", "siren", "registry", "vat_number", "telephone", "mail", "iban",
    "time_zone", "lines", "postal_code", "city", "country", "accent",
)  # fmt: skip
_ZONES = ("Europe/", "America/", "Indian/", "Pacific/", "Africa/", "Atlantic/")
#: Shown first: where French firms are.
_NEAR = (
    "Europe/Paris",
    "Europe/Brussels",
    "Europe/Luxembourg",
    "Europe/Zurich",
    "America/Guadeloupe",
    "Indian/Reunion",
)
DEFAULT_ACCENT = "#0f5c5c"


@pages.get("/o/{slug}/settings/organisation", staff("organisation.manage"))
async def record(visit: OrganisationVisit) -> Response:
    """The record, with what is missing marked."""
    return await _form(visit, None, Errors())


async def _form(
    visit: OrganisationVisit, typed: tenancy_pb2.Organisation | None, errors: Errors, status: int = 200
) -> Response:
    organisations = visit.clients.organisations
    home, stored = await at_once(
        organisations.GetHome(tenancy_pb2.GetHomeRequest()),
        organisations.GetOrganisation(tenancy_pb2.GetOrganisationRequest()),
    )
    visit.keep_frame(home.frame)
    shown = typed or stored
    known = available_timezones()
    context = {
        "tabs": settings_tabs(visit),
        "record": shown,
        "version": stored.version,
        "missing": set() if typed else set(home.missing_mentions),
        "errors": errors,
        "zones": [
            (zone, zone.replace("_", " ")) for zone in (*_NEAR, *sorted(z for z in known if z.startswith(_ZONES)))
        ],
        "accent": shown.accent or DEFAULT_ACCENT,
        "accent_default": not shown.accent,
    }
    return visit.render("cabinet/record.html", context, status=status)


@pages.post("/o/{slug}/settings/organisation", staff("organisation.manage"))
async def save(visit: OrganisationVisit) -> Response:
    """Saves the record."""
    _, form = visit.words, visit.form
    typed = tenancy_pb2.Organisation(
        name=form["name"],
        legal_name=form["legal_name"],
        legal_form=form["legal_form"],
        capital=form["capital"],
        siren=form["siren"],
        registry=form["registry"],
        vat_number=form["vat_number"],
        telephone=form["telephone"],
        mail=form["mail"],
        iban=form["iban"],
        time_zone=form["time_zone"],
        accent="" if form["accent_default"] else form["accent"],
        version=whole(form["version"]),
        address=tenancy_pb2.PostalAddress(
            lines=[line.strip() for line in form["lines"].splitlines() if line.strip()],
            postal_code=form["postal_code"],
            city=form["city"],
            country=form["country"].upper(),
        ),
    )
    try:
        await visit.clients.organisations.UpdateOrganisation(tenancy_pb2.UpdateOrganisationRequest(organisation=typed))
    except ServiceError as error:
        return await _form(visit, typed, visit.errors(error, *_FIELDS, **{"address.lines": "lines"}), status=422)
    visit.session.ask_again()  # the name and the accent may be new
    return visit.redirect(visit.address, _("The record is saved."))
