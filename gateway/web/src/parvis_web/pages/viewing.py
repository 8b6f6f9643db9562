"""Seeing the portal as a client or a colleague sees it: why, who did so before, and back again."""

from collections.abc import Awaitable, Callable

from starlette.responses import RedirectResponse, Response

from parvis.identity.v1 import identity_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_ui.frame import Flash
from parvis_web import viewings
from parvis_web.access import MEMBER, Area, staff
from parvis_web.calls import if_allowed
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

Form = Callable[[OrganisationVisit, Errors, int], Awaitable[Response]]

pages = Area(
    "viewing",
    entry="contacts",
    sentences={
        "viewing_oneself": N_("This is you: your own pages show what you see."),
        "access_not_in_use": N_("This access is not in use: the person has not opened it yet, or it was cut."),
        "viewing_ended": N_("You no longer see the portal as somebody else: the time is up, or the view was ended."),
        "viewing_read_only": N_("Nothing can be changed while you see the portal as somebody else."),
    },
)


@pages.get("/o/{slug}/contacts/{id}/accesses/{membership_id}/view", staff("accesses.view_as"))
async def client(visit: OrganisationVisit) -> Response:
    """The form that asks why, before one sees what a client sees."""
    return await _of_client(visit, Errors())


@pages.post("/o/{slug}/contacts/{id}/accesses/{membership_id}/view", staff("accesses.view_as"))
async def as_client(visit: OrganisationVisit) -> Response:
    """Begins to see what a client sees."""
    back = f"{visit.base}/contacts/{visit.request.path_params['id']}"
    return await _start(visit, visit.request.path_params["membership_id"], back, _of_client)


async def _of_client(visit: OrganisationVisit, errors: Errors, status: int = 200) -> Response:
    params = visit.request.path_params
    _frame, record, history = await visit.together(
        visit.clients.contacts.GetContact(tenancy_pb2.GetContactRequest(id=params["id"])),
        if_allowed(_history(visit, params["membership_id"])),
    )
    person = next((each for each in record.people if each.access.membership_id == params["membership_id"]), None)
    if person is None:
        raise not_found("access_not_found")
    name = f"{person.given_name} {person.family_name}".strip()
    back = (f"{visit.base}/contacts/{record.contact.id}", record.contact.name)
    return _page(visit, name, back, history, errors, status)


@pages.get("/o/{slug}/settings/people/{id}/view", staff("members.view_as"), entry="settings.people")
async def member(visit: OrganisationVisit) -> Response:
    """The form that asks why, before one sees what a colleague sees."""
    return await _of_member(visit, Errors())


@pages.post("/o/{slug}/settings/people/{id}/view", staff("members.view_as"), entry="settings.people")
async def as_member(visit: OrganisationVisit) -> Response:
    """Begins to see what a colleague sees."""
    membership_id = visit.request.path_params["id"]
    return await _start(visit, membership_id, f"{visit.base}/settings/people/{membership_id}", _of_member)


async def _of_member(visit: OrganisationVisit, errors: Errors, status: int = 200) -> Response:
    membership_id = visit.request.path_params["id"]
    _frame, found, history = await visit.together(
        visit.clients.members.GetMember(tenancy_pb2.GetMemberRequest(id=membership_id)),
        if_allowed(_history(visit, membership_id)),
    )
    name = f"{found.given_name} {found.family_name}".strip()
    return _page(visit, name, (f"{visit.base}/settings/people/{found.id}", name), history, errors, status)


def _history(visit: OrganisationVisit, membership_id: str) -> Awaitable[identity_pb2.ListViewingsResponse]:
    return visit.clients.viewings.ListViewings(identity_pb2.ListViewingsRequest(membership_id=membership_id))


def _page(
    visit: OrganisationVisit,
    name: str,
    back: tuple[str, str],
    history: identity_pb2.ListViewingsResponse | None,
    errors: Errors,
    status: int,
) -> Response:
    context = {
        "name": name,
        "back": back,
        "here": visit.request.url.path,
        "viewings": history.viewings if history else None,
        "reason": visit.form["reason"],
        "errors": errors,
    }
    return visit.render("viewing/start.html", context, status=status)


async def _start(visit: OrganisationVisit, membership_id: str, back: str, form: Form) -> Response:
    request = identity_pb2.StartViewingRequest(membership_id=membership_id, reason=visit.form["reason"])
    try:
        begun = await visit.clients.viewings.StartViewing(request)
    except ServiceError as error:
        errors = visit.errors(error, "reason", above_ceiling="", out_of_scope="")
        return await form(visit, errors, 422)
    answer: Response = RedirectResponse(f"{visit.base}/", 303)
    purpose = viewings.purpose(visit.organisation.face.slug)
    visit.portal.set_cookie(answer, purpose, viewings.pack(visit.session, viewings.begun(begun, back)))
    return answer


@pages.post("/o/{slug}/viewing/end", MEMBER, leaves_viewing=True)
async def end(visit: OrganisationVisit) -> Response:
    """Back to one's own pages, where one came from."""
    purpose = viewings.purpose(visit.organisation.face.slug)
    held = viewings.unpack(visit.session, visit.request.cookies.get(visit.portal.cookie(purpose), ""))
    if held is None:
        return RedirectResponse(f"{visit.base}/", 303)
    await visit.clients.viewings.EndViewing(identity_pb2.EndViewingRequest(id=held.id))
    answer = visit.redirect(held.back, Flash("ok", visit.words("You see the portal as yourself again.")))
    visit.portal.drop_cookie(answer, purpose)
    return answer
