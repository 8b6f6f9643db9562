"""Requests for an account: whoever asked follows theirs, whoever may invite answers them.

Whoever waits is no member: their pages are of the account, and no page of the organisation opens to them.
"""

from datetime import UTC, datetime

from starlette.responses import RedirectResponse, Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_ui.lists import Column, changed
from parvis_web.access import ACCOUNT, Area, staff
from parvis_web.calls import if_allowed
from parvis_web.navigation import settings_tabs
from parvis_web.pages.seats import offers
from parvis_web.sentences import N_
from parvis_web.visit import AccountVisit, OrganisationVisit

pages = Area(
    "requests",
    entry="settings.people",
    sentences={
        "request_answered": N_("This request was answered, taken back, or has expired: nothing is left to do."),
        "account_closed": N_("The account of this person is closed: they could not sign in. Decline the request."),
    },
)

_FIELDS = ("profile_id", "function", "structure_id")


# Whoever asked


async def _mine(visit: AccountVisit) -> tenancy_pb2.MyRequest:
    """The reader's request to the organisation of the address. Raises NOT_FOUND."""
    found = await visit.clients.requests.ListMyRequests(tenancy_pb2.ListMyRequestsRequest())
    slug = visit.request.path_params["slug"]
    for each in found.requests:
        if each.organisation.slug == slug:
            return each
    raise not_found("request_not_found")


@pages.get("/requests/{slug}", ACCOUNT)
async def follow(visit: AccountVisit) -> Response:
    """Where a request is; whoever was accepted goes in."""
    found = await _mine(visit)
    slug = found.organisation.slug
    if found.state == tenancy_pb2.REQUEST_STATE_ACCEPTED:
        return RedirectResponse(f"/o/{slug}/", 303)
    may_ask = not found.HasField("again_at") or found.again_at.ToDatetime(UTC) <= datetime.now(UTC)
    states = {
        tenancy_pb2.REQUEST_STATE_OPEN: "open",
        tenancy_pb2.REQUEST_STATE_DECLINED: "declined",
        tenancy_pb2.REQUEST_STATE_EXPIRED: "expired",
    }
    state = states.get(found.state, "withdrawn")
    _ = visit.words
    told = _("%(name)s has received it.", name=found.organisation.name)
    if found.approvers:
        told = _.plural(
            "The person there who can answer has been told by mail.",
            "The %(num)s people there who can answer have been told by mail.",
            found.approvers,
        )
    context = {"asked": found, "name": found.organisation.name, "here": f"/requests/{slug}", "state": state}
    context |= {"told": told, "others": bool(await visit.organisations())}
    return visit.bare("requests/follow.html", context | {"again": f"/join/{slug}" if may_ask else ""})


@pages.get("/requests/{slug}/support", ACCOUNT)
async def support(visit: AccountVisit) -> Response:
    """Whom to call or write to meanwhile: the organisation, and who runs the portal."""
    found = await _mine(visit)
    face = found.organisation
    context = {"support": found.support, "name": face.name, "here": f"/requests/{face.slug}"}
    return visit.bare("requests/support.html", context)


@pages.post("/requests/{slug}/withdraw", ACCOUNT)
async def withdraw(visit: AccountVisit) -> Response:
    """Takes one's own request back."""
    found = await _mine(visit)
    await visit.clients.requests.WithdrawMyRequest(tenancy_pb2.WithdrawMyRequestRequest(id=found.id))
    return visit.redirect(f"/requests/{found.organisation.slug}")


# Whoever answers


@pages.get("/o/{slug}/settings/people/requests", staff("members.invite"))
async def requests(visit: OrganisationVisit) -> Response:
    """Those that await an answer, and the address to hand out."""
    _ = visit.words
    wanted = tenancy_pb2.ListRequestsRequest(page_token=visit.query.get("after", ""))
    _frame, found = await visit.together(visit.clients.requests.ListRequests(wanted))
    slug = visit.organisation.face.slug
    context = {
        "tabs": settings_tabs(visit),
        "here": f"{visit.base}/settings/people/requests",
        "requests": found.requests,
        "total": found.total,
        "next": changed(visit.address, after=found.next_page_token) if found.next_page_token else "",
        "accepted": found.accepted,
        "address": f"{visit.portal.settings.public_url.rstrip('/')}/join/{slug}",
        "columns": [Column(_("Name")), Column(_("Message"), wide=True), Column(_("Since"))],
    }
    return visit.render("requests/list.html", context)


@pages.post("/o/{slug}/settings/people/requests", staff("organisation.manage"))
async def switch(visit: OrganisationVisit) -> Response:
    """Whether people may ask from now on."""
    _, accepted = visit.words, visit.form["accepted"] == "1"
    await visit.clients.requests.SetRequestsAccepted(tenancy_pb2.SetRequestsAcceptedRequest(accepted=accepted))
    said = (
        _("People can ask for an account from now on.")
        if accepted
        else _("Nobody can ask any more. Requests that are here can still be answered.")
    )
    return visit.redirect(f"{visit.base}/settings/people/requests", said)


@pages.get("/o/{slug}/settings/people/requests/{id}", staff("members.invite"))
async def request(visit: OrganisationVisit) -> Response:
    """One request: who, why, since when; accept or decline."""
    return await _request(visit, dict.fromkeys((*_FIELDS, "reason"), ""), Errors())


async def _request(visit: OrganisationVisit, values: dict[str, str], errors: Errors, status: int = 200) -> Response:
    request_id = visit.request.path_params["id"]
    _frame, found, profiles, structures, assigned = await visit.together(
        visit.clients.requests.ListRequests(tenancy_pb2.ListRequestsRequest(id=request_id)),
        visit.clients.members.ListProfiles(tenancy_pb2.ListProfilesRequest()),
        visit.clients.organisations.ListStructures(tenancy_pb2.ListStructuresRequest()),
        if_allowed(visit.clients.products.ListAssignments(tenancy_pb2.ListAssignmentsRequest(only_seats=True))),
    )
    if not found.requests:
        return visit.render("requests/gone.html", {"here": f"{visit.base}/settings/people/requests"}, status=404)
    asked = found.requests[0]
    context = {
        "asked": asked,
        "name": f"{asked.given_name} {asked.family_name}".strip(),
        "here": f"{visit.base}/settings/people/requests/{asked.id}",
        "back": f"{visit.base}/settings/people/requests",
        "values": dict.fromkeys((*_FIELDS, "reason"), "") | values,
        "errors": errors,
        "profiles": [(profile.id, profile.name) for profile in profiles.profiles],
        "structures": [(structure.id, structure.name) for structure in structures.structures],
        "products": offers(visit.words, assigned),
        "product_ids": visit.form.all("product_ids"),
    }
    return visit.render("requests/request.html", context, status=status)


@pages.post("/o/{slug}/settings/people/requests/{id}/accept", staff("members.invite"))
async def accept(visit: OrganisationVisit) -> Response:
    """Lets the person in, with a profile."""
    _, form = visit.words, visit.form
    values = {name: form[name] for name in _FIELDS}
    empty = visit.missing("profile_id")
    if empty:
        return await _request(visit, values, empty, status=422)
    chosen = form.all("product_ids")
    wanted = tenancy_pb2.AcceptRequestRequest(id=visit.request.path_params["id"], product_ids=chosen, **values)
    try:
        member = await visit.clients.requests.AcceptRequest(wanted)
    except ServiceError as error:
        if error.reason == "request_answered":
            raise
        places = dict.fromkeys(("seats_exhausted", "not_subscribed"), "product_ids")
        errors = visit.errors(error, *_FIELDS, above_ceiling="profile_id", **places)
        return await _request(visit, values, errors, status=422)
    name = f"{member.given_name} {member.family_name}".strip()
    said = _("%(name)s is in, and is told by mail.", name=name)
    return visit.redirect(f"{visit.base}/settings/people/{member.id}", said)


@pages.post("/o/{slug}/settings/people/requests/{id}/decline", staff("members.invite"))
async def decline(visit: OrganisationVisit) -> Response:
    """Says no, with a reason or without."""
    reason = visit.form["reason"]
    wanted = tenancy_pb2.DeclineRequestRequest(id=visit.request.path_params["id"], reason=reason)
    try:
        await visit.clients.requests.DeclineRequest(wanted)
    except ServiceError as error:
        if error.reason == "request_answered":
            raise
        values = dict.fromkeys(_FIELDS, "") | {"reason": reason}
        return await _request(visit, values, visit.errors(error, "reason"), status=422)
    said = visit.words("The request is declined, and the person is told by mail.")
    return visit.redirect(f"{visit.base}/settings/people/requests", said)
