"""What the passwords of the accounts that a firm gives must be."""

from starlette.responses import Response

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError
from parvis_ui.forms import Errors
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.pages.contacts import whole
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "passwords",
    entry="settings.passwords",
    sentences={
        "below_floor": N_("This is less than the portal demands at least."),
        "not_signs": N_("Only signs count here: no letter, no digit, no space."),
    },
)

_FIELDS = ("minimum", "digit", "capital", "small", "special_characters")


@pages.get("/o/{slug}/settings/passwords", staff("organisation.manage"), fresh=True)
async def policy(visit: OrganisationVisit) -> Response:
    """The rules as they are."""
    return await _form(visit, None, Errors())


async def _form(
    visit: OrganisationVisit, typed: identity_pb2.PasswordPolicy | None, errors: Errors, status: int = 200
) -> Response:
    _frame, found = await visit.together(
        visit.clients.organisations.GetPasswordPolicy(tenancy_pb2.GetPasswordPolicyRequest())
    )
    context = {
        "tabs": settings_tabs(visit),
        "policy": typed or found.policy,
        "floor": found.floor,
        "floor_words": _in_words(visit, found.floor),
        "refuses_leaked": found.refuses_leaked,
        "errors": errors,
    }
    return visit.render("passwords/policy.html", context, status=status)


def _in_words(visit: OrganisationVisit, floor: identity_pb2.PasswordPolicy) -> list[str]:
    _ = visit.words
    said = [_.plural("%(num)s character", "%(num)s characters", floor.minimum)]
    if floor.digit:
        said.append(_("a digit"))
    if floor.capital:
        said.append(_("a capital letter"))
    if floor.small:
        said.append(_("a small letter"))
    if floor.special_characters:
        said.append(_("one of the signs %(signs)s", signs=" ".join(floor.special_characters)))
    return said


@pages.post("/o/{slug}/settings/passwords", staff("organisation.manage"))
async def save(visit: OrganisationVisit) -> Response:
    """Sets the rules."""
    _, form = visit.words, visit.form
    typed = identity_pb2.PasswordPolicy(
        minimum=min(whole(form["minimum"]), 1000),
        digit=bool(form["digit"]),
        capital=bool(form["capital"]),
        small=bool(form["small"]),
        special_characters=form["special_characters"],
    )
    try:
        await visit.clients.organisations.SavePasswordPolicy(tenancy_pb2.SavePasswordPolicyRequest(policy=typed))
    except ServiceError as error:
        return await _form(visit, typed, visit.errors(error, *_FIELDS), status=422)
    return visit.redirect(
        visit.address, _("Saved. Who has a password that no longer fits chooses another one at their next sign-in.")
    )
