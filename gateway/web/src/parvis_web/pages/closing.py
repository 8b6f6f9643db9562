"""The end of an organisation: what goes, what stays, and until when it can be taken back."""

from starlette.responses import Response

from parvis.tenancy.v1 import closing_pb2
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Errors
from parvis_web.access import STAFF, Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.pages.records import RIGHT
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

PATH = "/o/{slug}/settings/data/closing"
pages = Area(
    "closing",
    entry="settings.records",
    sentences={
        "name_differs": N_("This is not the name of the organisation. Type it as it stands above."),
        "administrators_only": N_("Only those do this who administer the whole organisation."),
        "provider_stays": N_(
            "This organisation runs the portal of its customers: it is not closed here. Whoever operates the"
            " installation ends it as a whole."
        ),
    },
)


@pages.get(PATH, STAFF)
async def show(visit: OrganisationVisit) -> Response:
    """What closing does, and where it stands."""
    return await _page(visit, Errors(), "")


@pages.post(PATH, staff(RIGHT))
async def close(visit: OrganisationVisit) -> Response:
    """Begins it."""
    name = visit.form["name"]
    try:
        await visit.together(visit.clients.closing.CloseOrganisation(closing_pb2.CloseOrganisationRequest(name=name)))
    except ServiceError as error:
        return await _page(visit, visit.errors(error, "name"), name, status=422)
    return visit.redirect(_here(visit), visit.words("The closing has begun. Every administrator gets a mail."))


@pages.post(PATH + "/reopen", staff(RIGHT))
async def reopen(visit: OrganisationVisit) -> Response:
    """Ends it: everything is as it was."""
    await visit.together(visit.clients.closing.ReopenOrganisation(closing_pb2.ReopenOrganisationRequest()))
    return visit.redirect(_here(visit), visit.words("Open again: everything is as before."))


def _here(visit: OrganisationVisit) -> str:
    return f"{visit.base}/settings/data/closing"


async def _page(visit: OrganisationVisit, errors: Errors, name: str, *, status: int = 200) -> Response:
    _, stand = await visit.together(visit.clients.closing.GetClosing(closing_pb2.GetClosingRequest()))
    closing = stand.HasField("closes_at")
    if stand.may_close and not closing and not stand.is_provider:
        visit.ask_proof()
    context = {
        "tabs": settings_tabs(visit),
        "organisation": visit.organisation.face.name,
        "stand": stand,
        "closing": closing,
        "here": _here(visit),
        "name": name,
        "errors": errors,
    }
    return visit.render("records/closing.html", context, status=status)
