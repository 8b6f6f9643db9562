"""Profiles: named sets of rights, seen side by side and changed one at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_ui.frame import Flash
from parvis_web import grids
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.pages.contacts import whole
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "profiles",
    entry="settings.profiles",
    sentences={
        "built_in": N_("The administrator's profile always holds every right: it cannot be changed."),
        "profile_in_use": N_("%(members)s people have this profile, among them %(names)s. Say which profile they get."),
        "profile_inactive": N_("This profile is inactive: choose one that is given."),
        "right_unknown": N_("One of these rights no longer exists. Open the page again."),
    },
)

ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class _Read:
    """What the form of a profile rests on. `held`: what the reader holds."""

    profiles: Sequence[tenancy_pb2.Profile]
    rights: Sequence[tenancy_pb2.Right]
    held: grids.Granted

    def profile(self, profile_id: str) -> tenancy_pb2.Profile | None:
        """A profile; None when there is none."""
        return next((each for each in self.profiles if each.id == profile_id), None)


@dataclass(frozen=True, slots=True)
class _Shown:
    """What the form shows instead of what is saved."""

    name: str
    inactive: bool
    reason: str
    granted: grids.Granted
    errors: Errors = field(default_factory=Errors)
    #: Somebody else saved since the form was opened.
    stale: bool = False
    #: All rights were applied, and nothing is saved yet.
    applied: bool = False
    status: int = 200


async def _read(visit: OrganisationVisit) -> _Read:
    members = visit.clients.members
    _frame, found, rights, own = await visit.together(
        members.ListProfiles(tenancy_pb2.ListProfilesRequest()),
        members.ListRights(tenancy_pb2.ListRightsRequest()),
        visit.clients.rights.GetRightsAt(tenancy_pb2.GetRightsAtRequest()),
    )
    return _Read(found.profiles, rights.rights, grids.granted(own.rights))


@pages.get("/o/{slug}/settings/profiles", staff("members.read"))
async def profiles(visit: OrganisationVisit) -> Response:
    """All profiles side by side."""
    members = visit.clients.members
    _frame, found, rights = await visit.together(
        members.ListProfiles(tenancy_pb2.ListProfilesRequest()), members.ListRights(tenancy_pb2.ListRightsRequest())
    )
    reaches = {profile.id: grids.granted(profile.rights) for profile in found.profiles}
    context = {
        "tabs": settings_tabs(visit),
        "profiles": found.profiles,
        "groups": grids.grid(visit.words, rights.rights, stored={}, chosen={}, held={}),
        "scopes": grids.scopes(visit.words),
        "scope": lambda profile, code: reaches[profile.id].get(code, 0),
    }
    return visit.render("profiles/list.html", context)


@pages.get("/o/{slug}/settings/profiles/new", staff("profiles.manage"), fresh=True)
async def new(visit: OrganisationVisit) -> Response:
    """A new profile, empty or as a copy (`from`): of what is copied, as much as the reader may give."""
    read = await _read(visit)
    source = read.profile(visit.query.get("from", ""))
    if source is None:
        return _form(visit, read, "", None)
    name = visit.words("%(name)s (copy)", name=source.name)
    granted = grids.within(grids.granted(source.rights), read.held)
    return _form(visit, read, "", _Shown(name, inactive=False, reason="", granted=granted))


@pages.get("/o/{slug}/settings/profiles/{id}", staff("members.read"))
async def profile(visit: OrganisationVisit) -> Response:
    """One profile: its rights, changed here by who may."""
    read = await _read(visit)
    if visit.may("profiles.manage"):
        visit.ask_proof()
    return _form(visit, read, visit.request.path_params["id"], None)


def _form(visit: OrganisationVisit, read: _Read, profile_id: str, shown: _Shown | None) -> Response:
    stored = read.profile(profile_id) if profile_id else tenancy_pb2.Profile()
    if stored is None:
        raise not_found()
    saved = grids.granted(stored.rights)
    shown = shown or _Shown(stored.name, stored.inactive, "", saved)
    administrator = stored.built_in == ADMINISTRATOR
    context = {
        "tabs": settings_tabs(visit),
        "profile_id": profile_id,
        "title": stored.name,
        "members": stored.members,
        "version": stored.version,
        "inactive": stored.inactive,
        "others": [(each.id, each.name) for each in read.profiles if each.id != profile_id and not each.inactive],
        "administrator": administrator,
        "fixed": administrator or not visit.may("profiles.manage"),
        "groups": grids.grid(visit.words, read.rights, stored=saved, chosen=shown.granted, held=read.held),
        "scopes": grids.scopes(visit.words),
        "shown": shown,
        "theirs": list(_differences(visit, read, stored, shown)) if shown.stale else (),
        "errors": shown.errors,
        "tab": visit.form["tab"],
        "action": f"{visit.base}/settings/profiles/{profile_id or 'new'}",
    }
    return visit.render("profiles/form.html", context, status=shown.status)


def _differences(
    visit: OrganisationVisit, read: _Read, stored: tenancy_pb2.Profile, shown: _Shown
) -> Iterator[tuple[str, str, str]]:
    """Where what is saved and what was typed differ: (what, theirs, yours)."""
    _, saved = visit.words, grids.granted(stored.rights)
    if stored.name != shown.name:
        yield _("Name of the profile"), stored.name, shown.name
    if stored.inactive != shown.inactive:
        states = {True: _("Inactive"), False: _("Active")}
        yield _("State"), states[stored.inactive], states[shown.inactive]
    for right in read.rights:
        theirs, yours = saved.get(right.code, 0), shown.granted.get(right.code, 0)
        if theirs != yours:
            label = grids.label_of(_, right)
            yield label, grids.reach_of(_, right, theirs), grids.reach_of(_, right, yours)


@pages.post("/o/{slug}/settings/profiles/new", staff("profiles.manage"))
async def create(visit: OrganisationVisit) -> Response:
    """Makes a profile."""
    return await _save(visit, "")


@pages.post("/o/{slug}/settings/profiles/{id}", staff("profiles.manage"))
async def save(visit: OrganisationVisit) -> Response:
    """Changes a profile; it takes effect for everybody who has it."""
    return await _save(visit, visit.request.path_params["id"])


def _typed(visit: OrganisationVisit, granted: grids.Granted, **told: object) -> _Shown:
    form = visit.form
    return _Shown(form["name"], "inactive" in form, form["reason"], granted, **told)  # type: ignore[arg-type] # as declared


async def _save(visit: OrganisationVisit, profile_id: str) -> Response:
    _, form = visit.words, visit.form
    rights = grids.typed(form)
    if form["act"] == "everything":
        read = await _read(visit)
        granted = grids.everything(grids.granted(rights), read.held)
        return _form(visit, read, profile_id, _typed(visit, granted, applied=True))
    wanted = tenancy_pb2.Profile(
        id=profile_id, name=form["name"], version=whole(form["version"]), rights=rights, inactive="inactive" in form
    )
    request = tenancy_pb2.SaveProfileRequest(profile=wanted, reason=form["reason"])
    try:
        saved = await visit.clients.members.SaveProfile(request)
    except ServiceError as error:
        if error.kind is Kind.NOT_FOUND:
            raise
        return await _again(visit, profile_id, rights, error)
    said = _("The profile “%(name)s” is saved.", name=wanted.name)
    here = f"{visit.base}/settings/profiles/{saved.id or profile_id}"
    if not saved.carried:
        return visit.redirect(here, said)
    exist = await visit.clients.members.ListRights(tenancy_pb2.ListRightsRequest())
    carried = grids.said_of_carried(_, saved.carried, exist.rights)
    return visit.redirect(here, Flash("info", f"{said} {carried}"))


async def _again(
    visit: OrganisationVisit, profile_id: str, rights: Sequence[tenancy_pb2.GrantedRight], error: ServiceError
) -> Response:
    """The form with what was typed, and why it was not saved."""
    stale = error.reason == "stale_version"
    errors = Errors() if stale else visit.errors(error, "name", "reason", name_taken="name", above_ceiling="")
    shown = _typed(visit, grids.granted(rights), errors=errors, stale=stale, status=409 if stale else 422)
    return _form(visit, await _read(visit), profile_id, shown)


@pages.post("/o/{slug}/settings/profiles/{id}/delete", staff("profiles.manage"))
async def delete(visit: OrganisationVisit) -> Response:
    """Deletes a profile; whoever has it gets another one at once."""
    _, form, profile_id = visit.words, visit.form, visit.request.path_params["id"]
    request = tenancy_pb2.DeleteProfileRequest(
        id=profile_id, version=whole(form["version"]), replacement_id=form["replacement"]
    )
    try:
        done = await visit.clients.members.DeleteProfile(request)
    except ServiceError as error:
        if error.kind is Kind.NOT_FOUND:
            raise
        said = visit.errors(error, above_ceiling="", out_of_tier="")
        here = f"{visit.base}/settings/profiles/{profile_id}"
        return visit.redirect(here, Flash("warn", " ".join(said.values())))
    said_of = _.plural(
        "The profile is deleted; %(num)s person has another one now.",
        "The profile is deleted; %(num)s people have another one now.",
        done.moved,
    )
    return visit.redirect(f"{visit.base}/settings/profiles", said_of if done.moved else _("The profile is deleted."))
