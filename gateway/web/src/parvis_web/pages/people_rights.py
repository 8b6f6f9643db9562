"""A colleague's rights: as they are or were, what differs from their profile, and whom they are attached to."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from google.protobuf.timestamp_pb2 import Timestamp
from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_ui import formats
from parvis_ui.forms import Errors
from parvis_ui.frame import Flash
from parvis_web import grids
from parvis_web.access import Area, staff
from parvis_web.calls import at_once
from parvis_web.pages.contacts import active_members, whole
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "people_rights",
    entry="settings.people",
    sentences={
        "moment_in_the_future": N_("Choose today or a day in the past."),
        "no_rights_then": N_("Nothing is known of rights on that day: the organisation had none yet."),
        "hierarchy_cycle": N_("This person is attached to the other one already, directly or through others."),
    },
)

_ADMINISTRATOR = "administrator"
_RIGHTS = "/o/{slug}/settings/people/{id}/rights"
_SUPERIOR = "/o/{slug}/settings/people/{id}/superior"


def _here(visit: OrganisationVisit) -> str:
    return f"{visit.base}/settings/people/{visit.request.path_params['id']}"


def _name(member: tenancy_pb2.Member) -> str:
    return f"{member.given_name} {member.family_name}".strip()


@pages.get(_RIGHTS, staff("members.read"))
async def rights(visit: OrganisationVisit) -> Response:
    """The rights of a colleague, today (changed here by who may) or on a day in the past (`on`)."""
    return await _rights(visit, None, Errors())


def _end_of(visit: OrganisationVisit, day: str) -> datetime | None:
    """The end of a day in the organisation's time zone, or now where it is not over. None: it is no day, or to come."""
    try:
        wanted = date.fromisoformat(day)
    except ValueError:
        return None
    zone = formats.zone(visit.frame.time_zone)
    now = datetime.now(UTC)
    if wanted > now.astimezone(zone).date():
        return None
    return min(datetime.combine(wanted, time.max, zone).astimezone(UTC), now)


async def _rights(
    visit: OrganisationVisit,
    typed: Sequence[tenancy_pb2.GrantedRight] | None,
    errors: Errors,
    *,
    stale: bool = False,
    status: int = 200,
) -> Response:
    _, member_id, day = visit.words, visit.request.path_params["id"], visit.query.get("on", "")
    request = tenancy_pb2.GetRightsAtRequest(membership_id=member_id)
    if day and (moment := _end_of(visit, day)) is not None:
        request.at.CopyFrom(_stamp(moment))
    elif day:
        errors = Errors({"on": _("Choose today or a day in the past.")})
    clients = visit.clients
    _frame, member, exist, found, own = await visit.together(
        clients.members.GetMember(tenancy_pb2.GetMemberRequest(id=member_id)),
        clients.members.ListRights(tenancy_pb2.ListRightsRequest()),
        clients.rights.GetRightsAt(request),
        clients.rights.GetRightsAt(tenancy_pb2.GetRightsAtRequest()),
    )
    past = request.HasField("at")
    if not past and visit.may("members.manage"):
        visit.ask_proof()
    stored = grids.granted(found.rights)
    chosen = stored if typed is None else grids.granted(typed)
    notes = {} if past else {each.code: _note(visit, each) for each in member.personal}
    administrator = member.profile_built_in == _ADMINISTRATOR
    changeable = member.state in {tenancy_pb2.MEMBERSHIP_STATE_ACTIVE, tenancy_pb2.MEMBERSHIP_STATE_INVITED}
    context = {
        "member": member,
        "name": _name(member),
        "here": _here(visit),
        "on": day,
        "past": date.fromisoformat(day) if past else None,
        "administrator": administrator and not past,
        "fixed": past or administrator or not changeable or not visit.may("members.manage"),
        "groups": grids.grid(
            _, exist.rights, stored=stored, chosen=chosen, held=grids.granted(own.rights), notes=notes
        ),
        "scopes": grids.scopes(_),
        "tab": visit.form["tab"],
        "reason": visit.form["reason"],
        "stale": stale,
        "errors": errors,
    }
    return visit.render("people/rights.html", context, status=status)


def _stamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made


def _note(visit: OrganisationVisit, right: tenancy_pb2.PersonalRight) -> str:
    _ = visit.words
    return (
        _("Differs from the profile: for this person alone.") if right.scope else _("Withdrawn for this person alone.")
    )


@pages.post(_RIGHTS, staff("members.manage"))
async def set_rights(visit: OrganisationVisit) -> Response:
    """Makes these the rights of one colleague, whatever their profile grants; or those of the profile again."""
    _, form, members = visit.words, visit.form, visit.clients.members
    member_id, wanted = visit.request.path_params["id"], grids.typed(form)
    if form["act"] == "profile":
        member, profiles = await at_once(
            members.GetMember(tenancy_pb2.GetMemberRequest(id=member_id)),
            members.ListProfiles(tenancy_pb2.ListProfilesRequest()),
        )
        wanted = next((list(each.rights) for each in profiles.profiles if each.id == member.profile_id), wanted)
    request = tenancy_pb2.SetPersonalRightsRequest(
        member_id=member_id, version=whole(form["version"]), rights=wanted, reason=form["reason"]
    )
    try:
        saved = await members.SetPersonalRights(request)
    except ServiceError as error:
        if error.kind is Kind.NOT_FOUND:
            raise
        stale = error.reason == "stale_version"
        errors = Errors() if stale else visit.errors(error, "reason", above_ceiling="", out_of_tier="")
        return await _rights(visit, wanted, errors, stale=stale, status=409 if stale else 422)
    said = _("The rights of %(name)s are saved.", name=_name(saved))
    if not saved.carried:
        return visit.redirect(f"{_here(visit)}/rights", said)
    exist = await members.ListRights(tenancy_pb2.ListRightsRequest())
    carried = grids.said_of_carried(_, saved.carried, exist.rights)
    return visit.redirect(f"{_here(visit)}/rights", Flash("info", f"{said} {carried}"))


@pages.get(_SUPERIOR, staff("members.manage"), fresh=True)
async def superior(visit: OrganisationVisit) -> Response:
    """Whom a colleague is attached to; what a move to `manager` would change is seen before it is made."""
    return await _superior(visit, visit.query.get("manager", ""), Errors(), see="see" in visit.query)


async def _superior(
    visit: OrganisationVisit, manager_id: str, errors: Errors, *, see: bool, status: int = 200
) -> Response:
    _, member_id, members = visit.words, visit.request.path_params["id"], visit.clients.members
    _frame, member, found, exist = await visit.together(
        members.GetMember(tenancy_pb2.GetMemberRequest(id=member_id)),
        members.ListMembers(active_members()),
        members.ListRights(tenancy_pb2.ListRightsRequest()),
    )
    preview = None
    if see:
        request = tenancy_pb2.PreviewMoveRequest(member_id=member_id, manager_id=manager_id)
        try:
            preview = await members.PreviewMove(request)
        except ServiceError as error:
            errors = visit.errors(error, hierarchy_cycle="", out_of_tier="")
            status = 422
    labels = grids.labels(_, exist.rights)
    context = {
        "member": member,
        "name": _name(member),
        "here": _here(visit),
        "members": [(each.id, _name(each)) for each in found.members if each.id != member_id],
        "manager": manager_id if see else member.manager_id,
        "preview": preview,
        "beyond": [labels.get(code, code) for code in preview.beyond] if preview else (),
        "reach_of": lambda change: _reach(visit, change),
        "reason": visit.form["reason"],
        "errors": errors,
    }
    return visit.render("people/superior.html", context, status=status)


def _reach(visit: OrganisationVisit, change: tenancy_pb2.ReachChange) -> str:
    """What somebody gains and loses, in a line."""
    _ = visit.words
    said = []
    if change.contacts_more:
        said.append(_.plural("sees %(num)s more client", "sees %(num)s more clients", change.contacts_more))
    if change.contacts_less:
        said.append(_.plural("sees %(num)s client less", "sees %(num)s clients fewer", change.contacts_less))
    return " · ".join(said) or _("the same clients for now, other colleagues' clients from now on")


@pages.post(_SUPERIOR, staff("members.manage"))
async def move(visit: OrganisationVisit) -> Response:
    """Attaches a colleague to somebody else, with everybody below."""
    _, form = visit.words, visit.form
    request = tenancy_pb2.MoveMemberRequest(
        member_id=visit.request.path_params["id"],
        manager_id=form["manager"],
        version=whole(form["version"]),
        reason=form["reason"],
    )
    try:
        moved = await visit.clients.members.MoveMember(request)
    except ServiceError as error:
        if error.kind is Kind.NOT_FOUND:
            raise
        errors = visit.errors(error, "reason", above_ceiling="", out_of_tier="", hierarchy_cycle="")
        return await _superior(visit, form["manager"], errors, see=True, status=422)
    if moved.manager_name:
        said = _("%(name)s is attached to %(superior)s.", name=_name(moved), superior=moved.manager_name)
    else:
        said = _("%(name)s is at the top of the hierarchy.", name=_name(moved))
    return visit.redirect(_here(visit), said)
