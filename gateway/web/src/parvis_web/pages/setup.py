"""First start without demonstration: one link makes the provider and its first administrator."""

from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_ui.forms import Errors
from parvis_web.access import ANYONE, Area
from parvis_web.sentences import N_
from parvis_web.visit import Visit

pages = Area(
    "setup",
    sentences={
        "setup_token_wrong": N_("This is not the link that the installation printed at its first start."),
        "already_set_up": N_("The portal already has its first administrator. Sign in, or ask them for an invitation."),
    },
)

_FIELDS = ("organisation_name", "given_name", "family_name", "mail", "locale")


@pages.get("/setup", ANYONE)
async def form(visit: Visit) -> Response:
    """The form behind the printed link."""
    values = dict.fromkeys(_FIELDS, "") | {"locale": visit.words.language}
    return _form(visit, values, visit.query.get("token", ""), Errors())


def _form(visit: Visit, values: dict[str, str], token: str, errors: Errors, status: int = 200) -> Response:
    answer = visit.render("setup/setup.html", {"values": values, "token": token, "errors": errors}, status=status)
    answer.headers["Referrer-Policy"] = "no-referrer"  # the token is in the address
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.post("/setup", ANYONE)
async def set_up(visit: Visit) -> Response:
    """Makes the provider, then takes its first administrator to choose a password."""
    _ = visit.words
    values, token = {name: visit.form[name] for name in _FIELDS}, visit.form["setup_token"]
    empty = visit.missing("organisation_name", "given_name", "family_name", "mail")
    if empty:
        return _form(visit, values, token, empty, status=422)
    try:
        made = await visit.clients.organisations.SetUp(tenancy_pb2.SetUpRequest(setup_token=token, **values))
    except ServiceError as error:
        if error.reason == "already_set_up":
            said = _("The portal already has its first administrator. Sign in, or ask them for an invitation.")
            return visit.error(409, _("The portal is already set up"), said, actions=((_("Sign in"), "/auth/start"),))
        if error.kind is Kind.UNAVAILABLE:
            raise
        errors = visit.errors(error, *_FIELDS, setup_token_wrong="")
        return _form(visit, values, token, errors, status=422)
    ours = urlsplit(made.activation_url)
    return RedirectResponse(f"{ours.path}?{ours.query}" if ours.query else ours.path, 303)
