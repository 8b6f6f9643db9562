"""What an organisation demands of its staff at its door: whom it concerns, and who is not ready for it yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from google.protobuf.timestamp_pb2 import Timestamp
from starlette.responses import Response

from parvis.identity.v1 import policies_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError
from parvis_ui import formats
from parvis_ui.forms import Errors
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.calls import if_allowed
from parvis_web.navigation import settings_tabs, sign_in_tabs
from parvis_web.pages.contacts import whole
from parvis_web.sentences import N_
from parvis_web.visit import OrganisationVisit

pages = Area(
    "sign_in_policy",
    entry="settings.sign_in.policy",
    sentences={
        "no_live_provider": N_("First connect a directory, test it and put it into service."),
        "break_glass_missing": N_("Choose at least one: else nobody enters on the day when the directory is down."),
        "break_glass_without_factor": N_("One of them has no second factor of their own, or no password."),
        "break_glass_not_staff": N_("One of them does not work here any more: take them off."),
        "policy_invalid": N_("Something in this form cannot be accepted. Check what you chose."),
    },
)
_PAGE = "/o/{slug}/settings/sign-in/policy"
_FIELDS = ("sso", "factors", "required_from", "required_profiles", "break_glass")
_SSO: Mapping[str, "pb.SsoMode.ValueType"] = {
    "off": pb.SSO_MODE_OFF,
    "offered": pb.SSO_MODE_OFFERED,
    "enforced": pb.SSO_MODE_ENFORCED,
}
_FACTORS: Mapping[str, "pb.FactorMode.ValueType"] = {
    "off": pb.FACTOR_MODE_OFF,
    "offered": pb.FACTOR_MODE_OFFERED,
    "required": pb.FACTOR_MODE_REQUIRED,
}


@dataclass(frozen=True, slots=True)
class _Typed:
    """What the form shows: as it is saved, or as it was sent."""

    sso: str
    factors: str
    required_from: str
    required_profiles: list[str]
    break_glass: list[str]
    version: int


@pages.get(_PAGE, staff("sign_in.manage"), fresh=True)
async def policy(visit: OrganisationVisit) -> Response:
    """What is demanded, and whom it concerns."""
    return await _form(visit, None, Errors())


@pages.post(_PAGE, staff("sign_in.manage"))
async def save(visit: OrganisationVisit) -> Response:
    """Demands this from now on."""
    _, form = visit.words, visit.form
    typed = _Typed(
        form["sso"], form["factors"], form["required_from"], form.all("required_profiles"), form.all("break_glass"),
        whole(form["version"]),
    )  # fmt: skip
    wanted = pb.SignInPolicy(
        sso=_SSO.get(typed.sso, pb.SSO_MODE_UNSPECIFIED),
        factors=_FACTORS.get(typed.factors, pb.FACTOR_MODE_UNSPECIFIED),
        required_profiles=typed.required_profiles,
        break_glass=typed.break_glass,
        version=typed.version,
    )
    if typed.required_from and typed.factors == "required":
        await visit.together()  # for the time zone
        begin = _beginning_of(visit, typed.required_from)
        if begin is None:
            return await _form(visit, typed, Errors({"required_from": _("Choose a day.")}), status=422)
        wanted.required_from.CopyFrom(begin)
    try:
        saved = await visit.clients.policies.SaveSignInPolicy(pb.SaveSignInPolicyRequest(policy=wanted))
    except ServiceError as error:
        return await _form(visit, _with_version(typed, error), _errors(visit, error), status=422)
    return visit.redirect(visit.address, _said(_, saved))


async def _form(visit: OrganisationVisit, typed: _Typed | None, errors: Errors, *, status: int = 200) -> Response:
    _frame, told, profiles = await visit.together(
        visit.clients.policies.GetSignInPolicy(pb.GetSignInPolicyRequest()),
        if_allowed(visit.clients.members.ListProfiles(tenancy_pb2.ListProfilesRequest())),
    )
    _ = visit.words
    names = {each.id: each.name for each in profiles.profiles} if profiles else {}
    context = {
        "tabs": settings_tabs(visit),
        "subtabs": sign_in_tabs(visit),
        "told": told,
        "shown": typed or _stored(visit, told.policy),
        "profiles": [
            (each, name, _of_profile(_, told, each)) for each, name in names.items() if told.staff_by_profile.get(each)
        ],
        "candidates": [(each.account_id, _called(_, each), _note(_, each)) for each in told.candidates],
        "none_ready": not any(each.has_factor for each in told.candidates),
        "today": datetime.now(formats.zone(visit.frame.time_zone)).date().isoformat(),
        "directories": f"{visit.base}/settings/sign-in/directories",
        "action": f"{visit.base}/settings/sign-in/policy",
        "errors": errors,
    }
    return visit.render("sign_in/policy.html", context, status=status)


def _stored(visit: OrganisationVisit, kept: pb.SignInPolicy) -> _Typed:
    day = ""
    if kept.HasField("required_from"):
        zone = formats.zone(visit.frame.time_zone)
        day = kept.required_from.ToDatetime(UTC).astimezone(zone).date().isoformat()
    return _Typed(
        sso=next((name for name, mode in _SSO.items() if mode == kept.sso), "off"),
        factors=next((name for name, mode in _FACTORS.items() if mode == kept.factors), "off"),
        required_from=day,
        required_profiles=list(kept.required_profiles),
        break_glass=list(kept.break_glass),
        version=kept.version,
    )


def _beginning_of(visit: OrganisationVisit, day: str) -> Timestamp | None:
    """The beginning of a day in the organisation's time zone; None: it is no day."""
    try:
        at = datetime.combine(date.fromisoformat(day), time(), formats.zone(visit.frame.time_zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    made = Timestamp()
    made.FromDatetime(at)
    return made


def _of_profile(_: Words, told: pb.SignInPolicies, profile_id: str) -> str:
    people, lacking = told.staff_by_profile[profile_id], told.without_factor_by_profile.get(profile_id, 0)
    said = _.plural("%(num)s person", "%(num)s people", people)
    if not lacking:
        return _("%(people)s, all with a second factor", people=said)
    return f"{said}, {_.plural('%(num)s without a second factor', '%(num)s without a second factor', lacking)}"


def _called(_: Words, each: pb.BreakGlassCandidate) -> str:
    name = each.name or _("Somebody who works here no more")
    return _("%(name)s (you)", name=name) if each.me else name


def _note(_: Words, each: pb.BreakGlassCandidate) -> str:
    if not each.staff:
        return _("Take this account off.")
    return each.mail if each.has_factor else _("%(mail)s: without a second factor of their own", mail=each.mail)


def _with_version(typed: _Typed, error: ServiceError) -> _Typed:
    """Saving again replaces what somebody else saved meanwhile: the reader was told so."""
    if error.reason != "stale_version":
        return typed
    return _Typed(
        typed.sso, typed.factors, typed.required_from, typed.required_profiles, typed.break_glass,
        whole(error.params.get("version", "")),
    )  # fmt: skip


def _errors(visit: OrganisationVisit, error: ServiceError) -> Errors:
    _ = visit.words
    if error.reason != "would_lock_out":
        return visit.errors(error, *_FIELDS)
    if error.params.get("step") == "sso":
        return Errors({
            "sso": _(
                "Nothing was saved: you would lock yourself out. Sign in with the directory first, or put yourself "
                "among those who enter without it."
            )
        })  # fmt: skip
    return Errors({
        "factors": _(
            "Nothing was saved: you would lock yourself out. You have no second factor yet: choose one in your account "
            "first."
        )
    })  # fmt: skip


def _said(_: Words, saved: pb.SignInPolicies) -> str:
    """What will happen to whom."""
    if saved.policy.factors == pb.FACTOR_MODE_REQUIRED and saved.without_factor:
        return _.plural(
            "Saved. %(num)s person will be asked to choose a second factor.",
            "Saved. %(num)s people will be asked to choose a second factor.",
            saved.without_factor,
        )
    return _("Saved. It counts when somebody enters, for sessions that go on too.")
