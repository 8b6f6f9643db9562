"""Referents: who receives invoices, news of outages and of incidents with personal data; and who at the provider can
act for the organisation.
"""

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_ui.lists import Column
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.rights import right_label
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "referents",
    entry="settings.referents",
    sentences={
        "referent_not_active": N_("%(name)s has not joined yet, or their access is cut: choose somebody else."),
        "member_not_found": N_("This person is gone."),
    },
)

#: Name in the address → duty, what it is called, what it means.
DUTIES = {
    "accounting": (tenancy_pb2.DUTY_ACCOUNTING, N_("Accounting"), N_("They receive the provider's invoices.")),
    "technical": (
        tenancy_pb2.DUTY_TECHNICAL,
        N_("Technical"),
        N_("They are told when an application is out of order."),
    ),
    "data-protection": (
        tenancy_pb2.DUTY_DATA_PROTECTION,
        N_("Data protection"),
        N_("They are told of incidents that touch your personal data (data protection officer)."),
    ),
}
_MOST_SHOWN = 200


def _duty(words: Words, duty: int) -> str:
    return next((words(label) for number, label, _ in DUTIES.values() if number == duty), "")


@pages.get("/o/{slug}/settings/referents", staff("members.read"))
async def referents(visit: OrganisationVisit) -> Response:
    """Who is charged with what, and was before; who at the provider can act."""
    _ = visit.words
    organisations = visit.clients.organisations
    _frame, found, provider = await visit.together(
        organisations.ListReferents(tenancy_pb2.ListReferentsRequest()),
        organisations.ListProviderStaff(tenancy_pb2.ListProviderStaffRequest()),
    )
    context = {
        "tabs": settings_tabs(visit),
        "here": f"{visit.base}/settings/referents",
        "duties": [
            {
                "key": key,
                "label": _(label),
                "text": _(text),
                "people": [each for each in found.referents if each.duty == number],
            }
            for key, (number, label, text) in DUTIES.items()
        ],
        "former": found.former,
        "former_columns": [Column(_("Name")), Column(_("Duty")), Column(_("From")), Column(_("Until"))],
        "duty_of": lambda each: _duty(_, each.duty),
        "provider": provider,
        "own": visit.is_provider,
        "staff_columns": [Column(_("Name")), Column(_("What they may do for you"))],
        "right_of": lambda code: right_label(_, code),
    }
    return visit.render("referents/list.html", context)


@pages.get("/o/{slug}/settings/referents/{duty}", staff("organisation.manage"))
async def choose(visit: OrganisationVisit) -> Response:
    """The form for one duty."""
    return await _choose(visit, None, Errors())


async def _choose(visit: OrganisationVisit, typed: list[str] | None, errors: Errors, status: int = 200) -> Response:
    _, (number, label, text) = visit.words, _wanted(visit)
    query = visit.query.get("q", "")
    _frame, found, listed = await visit.together(
        visit.clients.organisations.ListReferents(tenancy_pb2.ListReferentsRequest()),
        visit.clients.members.ListMembers(
            tenancy_pb2.ListMembersRequest(
                query=query, state=tenancy_pb2.MEMBERSHIP_STATE_ACTIVE, page_size=_MOST_SHOWN
            )
        ),
    )
    held = [each for each in found.referents if each.duty == number]
    shown = {each.membership_id: (each.membership_id, each.name, each.function) for each in held}
    for each in listed.members:
        name = f"{each.given_name} {each.family_name}".strip()
        shown.setdefault(each.id, (each.id, name, each.function or each.mail))
    context = {
        "title": _(label),
        "text": _(text),
        "several": number == tenancy_pb2.DUTY_ACCOUNTING,
        "people": list(shown.values()),
        "chosen": typed if typed is not None else [each.membership_id for each in held],
        "searched": bool(query) or bool(listed.next_page_token),
        "query": query,
        "here": visit.request.url.path,
        "back": f"{visit.base}/settings/referents",
        "errors": errors,
    }
    return visit.render("referents/choose.html", context, status=status)


def _wanted(visit: OrganisationVisit) -> "tuple[tenancy_pb2.Duty.ValueType, str, str]":
    found = DUTIES.get(visit.request.path_params["duty"])
    if found is None:
        raise not_found()
    return found


@pages.post("/o/{slug}/settings/referents/{duty}", staff("organisation.manage"))
async def charge(visit: OrganisationVisit) -> Response:
    """Charges these people with the duty, and nobody else."""
    _, chosen = visit.words, [each for each in visit.form.all("membership_ids") if each]
    request = tenancy_pb2.SetReferentsRequest(duty=_wanted(visit)[0], membership_ids=chosen)
    try:
        await visit.clients.organisations.SetReferents(request)
    except ServiceError as error:
        places = {"referent_not_active": "membership_ids"}
        return await _choose(visit, chosen, visit.errors(error, "membership_ids", **places), status=422)
    return visit.redirect(f"{visit.base}/settings/referents", _("The referents are saved."))
