"""The firm's directory over SCIM: the address and the tokens that it needs, and what it did lately."""

from collections.abc import Mapping

from starlette.responses import Response

from parvis.identity.v1 import scim_pb2 as pb
from parvis_kit.errors import ServiceError
from parvis_ui import formats
from parvis_ui.forms import Errors
from parvis_ui.lists import Column
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs, sign_in_tabs
from parvis_web.pages.contacts import whole
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "scim",
    entry="settings.sign_in.scim",
    sentences={
        "too_many_tokens": N_("Two tokens count already. Revoke the one that your directory uses no more."),
        "scim_token_invalid": N_("Something in this form cannot be accepted. Check what you chose."),
        "days_not_offered": N_("Choose how long it counts."),
        "scim_token_not_found": N_("This token has been revoked already."),
    },
)
_PAGE = "/o/{slug}/settings/sign-in/scim"

#: Why an operation was refused, by the check's stable name. Of the others, what the directory was told is shown.
WHY: Mapping[str, str] = {
    "uniqueness": N_("Another person of your directory has this name or identifier already."),
    "address_of_another_account": N_(
        "This mail address belongs to an account outside your organisation. Verify its domain if it is yours."
    ),
    "invalidValue": N_("A value cannot be accepted."),
    "invalidPath": N_("The directory sends an attribute that is not known here: take it out of its mapping."),
    "invalidSyntax": N_("The request could not be read."),
    "noTarget": N_("The directory changes a value that is not there: it will send the whole person again."),
    "mutability": N_("The directory changes what it cannot change."),
    "not_found": N_("There is no such person or group: the directory will send it again."),
    "version_changed": N_("It had changed meanwhile: the directory reads it again."),
    "changed_at_once": N_("Several changes of one person came at once: the directory tries again."),
    "closed_by_operator": N_(
        "The directory lets this person in, but the portal's publisher closed their account: it stays closed until the "
        "publisher opens it again."
    ),
    "made_at_once": N_("Several requests made the same people: the directory tries again."),
    "unavailable": N_("A part of the portal was restarting: the directory tries again."),
}


@pages.get(_PAGE, staff("sign_in.manage"))
async def overview(visit: OrganisationVisit) -> Response:
    """Address, tokens and the last synchronisations."""
    scim = visit.clients.scim
    _frame, found, runs = await visit.together(
        scim.GetScim(pb.GetScimRequest()), scim.ListSynchronisations(pb.ListSynchronisationsRequest())
    )
    _ = visit.words
    here = _here(visit)
    context = {
        "tabs": settings_tabs(visit),
        "subtabs": sign_in_tabs(visit),
        "found": found,
        "here": here,
        "columns": [
            Column(_("Token")),
            Column(_("Made")),
            Column(_("Last used")),
            Column(_("Counts until")),
            Column(_("Revoke"), hidden=True),
        ],
        "runs": [(each, _did(_, each), [_why(_, one) for one in each.refusals]) for each in runs.synchronisations],
    }
    return visit.render("sign_in/scim.html", context)


@pages.get(f"{_PAGE}/tokens/new", staff("sign_in.manage"), fresh=True)
async def new(visit: OrganisationVisit) -> Response:
    """The form of a token."""
    await visit.together()
    return _form(visit, "", "365", Errors())


@pages.post(f"{_PAGE}/tokens/new", staff("sign_in.manage"))
async def create(visit: OrganisationVisit) -> Response:
    """Makes a token. It is in this answer and nowhere else, so there is no redirect."""
    name, days = visit.form["name"], visit.form["days"]
    errors = visit.missing("name")
    made = pb.NewScimToken()
    if not errors:
        request = pb.CreateScimTokenRequest(name=name, days=whole(days) if days else -1)
        try:
            made = await visit.clients.scim.CreateScimToken(request)
        except ServiceError as error:
            errors = visit.errors(error, "name", "days", too_many_tokens="name")
    await visit.together()
    if errors:
        return _form(visit, name, days, errors, status=422)
    found = await visit.clients.scim.GetScim(pb.GetScimRequest())
    context = {"here": _here(visit), "made": made, "address": found.address}
    answer = visit.render("sign_in/scim_token.html", context)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@pages.post(f"{_PAGE}/tokens/{{id}}/revoke", staff("sign_in.manage"))
async def revoke(visit: OrganisationVisit) -> Response:
    """The token lets nobody in any more."""
    _ = visit.words
    await visit.clients.scim.RevokeScimToken(pb.RevokeScimTokenRequest(id=visit.request.path_params["id"]))
    return visit.redirect(_here(visit), _("The token is revoked: a directory that still shows it is refused."))


def _here(visit: OrganisationVisit) -> str:
    return f"{visit.base}/settings/sign-in/scim"


def _form(visit: OrganisationVisit, name: str, days: str, errors: Errors, *, status: int = 200) -> Response:
    _ = visit.words
    lifetimes = [("180", _("Six months")), ("365", _("One year")), ("730", _("Two years"))]
    context = {"here": _here(visit), "name": name, "days": days, "lifetimes": lifetimes, "errors": errors}
    return visit.render("sign_in/scim_new.html", context, status=status)


def _why(_: Words, refused: pb.RefusedOperation) -> tuple[str, str]:
    """Whom an operation was about, and why it was refused."""
    why = _(WHY[refused.check]) if refused.check in WHY else refused.detail
    return refused.name if refused.name != "-" else refused.what, why


def _did(_: Words, run: pb.Synchronisation) -> list[str]:
    """What a synchronisation did, in words."""

    def many(number: int) -> str:
        return formats.number(number, _.language)

    told = (
        (run.created, _.plural("%(num)s person arrived", "%(num)s people arrived", run.created, num=many(run.created))),
        (run.changed, _.plural("%(num)s person changed", "%(num)s people changed", run.changed, num=many(run.changed))),
        (run.disabled, _.plural("%(num)s person left", "%(num)s people left", run.disabled, num=many(run.disabled))),
        (
            run.reopened,
            _.plural("%(num)s person came back", "%(num)s people came back", run.reopened, num=many(run.reopened)),
        ),
        (run.deleted, _.plural("%(num)s person deleted", "%(num)s people deleted", run.deleted, num=many(run.deleted))),
        (
            run.groups,
            _.plural("%(num)s change of groups", "%(num)s changes of groups", run.groups, num=many(run.groups)),
        ),
        (run.refused, _.plural("%(num)s refused", "%(num)s refused", run.refused, num=many(run.refused))),
    )
    return [said for number, said in told if number]
