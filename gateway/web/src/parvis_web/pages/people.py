"""People: the staff of the organisation, their invitations, accesses, profiles and applications."""

from collections.abc import Awaitable

from starlette.responses import Response

from parvis.identity.v1 import policies_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_ui.forms import Errors
from parvis_ui.frame import Flash
from parvis_ui.lists import Chip, Column, changed
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.calls import if_allowed
from parvis_web.navigation import settings_tabs
from parvis_web.pages.contacts import whole
from parvis_web.pages.seats import offers
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "people",
    entry="settings.people",
    sentences={
        "already_member": N_("This address already belongs to somebody here: look for them in the list of people."),
        "not_invited": N_("The invitation was already answered or taken back."),
        "last_administrator": N_(
            "This is the last administrator: nobody could manage the organisation any more. Make somebody else an"
            " administrator first."
        ),
        "own_access": N_("You cannot cut your own access. Ask another administrator."),
        "not_active": N_("This access is not open, so it cannot be cut."),
        "withdrawn": N_("The invitation was taken back. Invite the person again."),
        "directory_decides": N_(
            "The directory of your firm decides this. Change it there, or decide it here instead: see above."
        ),
        "not_of_directory": N_("The directory of your firm does not know this person."),
    },
)

#: Value of `state` in the address → state of a membership.
STATES = {
    "active": tenancy_pb2.MEMBERSHIP_STATE_ACTIVE,
    "invited": tenancy_pb2.MEMBERSHIP_STATE_INVITED,
    "cut": tenancy_pb2.MEMBERSHIP_STATE_CUT,
}
_FIELDS = ("mail", "given_name", "family_name", "function", "profile_id", "structure_id", "locale")


def state_of(words: Words, state: "tenancy_pb2.MembershipState.ValueType") -> tuple[str, str]:
    """A membership's state as `ui.state` shows it: label and kind."""
    return {
        tenancy_pb2.MEMBERSHIP_STATE_ACTIVE: (words("Active"), "ok"),
        tenancy_pb2.MEMBERSHIP_STATE_INVITED: (words("Invited"), "wait"),
        tenancy_pb2.MEMBERSHIP_STATE_CUT: (words("Access cut"), "bad"),
        tenancy_pb2.MEMBERSHIP_STATE_WITHDRAWN: (words("Invitation withdrawn"), "off"),
    }.get(state, (words("Unknown"), "off"))


@pages.get("/o/{slug}/settings/people", staff("members.read"))
async def people(visit: OrganisationVisit) -> Response:
    """The list, with its filters in the address."""
    _ = visit.words
    state = visit.query.get("state", "")
    query = visit.query.get("q", "")
    request = tenancy_pb2.ListMembersRequest(
        query=query,
        state=STATES.get(state, tenancy_pb2.MEMBERSHIP_STATE_UNSPECIFIED),
        page_token=visit.query.get("after", ""),
    )
    _frame, found = await visit.together(visit.clients.members.ListMembers(request))
    labels = (
        ("", _("Everyone")),
        ("active", _.pgettext("filter", "Active")),
        ("invited", _.pgettext("filter", "Invited")),
        ("cut", _.pgettext("filter", "Access cut")),
    )
    context = {
        "tabs": settings_tabs(visit),
        "members": found.members,
        "total": found.total,
        "next": changed(visit.address, after=found.next_page_token) if found.next_page_token else "",
        "query": query,
        "state": state,
        "chips": [Chip(label, changed(visit.address, state=key), active=state == key) for key, label in labels],
        "columns": [
            Column(_("Name")),
            Column(_("Function"), wide=True),
            Column(_("Profile")),
            Column(_("Structure"), wide=True),
            Column(_("State")),
        ],
        "state_of": lambda member: state_of(_, member.state),
    }
    return visit.render("people/list.html", context, blocks=("rows",))


@pages.get("/o/{slug}/settings/people/invite", staff("members.invite"))
async def invite_form(visit: OrganisationVisit) -> Response:
    """The form that invites a colleague."""
    return await _invite_form(visit, dict.fromkeys(_FIELDS, "") | {"locale": visit.words.language}, Errors())


async def _invite_form(visit: OrganisationVisit, values: dict[str, str], errors: Errors, status: int = 200) -> Response:
    _frame, profiles, structures, assigned, demanded = await visit.together(
        visit.clients.members.ListProfiles(tenancy_pb2.ListProfilesRequest()),
        visit.clients.organisations.ListStructures(tenancy_pb2.ListStructuresRequest()),
        if_allowed(visit.clients.products.ListAssignments(tenancy_pb2.ListAssignmentsRequest(only_seats=True))),
        if_allowed(visit.clients.policies.GetSignInPolicy(policies_pb2.GetSignInPolicyRequest())),
    )
    context = {
        "products": offers(visit.words, assigned),
        "product_ids": visit.form.all("product_ids"),
        "by_directory": demanded is not None and demanded.policy.sso == policies_pb2.SSO_MODE_ENFORCED,
        "values": values,
        "errors": errors,
        "profiles": [(profile.id, profile.name) for profile in profiles.profiles if not profile.inactive],
        "structures": [(structure.id, structure.name) for structure in structures.structures],
    }
    return visit.render("people/invite.html", context, status=status)


@pages.post("/o/{slug}/settings/people/invite", staff("members.invite"))
async def invite(visit: OrganisationVisit) -> Response:
    """Sends the invitation."""
    _, form = visit.words, visit.form
    values = {name: form[name] for name in _FIELDS}
    empty = visit.missing("given_name", "family_name", "mail", "profile_id")
    if empty:
        return await _invite_form(visit, values, empty, status=422)
    try:
        member = await visit.clients.members.InviteMember(
            tenancy_pb2.InviteMemberRequest(product_ids=form.all("product_ids"), **values)
        )
    except ServiceError as error:
        if error.kind is Kind.NOT_FOUND:
            raise
        places = dict.fromkeys(("seats_exhausted", "not_subscribed"), "product_ids")
        errors = visit.errors(error, *_FIELDS, already_member="mail", above_ceiling="profile_id", **places)
        return await _invite_form(visit, values, errors, status=422)
    name = f"{member.given_name} {member.family_name}"
    return visit.redirect(
        f"{visit.base}/settings/people",
        _("The invitation is on its way to %(name)s (%(mail)s).", name=name, mail=member.mail),
    )


@pages.get("/o/{slug}/settings/people/{id}", staff("members.read"))
async def person(visit: OrganisationVisit) -> Response:
    """One member: state, what can be done, applications."""
    return await _person(visit, None, Errors())


async def _person(
    visit: OrganisationVisit, typed: dict[str, str] | None, errors: Errors, status: int = 200
) -> Response:
    _ = visit.words
    members = visit.clients.members
    _frame, member, profiles, structures, assignments = await visit.together(
        members.GetMember(tenancy_pb2.GetMemberRequest(id=visit.request.path_params["id"])),
        members.ListProfiles(tenancy_pb2.ListProfilesRequest()),
        visit.clients.organisations.ListStructures(tenancy_pb2.ListStructuresRequest()),
        if_allowed(
            visit.clients.products.ListAssignments(
                tenancy_pb2.ListAssignmentsRequest(membership_id=visit.request.path_params["id"])
            )
        ),
    )
    label, kind = state_of(_, member.state)
    context = {
        "tabs": settings_tabs(visit),
        "member": member,
        "name": f"{member.given_name} {member.family_name}".strip(),
        "said_of_directory": _of_directory(_, member),
        "state_label": label,
        "state_kind": kind,
        "here": f"{visit.base}/settings/people/{member.id}",
        "values": typed
        or {"function": member.function, "profile_id": member.profile_id, "structure_id": member.structure_id},
        "version": member.version,
        "errors": errors,
        "profiles": [
            (profile.id, profile.name)
            for profile in profiles.profiles
            if not profile.inactive or profile.id == member.profile_id
        ],
        "structures": [(structure.id, structure.name) for structure in structures.structures],
        "products": assignments.products if assignments else None,
    }
    return visit.render("people/person.html", context, status=status)


@pages.post("/o/{slug}/settings/people/{id}", staff("members.manage"))
async def change(visit: OrganisationVisit) -> Response:
    """Changes profile, structure or function."""
    _, form = visit.words, visit.form
    typed = {name: form[name] for name in ("function", "profile_id", "structure_id")}
    request = tenancy_pb2.UpdateMemberRequest(
        id=visit.request.path_params["id"], version=whole(form["version"]), **typed
    )
    try:
        await visit.clients.members.UpdateMember(request)
    except ServiceError as error:
        errors = visit.errors(error, *typed, above_ceiling="profile_id", last_administrator="profile_id")
        return await _person(visit, typed, errors, status=422)
    return visit.redirect(visit.address, _("Saved."))


def _of_directory(words: Words, member: tenancy_pb2.Member) -> str:
    """Where somebody comes from, and who decides over them; empty for those whom the directory does not know."""
    _ = words
    if member.cut_by_directory:
        return _(
            "Their access is cut because they left the directory, or are in no group that gives a profile. When that"
            " changes, it opens again by itself."
        )
    if member.directory == tenancy_pb2.DIRECTORY_HAND_FOLLOWED:
        return _(
            "They sign in with their firm’s account and have no password here. The directory decides their profile."
        )
    if member.directory == tenancy_pb2.DIRECTORY_HAND_HELD_HERE:
        return _(
            "The directory knows them. Profile and structure are decided here; if they leave it, their access is cut."
        )
    return ""


@pages.post("/o/{slug}/settings/people/{id}/directory", staff("members.manage"))
async def hand(visit: OrganisationVisit) -> Response:
    """Takes a colleague out of the directory's hand, or gives them back."""
    _, followed = visit.words, visit.form["followed"] == "1"
    request = tenancy_pb2.SetDirectoryHandRequest(
        member_id=visit.request.path_params["id"], followed=followed, version=whole(visit.form["version"])
    )
    try:
        member = await visit.clients.directory.SetDirectoryHand(request)
    except ServiceError as error:
        return await _person(visit, None, visit.errors(error, above_ceiling="", out_of_tier=""), status=422)
    said = _("The directory decides over %(name)s.") if followed else _("%(name)s is decided here from now on.")
    name = f"{member.given_name} {member.family_name}".strip()
    return visit.redirect(f"{visit.base}/settings/people/{member.id}", said % {"name": name})


async def _act(visit: OrganisationVisit, act: Awaitable[tenancy_pb2.Member], said: str) -> Response:
    """Does something to one member and goes back to their page."""
    member = await act
    name = f"{member.given_name} {member.family_name}".strip()
    return visit.redirect(f"{visit.base}/settings/people/{member.id}", said % {"name": name, "mail": member.mail})


@pages.post("/o/{slug}/settings/people/{id}/resend", staff("members.invite"))
async def resend(visit: OrganisationVisit) -> Response:
    """Sends the invitation again; the link of the earlier mail stops working."""
    request = tenancy_pb2.ResendInvitationRequest(id=visit.request.path_params["id"])
    said = visit.words("A new invitation is on its way to %(mail)s. The link of the earlier one no longer works.")
    return await _act(visit, visit.clients.members.ResendInvitation(request), said)


@pages.post("/o/{slug}/settings/people/{id}/withdraw", staff("members.invite"))
async def withdraw(visit: OrganisationVisit) -> Response:
    """Takes the invitation back."""
    request = tenancy_pb2.WithdrawInvitationRequest(id=visit.request.path_params["id"])
    member = await visit.clients.members.WithdrawInvitation(request)
    said = visit.words("The invitation of %(mail)s is withdrawn; its link no longer works.", mail=member.mail)
    return visit.redirect(f"{visit.base}/settings/people", said)


@pages.post("/o/{slug}/settings/people/{id}/cut", staff("members.manage"))
async def cut(visit: OrganisationVisit) -> Response:
    """Cuts the access to this organisation, at once."""
    request = tenancy_pb2.CutMemberRequest(id=visit.request.path_params["id"])
    said = visit.words("The access of %(name)s is cut.")
    return await _act(visit, visit.clients.members.CutMember(request), said)


@pages.post("/o/{slug}/settings/people/{id}/reopen", staff("members.manage"))
async def reopen(visit: OrganisationVisit) -> Response:
    """Opens an access that was cut."""
    _ = visit.words
    member = await visit.clients.members.ReopenMember(
        tenancy_pb2.ReopenMemberRequest(id=visit.request.path_params["id"])
    )
    name, here = f"{member.given_name} {member.family_name}".strip(), f"{visit.base}/settings/people/{member.id}"
    if not member.products_lost:
        return visit.redirect(here, _("The access of %(name)s is open again.", name=name))
    lost = ", ".join(member.products_lost)
    said = _("The access of %(name)s is open again, without %(products)s: no seat was free.", name=name, products=lost)
    return visit.redirect(here, Flash("warn", said))


@pages.post("/o/{slug}/settings/people/{id}/products", staff("products.assign"))
async def assign(visit: OrganisationVisit) -> Response:
    """Assigns an application to the member, or takes it back."""
    _, form = visit.words, visit.form
    member_id, assigned = visit.request.path_params["id"], form["assigned"] == "1"
    await visit.clients.products.SetAssignment(
        tenancy_pb2.SetAssignmentRequest(product_id=form["product_id"], membership_id=member_id, assigned=assigned)
    )
    said = _("The application is assigned.") if assigned else _("The application is taken back.")
    return visit.redirect(f"{visit.base}/settings/people/{member_id}", said)
