"""What the groups of the firm's directory give: profiles and structures. Whom a change concerns is seen before it.

The service takes the mapping as a whole: each form changes one thing of it, and sends it back with the version that it
was read with.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf import json_format
from starlette.responses import Response

from parvis.tenancy.v1 import tenancy_pb2 as pb
from parvis_kit.errors import ServiceError, invalid, not_found
from parvis_ui.forms import Errors
from parvis_ui.frame import Flash
from parvis_ui.translations import Words
from parvis_web import grids
from parvis_web.access import Area, staff
from parvis_web.calls import if_allowed
from parvis_web.navigation import settings_tabs, sign_in_tabs
from parvis_web.pages.contacts import whole
from parvis_web.pages.profiles import ADMINISTRATOR
from parvis_web.sentences import N_, violation
from parvis_web.visit import OrganisationVisit

pages = Area(
    "sign_in_mapping",
    entry="settings.sign_in.mapping",
    sentences={
        "gives_nothing": N_("Choose a profile, a structure, or both: this rule would give nothing."),
        "twice": N_("There is a rule for this already."),
        "profile_mapped": N_(
            "The groups of your directory give %(name)s. Say which profile they give instead, or change that under"
            " Sign-in."
        ),
        "structure_mapped": N_(
            "The groups of your directory place people in %(name)s. Change that first, under Sign-in."
        ),
    },
)

_HERE = "/o/{slug}/settings/sign-in/mapping"
_MANAGE = staff("sign_in.manage")
_FIELDS = ("value", "claim", "profile_id", "structure_id")
#: Groups without a rule that the page proposes.
_PROPOSED = 8
#: Sent groups and names that the form completes.
_COMPLETED = 100


@dataclass(frozen=True, slots=True)
class Choices:
    """What a rule can give."""

    profiles: Sequence[tuple[str, str]]
    structures: Sequence[tuple[str, str]]
    #: Whether what is in force makes administrators.
    administrators: bool = False


def _base(visit: OrganisationVisit) -> str:
    return f"{visit.base}/settings/sign-in/mapping"


async def _read(visit: OrganisationVisit) -> tuple[pb.DirectoryMapping, Choices, Mapping[str, str]]:
    """What is in force, what can be chosen, and rights in words."""
    members = visit.clients.members
    _frame, mapping, profiles, structures, rights = await visit.together(
        visit.clients.directory.GetDirectoryMapping(pb.GetDirectoryMappingRequest()),
        if_allowed(members.ListProfiles(pb.ListProfilesRequest())),
        visit.clients.organisations.ListStructures(pb.ListStructuresRequest()),
        if_allowed(members.ListRights(pb.ListRightsRequest())),
    )
    kept = {each.profile_id for each in mapping.rules} | {mapping.default_profile_id}
    found = profiles.profiles if profiles else ()
    masters = {each.id for each in found if each.built_in == ADMINISTRATOR}
    choices = Choices(
        [(each.id, each.name) for each in found if not each.inactive or each.id in kept],
        [(each.id, each.name) for each in structures.structures],
        not masters.isdisjoint(kept),
    )
    return mapping, choices, grids.labels(visit.words, rights.rights if rights else ())


@pages.get(_HERE, _MANAGE)
async def mapping(visit: OrganisationVisit) -> Response:
    """What gives what, under whose rights, and who stands otherwise than the directory says."""
    return await _page(visit, Errors())


async def _page(visit: OrganisationVisit, errors: Errors, status: int = 200) -> Response:
    found, choices, labels = await _read(visit)
    ruled = {(each.claim, each.value) for each in found.rules}
    missing = {code for each in found.rules for code in each.above} | set(found.default_above)
    context = {
        "tabs": settings_tabs(visit),
        "subtabs": sign_in_tabs(visit),
        "here": _base(visit),
        "mapping": found,
        "profiles": choices.profiles,
        "administrators": choices.administrators,
        "missing": [labels.get(code, code) for code in sorted(missing)] if not found.owner_left else (),
        "counts": _counts(visit.words, found.people),
        "troubles": [(each, why(visit.words, each.outcome, each.reason)) for each in found.troubles],
        "proposed": [each for each in found.seen if not each.claim and ("", each.value) not in ruled][:_PROPOSED],
        "errors": errors,
    }
    return visit.render("sign_in/mapping.html", context, status=status)


@pages.post(_HERE, _MANAGE)
async def act(visit: OrganisationVisit) -> Response:
    """What the page itself does: the profile of everybody else, the order of the rules, taking the mapping over."""
    found, _choices, _labels = await _read(visit)
    wanted, place = _bare(found), whole(visit.form["rule"])
    match visit.form["act"]:
        case "default":
            wanted.default_profile_id = visit.form["default_profile_id"]
        case "up" if 0 < place < len(wanted.rules):
            rules = [*wanted.rules]
            rules.insert(place - 1, rules.pop(place))
            _replace(wanted, rules)
        case "delete" if place < len(wanted.rules):
            del wanted.rules[place]
        case "take_over":
            pass
        case _:
            raise not_found()
    return await _tried(visit, found, wanted)


@pages.get(f"{_HERE}/rules/{{place}}", _MANAGE, fresh=True)
async def rule(visit: OrganisationVisit) -> Response:
    """The form of a rule: of one that is there, or ("new") of another."""
    found, choices, _labels = await _read(visit)
    place = _place(visit, found)
    shown = dict.fromkeys(_FIELDS, "") | {"value": visit.query.get("value", "")}
    if place < len(found.rules):
        shown = {name: getattr(found.rules[place], name) for name in _FIELDS}
    return _form(visit, found, choices, shown, Errors())


@pages.post(f"{_HERE}/rules/{{place}}", _MANAGE)
async def change(visit: OrganisationVisit) -> Response:
    """Adds a rule at the end, or changes one."""
    found, choices, _labels = await _read(visit)
    place, shown = _place(visit, found), {name: visit.form[name] for name in _FIELDS}
    wanted = _bare(found)
    _replace(wanted, [*wanted.rules[:place], pb.DirectoryRule(**shown), *wanted.rules[place + 1 :]])
    try:
        return await _tried(visit, found, wanted)
    except ServiceError as error:
        errors = visit.errors(error, *_FIELDS, profile_inactive="profile_id")
        for each in error.violations:
            if each.field.startswith(f"rules[{place}]"):
                field = each.field.partition(".")[2] or ("value" if each.reason == "twice" else "profile_id")
                errors = Errors({field: violation(visit.words, each)})
        return _form(visit, found, choices, shown, errors, status=422)


@pages.post(f"{_HERE}/save", _MANAGE)
async def save(visit: OrganisationVisit) -> Response:
    """Puts what was tried into force."""
    try:
        wanted = json_format.Parse(visit.form["mapping"], pb.DirectoryMapping())
    except json_format.ParseError as error:
        raise invalid("malformed_request") from error
    try:
        return await _saved(visit, wanted)
    except ServiceError as error:
        errors = visit.errors(error, above_ceiling="", profile_inactive="")
        return await _page(visit, errors, status=422)


def _bare(found: pb.DirectoryMapping) -> pb.DirectoryMapping:
    """What of a mapping is sent back."""
    rules = [pb.DirectoryRule(**{name: getattr(each, name) for name in _FIELDS}) for each in found.rules]
    return pb.DirectoryMapping(rules=rules, default_profile_id=found.default_profile_id, version=found.version)


def _replace(wanted: pb.DirectoryMapping, rules: Sequence[pb.DirectoryRule]) -> None:
    kept = [*rules]
    del wanted.rules[:]
    wanted.rules.extend(kept)


async def _tried(visit: OrganisationVisit, found: pb.DirectoryMapping, wanted: pb.DirectoryMapping) -> Response:
    """Who would change is shown first; where nobody would, it is saved."""
    _ = visit.words
    if visit.form["version"] != str(found.version):
        said = _("Somebody else changed these rules since you opened the page. Nothing was saved: look again.")
        return visit.redirect(_base(visit), Flash("warn", said))
    request = pb.PreviewDirectoryMappingRequest(mapping=wanted)
    preview = await visit.clients.directory.PreviewDirectoryMapping(request)
    if not preview.total and not preview.above:
        return await _saved(visit, wanted)
    rights = await if_allowed(visit.clients.members.ListRights(pb.ListRightsRequest()))
    labels = grids.labels(_, rights.rights if rights else ())
    context = {
        "here": _base(visit),
        "preview": preview,
        "above": [labels.get(code, code) for code in preview.above],
        "changes": [(each.name, _becomes(_, each)) for each in preview.changes],
        "mapping": json_format.MessageToJson(wanted, indent=None),
    }
    return visit.render("sign_in/mapping_preview.html", context)


async def _saved(visit: OrganisationVisit, wanted: pb.DirectoryMapping) -> Response:
    await visit.clients.directory.SaveDirectoryMapping(pb.SaveDirectoryMappingRequest(mapping=wanted))
    said = visit.words("Saved, under your rights. Whoever changes by it does within a minute.")
    return visit.redirect(_base(visit), said)


def _place(visit: OrganisationVisit, found: pb.DirectoryMapping) -> int:
    text = visit.request.path_params["place"]
    if text == "new":
        return len(found.rules)
    if not (text.isascii() and text.isdigit()) or whole(text) >= len(found.rules):
        raise not_found()
    return whole(text)


def _form(
    visit: OrganisationVisit,
    found: pb.DirectoryMapping,
    choices: Choices,
    shown: Mapping[str, str],
    errors: Errors,
    *,
    status: int = 200,
) -> Response:
    context = {
        "here": _base(visit),
        "new": visit.request.path_params["place"] == "new",
        "place": visit.request.path_params["place"],
        "version": found.version,
        "values": shown,
        "profiles": choices.profiles,
        "structures": choices.structures,
        "seen": list(dict.fromkeys(each.value for each in found.seen))[:_COMPLETED],
        "claims": list(dict.fromkeys(each.claim for each in found.seen if each.claim))[:_COMPLETED],
        "errors": errors,
    }
    return visit.render("sign_in/mapping_rule.html", context, status=status)


def _counts(words: Words, people: Sequence[pb.DirectoryCount]) -> list[str]:
    """How many stand how, in words."""
    _ = words
    counted = {each.outcome: each.people for each in people}
    has, lacks = counted.get(pb.DIRECTORY_OUTCOME_OPEN, 0), counted.get(pb.DIRECTORY_OUTCOME_NO_PROFILE, 0)
    refused, cut = counted.get(pb.DIRECTORY_OUTCOME_NOT_GIVEN, 0), counted.get(pb.DIRECTORY_OUTCOME_CUT, 0)
    left = counted.get(pb.DIRECTORY_OUTCOME_LEFT, 0)
    told = {
        _.plural("%(num)s person has an access.", "%(num)s people have an access.", has): has,
        _.plural("%(num)s person is in no group that gives a profile: no access.",
                 "%(num)s people are in no group that gives a profile: no access.", lacks): lacks,
        _.plural("%(num)s person is not given what their groups say.",
                 "%(num)s people are not given what their groups say.", refused): refused,
        _.plural("The access of %(num)s person was cut here: the directory does not open it.",
                 "The accesses of %(num)s people were cut here: the directory does not open them.", cut): cut,
        _.plural("%(num)s person has left the directory.", "%(num)s people have left the directory.", left): left,
    }  # fmt: skip
    return [said for said, number in told.items() if number]


def why(words: Words, outcome: int, reason: str) -> str:
    """Why somebody of the directory stands otherwise than it says, and what to do."""
    _ = words
    return {
        "above_ceiling": _("What their groups give is above the rights of whoever saved these rules."),
        "owner_left": _("Whoever saved these rules has no access any more: take them over."),
        "profile_inactive": _("The profile that their groups give is not valid any more."),
        "portal_access": _("Their account is one of a client: it is left alone."),
        "last_administrator": _("They are the last administrator: make somebody else an administrator first."),
    }.get(reason) or (_("In no group that gives a profile.") if outcome == pb.DIRECTORY_OUTCOME_NO_PROFILE else "")


def _becomes(words: Words, change: pb.DirectoryChange) -> str:
    """What would become of somebody, in a line."""
    _ = words
    if change.reason:
        return why(words, 0, change.reason)
    if not change.profile_after:
        return _("loses the access (%(profile)s)", profile=change.profile_before)
    place = f" · {change.structure_after}" if change.structure_after != change.structure_before else ""
    if not change.profile_before:
        return _("gets an access: %(profile)s", profile=change.profile_after) + place
    if change.profile_after == change.profile_before:
        return change.profile_after + place
    return _("%(before)s becomes %(after)s", before=change.profile_before, after=change.profile_after) + place
