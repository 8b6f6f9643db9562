"""Second factors of others: their reset by two administrators, or by the provider's staff and a waiting time."""

import re

from starlette.responses import Response

from parvis.identity.v1 import factors_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_ui.forms import Errors
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.sentences import N_, sentence
from parvis_web.visit import OrganisationVisit

pages = Area(
    "factors",
    entry="settings.people",
    sentences={
        "no_factor": N_("There is no second factor to reset: the password alone opens this account."),
        "not_oneself": N_("You cannot ask for a reset of your own second factors. Ask another administrator."),
        "reset_waits": N_("A reset of this account waits already."),
        "second_administrator": N_("Somebody else has to agree: neither who asked, nor the person themself."),
        "reset_over": N_("This reset has ended. Ask for a new one if it is still needed."),
        "reset_not_found": N_("This reset does not exist."),
        "login_not_found": N_("Nobody signs in with this. Check the spelling, or name the firm of the client code."),
        "reason_length": N_("Say in %(least)s to %(most)s characters how you made sure who asks."),
    },
)
_STATES = {
    factors_pb2.FACTOR_RESET_STATE_ASKED: (N_("Waits for a second administrator"), "wait"),
    factors_pb2.FACTOR_RESET_STATE_WAITING: (N_("Waits for its time"), "wait"),
    factors_pb2.FACTOR_RESET_STATE_DONE: (N_("Done"), "ok"),
    factors_pb2.FACTOR_RESET_STATE_STOPPED: (N_("Given up"), "off"),
    factors_pb2.FACTOR_RESET_STATE_DECLINED: (N_("Stopped by the person"), "bad"),
    factors_pb2.FACTOR_RESET_STATE_LAPSED: (N_("Lapsed"), "off"),
}


@pages.get("/o/{slug}/settings/people/{id}/factors", staff("members.manage"), fresh=True)
async def member(visit: OrganisationVisit) -> Response:
    """Whether a member has second factors, and what can be done when they are lost."""
    return await _member(visit, "", Errors())


async def _member(visit: OrganisationVisit, reason: str, errors: Errors, status: int = 200) -> Response:
    membership_id = visit.request.path_params["id"]
    _frame, found, told = await visit.together(
        visit.clients.members.GetMember(tenancy_pb2.GetMemberRequest(id=membership_id)),
        visit.clients.factors.GetMemberFactors(factors_pb2.GetMemberFactorsRequest(membership_id=membership_id)),
    )
    context = {
        "tabs": settings_tabs(visit),
        "name": f"{found.given_name} {found.family_name}".strip(),
        "person": f"{visit.base}/settings/people/{found.id}",
        "myself": found.myself,
        "told": told,
        "reset": told.reset if told.HasField("reset") else None,
        "state": _state(visit.words, told.reset.state),
        "asked": factors_pb2.FACTOR_RESET_STATE_ASKED,
        "reason": reason,
        "errors": errors,
    }
    return visit.render("factors/member.html", context, status=status)


@pages.post("/o/{slug}/settings/people/{id}/factors", staff("members.manage"))
async def ask(visit: OrganisationVisit) -> Response:
    """Asks for a reset; the person is told."""
    reason = visit.form["reason"]
    request = factors_pb2.RequestFactorResetRequest(membership_id=visit.request.path_params["id"], reason=reason)
    try:
        await visit.clients.factors.RequestFactorReset(request)
    except ServiceError as error:
        if error.kind is not Kind.INVALID:
            raise
        return await _member(visit, reason, visit.errors(error, "reason"), status=422)
    said = visit.words("A second administrator has to agree now. The person is told by mail.")
    return visit.redirect(visit.address, said)


@pages.post("/o/{slug}/settings/people/{id}/factors/approve", staff("members.manage"))
async def approve(visit: OrganisationVisit) -> Response:
    """Agrees to a reset that somebody else asked for."""
    told = await visit.clients.factors.ApproveFactorReset(
        factors_pb2.ApproveFactorResetRequest(reset_id=visit.form["reset_id"])
    )
    said = visit.words("The reset waits for its time: the person may still say no.")
    if not told.has_factor:
        said = visit.words("The second factors are reset.")
    return visit.redirect(_back(visit, "/approve"), said)


@pages.post("/o/{slug}/settings/people/{id}/factors/stop", staff("members.manage"))
async def stop(visit: OrganisationVisit) -> Response:
    """Gives a reset up."""
    await visit.clients.factors.StopFactorReset(factors_pb2.StopFactorResetRequest(reset_id=visit.form["reset_id"]))
    return visit.redirect(_back(visit, "/stop"), visit.words("The reset is given up."))


@pages.get("/o/{slug}/customers/factors", staff("organisations.manage"), entry="customers", fresh=True)
async def provider(visit: OrganisationVisit) -> Response:
    """What the provider's staff asked for, and the form that asks."""
    return await _provider(visit, {}, Errors())


async def _provider(visit: OrganisationVisit, typed: dict[str, str], errors: Errors, status: int = 200) -> Response:
    _frame, listed = await visit.together(visit.clients.factors.ListFactorResets(factors_pb2.ListFactorResetsRequest()))
    context = {
        "resets": [(each, _state(visit.words, each.state)) for each in listed.resets],
        "open": (factors_pb2.FACTOR_RESET_STATE_ASKED, factors_pb2.FACTOR_RESET_STATE_WAITING),
        "values": {"identifier": "", "firm": "", "reason": ""} | typed,
        "errors": errors,
    }
    return visit.render("factors/provider.html", context, status=status)


@pages.post("/o/{slug}/customers/factors", staff("organisations.manage"), entry="customers")
async def ask_as_provider(visit: OrganisationVisit) -> Response:
    """Asks for a reset, which waits for its time."""
    form = visit.form
    typed = {name: form[name] for name in ("identifier", "firm", "reason")}
    if not typed["identifier"].strip():
        errors = Errors(identifier=visit.words("Enter what the person signs in with."))
        return await _provider(visit, typed, errors, status=422)
    request = factors_pb2.RequestProviderFactorResetRequest(
        identifier=typed["identifier"],
        organisation_slug=re.split(r"[?#]", typed["firm"].strip(), maxsplit=1)[0]
        .rstrip("/")
        .rpartition("/")[2]
        .lower(),
        reason=typed["reason"],
    )
    try:
        await visit.clients.factors.RequestProviderFactorReset(request)
    except ServiceError as error:
        if error.kind is Kind.INVALID:
            return await _provider(visit, typed, visit.errors(error, "reason"), status=422)
        if error.reason not in {"login_not_found", "no_factor", "not_oneself", "reset_waits"}:
            raise
        errors = Errors(identifier=sentence(visit.words, error))
        return await _provider(visit, typed, errors, status=422)
    return visit.redirect(visit.address, visit.words("The reset waits for its time. The person is told by mail."))


@pages.post("/o/{slug}/customers/factors/stop", staff("organisations.manage"), entry="customers")
async def stop_as_provider(visit: OrganisationVisit) -> Response:
    """Gives a reset up."""
    await visit.clients.factors.StopFactorReset(factors_pb2.StopFactorResetRequest(reset_id=visit.form["reset_id"]))
    return visit.redirect(f"{visit.base}/customers/factors", visit.words("The reset is given up."))


def _back(visit: OrganisationVisit, suffix: str) -> str:
    return visit.address.removesuffix(suffix)


def _state(_: Words, state: factors_pb2.FactorResetState.ValueType) -> tuple[str, str]:
    name, tone = _STATES.get(state, (N_("Done"), "off"))
    return _(name), tone
