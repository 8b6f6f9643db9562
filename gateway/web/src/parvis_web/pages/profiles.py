"""Profiles: named sets of rights, seen side by side and changed one at a time."""

from collections.abc import Iterable

from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError, not_found
from parvis_ui.forms import Errors
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs
from parvis_web.pages.contacts import whole
from parvis_web.rights import group_label, right_label
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "profiles",
    entry="settings.profiles",
    sentences={
        "built_in": N_("The administrator's profile always holds every right: it cannot be changed."),
        "right_unknown": N_("One of these rights no longer exists. Open the page again."),
    },
)

ADMINISTRATOR = "administrator"


@pages.get("/o/{slug}/settings/profiles", staff("members.read"))
async def profiles(visit: OrganisationVisit) -> Response:
    """All profiles side by side."""
    members = visit.clients.members
    _frame, found, rights = await visit.together(
        members.ListProfiles(tenancy_pb2.ListProfilesRequest()), members.ListRights(tenancy_pb2.ListRightsRequest())
    )
    scopes = {profile.id: {right.code: right.scope for right in profile.rights} for profile in found.profiles}
    context = {
        "tabs": settings_tabs(visit),
        "profiles": found.profiles,
        "groups": grouped(visit, rights.rights),
        "scope": lambda profile, code: scopes[profile.id].get(code, 0),
    }
    return visit.render("profiles/list.html", context)


def grouped(
    visit: OrganisationVisit, rights: Iterable[tenancy_pb2.Right]
) -> list[tuple[str, list[tuple[str, str, bool]]]]:
    """Rights by group, in words: (heading, [(code, label, scoped)])."""
    groups: dict[str, list[tuple[str, str, bool]]] = {}
    for right in rights:
        declared = right.name_fr if visit.words.language == "fr" else right.name_en
        row = (right.code, declared or right_label(visit.words, right.code), right.scoped)
        groups.setdefault(group_label(visit.words, right.group), []).append(row)
    return list(groups.items())


@pages.get("/o/{slug}/settings/profiles/new", staff("profiles.manage"))
async def new(visit: OrganisationVisit) -> Response:
    """A new profile, empty or as a copy (`from`)."""
    return await _form(visit, "", None, Errors())


@pages.get("/o/{slug}/settings/profiles/{id}", staff("members.read"))
async def profile(visit: OrganisationVisit) -> Response:
    """One profile: its rights, changed here by who may."""
    return await _form(visit, visit.request.path_params["id"], None, Errors())


async def _form(
    visit: OrganisationVisit, profile_id: str, typed: tenancy_pb2.Profile | None, errors: Errors, status: int = 200
) -> Response:
    members = visit.clients.members
    _frame, found, rights = await visit.together(
        members.ListProfiles(tenancy_pb2.ListProfilesRequest()), members.ListRights(tenancy_pb2.ListRightsRequest())
    )
    wanted = profile_id or visit.query.get("from", "")
    stored = next((each for each in found.profiles if each.id == wanted), None)
    if profile_id and stored is None:
        raise not_found()
    source = typed or stored or tenancy_pb2.Profile()
    context = {
        "tabs": settings_tabs(visit),
        "profile_id": profile_id,
        "name": source.name if profile_id or typed else "",
        "title": stored.name if stored is not None and profile_id else "",
        "members": stored.members if stored is not None and profile_id else 0,
        "version": stored.version if stored is not None and profile_id else 0,
        "fixed": (stored is not None and profile_id and stored.built_in == ADMINISTRATOR)
        or not visit.may("profiles.manage"),
        "administrator": stored is not None and profile_id and stored.built_in == ADMINISTRATOR,
        "groups": grouped(visit, rights.rights),
        "granted": {right.code: right.scope for right in source.rights},
        "errors": errors,
        "action": f"{visit.base}/settings/profiles/{profile_id or 'new'}",
    }
    return visit.render("profiles/form.html", context, status=status)


@pages.post("/o/{slug}/settings/profiles/new", staff("profiles.manage"))
async def create(visit: OrganisationVisit) -> Response:
    """Makes a profile."""
    return await _save(visit, "")


@pages.post("/o/{slug}/settings/profiles/{id}", staff("profiles.manage"))
async def save(visit: OrganisationVisit) -> Response:
    """Changes a profile; it takes effect for everybody who has it."""
    return await _save(visit, visit.request.path_params["id"])


async def _save(visit: OrganisationVisit, profile_id: str) -> Response:
    _, form = visit.words, visit.form
    everything, mine = set(form.all("all")), set(form.all("mine"))
    typed = tenancy_pb2.Profile(
        id=profile_id,
        name=form["name"],
        version=whole(form["version"]),
        rights=[
            tenancy_pb2.GrantedRight(
                code=code, scope=tenancy_pb2.SCOPE_ALL if code in everything else tenancy_pb2.SCOPE_MINE
            )
            for code in sorted(everything | mine)
        ],
    )
    try:
        await visit.clients.members.SaveProfile(tenancy_pb2.SaveProfileRequest(profile=typed))
    except ServiceError as error:
        if error.kind is Kind.NOT_FOUND:
            raise
        errors = visit.errors(error, "name", name_taken="name", above_ceiling="")
        return await _form(visit, profile_id, typed, errors, status=422)
    return visit.redirect(f"{visit.base}/settings/profiles", _("The profile “%(name)s” is saved.", name=typed.name))
