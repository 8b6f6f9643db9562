"""Testing a directory: a sign-in that signs nobody in, what each check found, what was received; and going live."""

from dataclasses import dataclass

from starlette.responses import Response

from parvis.identity.v1 import providers_pb2 as pb
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import ServiceError
from parvis_web.access import Area
from parvis_web.calls import or_down
from parvis_web.directory_checks import Looked, advice, looked_at, step_label
from parvis_web.directory_words import RESULTS
from parvis_web.pages.directories import MANAGE, ONE, directory_of, guide_of, here_of, record, refused, steps
from parvis_web.visit import OrganisationVisit

pages = Area("directory_trial", entry="settings.sign_in.directories")


@dataclass(frozen=True, slots=True)
class Checked:
    """A check as it is read."""

    label: str
    result: str
    tone: str
    detail: str


@pages.get(ONE, MANAGE)
async def directory(visit: OrganisationVisit) -> Response:
    """One directory, or what a test of it found: the browser comes back here from it."""
    if trial_id := visit.query.get("trial", ""):
        return await _report(visit, trial_id[:100])
    return record(visit, await directory_of(visit))


@pages.get(f"{ONE}/try", MANAGE)
async def before(visit: OrganisationVisit) -> Response:
    """What a test does, before it is begun."""
    found = await directory_of(visit)
    context = {
        "directory": found,
        "draft": found.state == pb.PROVIDER_STATE_DRAFT,
        "here": here_of(visit),
        "ready": bool(found.issuer),
        **steps(visit, 4),
    }
    return visit.render("directories/try.html", context)


@pages.post(f"{ONE}/try", MANAGE)
async def begin(visit: OrganisationVisit) -> Response:
    """Sends the browser to the directory. A form that ends elsewhere is stopped by the page's policy, a page that goes
    on by itself is not.
    """
    try:
        begun = await visit.clients.providers.StartProviderTrial(
            pb.StartProviderTrialRequest(id=visit.request.path_params["id"])
        )
    except ServiceError as error:
        return refused(visit, error)
    found = await directory_of(visit)
    answer = visit.render("directories/leaving.html", {"directory": found, "url": begun.url, "here": here_of(visit)})
    answer.headers["Cache-Control"] = "no-store"
    return answer


async def _report(visit: OrganisationVisit, trial_id: str) -> Response:
    providers = visit.clients.providers
    try:
        _frame, found, trial = await visit.together(
            providers.GetProvider(pb.GetProviderRequest(id=visit.request.path_params["id"])),
            providers.GetProviderTrial(pb.GetProviderTrialRequest(id=trial_id)),
        )
    except ServiceError as error:
        if error.reason != "trial_not_found":
            raise
        return visit.redirect(f"{here_of(visit)}/try", visit.words("That test is over. Begin a new one."))
    _ = visit.words
    saml = found.kind == pb.PROVIDER_KIND_SAML
    checks = [_checked(visit, each) for each in looked_at(_, trial.checks, saml=saml)]
    failed = next((each for each in trial.checks if each.result == pb.CHECK_RESULT_FAILED), None)
    received = {each.used_as: each for each in trial.claims if each.used_as}
    context = {
        "directory": found,
        "trial": trial,
        "checks": checks,
        "failed": step_label(_, failed.name, saml=saml) if failed else "",
        "advice": advice(_, failed.reason or failed.name, found.name, saml=saml) if failed else "",
        "person": (person := _person(visit, received)),
        "untimed": not saml and "auth_time" not in {each.name for each in trial.claims},
        "missing": not all(value for _label, value in person),
        "claims": sorted(trial.claims, key=lambda each: (not each.used_as, each.name)),
        "uses": _uses(visit),
        "groups": _(guide_of(found).groups),
        "draft": found.state == pb.PROVIDER_STATE_DRAFT,
        "live": found.state == pb.PROVIDER_STATE_LIVE,
        "here": here_of(visit),
        **steps(visit, 4),
    }
    answer = visit.render("directories/report.html", context)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _checked(visit: OrganisationVisit, each: Looked) -> Checked:
    label, tone = RESULTS[each.result]
    return Checked(each.label, visit.words(label), tone, each.detail)


def _uses(visit: OrganisationVisit) -> dict[str, str]:
    _ = visit.words
    return {
        "given_name": _("First name"),
        "family_name": _("Family name"),
        "mail": _("Mail address"),
        "user_name": _("User name"),
        "groups": _("Groups"),
        "subject": _("Identifier"),
    }


def _person(visit: OrganisationVisit, received: dict[str, pb.ReceivedClaim]) -> list[tuple[str, str]]:
    """What the portal would know of whoever signed in; what did not arrive is empty."""
    uses = _uses(visit)
    return [
        (uses[name], ", ".join(received[name].values) if name in received else "")
        for name in ("given_name", "family_name", "mail", "groups")
    ]


@pages.get(f"{ONE}/live", MANAGE, fresh=True)
async def review(visit: OrganisationVisit) -> Response:
    """What changes once it is in service."""
    _frame, found, mapping = await visit.together(
        visit.clients.providers.GetProvider(pb.GetProviderRequest(id=visit.request.path_params["id"])),
        or_down(visit.clients.directory.GetDirectoryMapping(tenancy_pb2.GetDirectoryMappingRequest())),
    )
    if found.state == pb.PROVIDER_STATE_LIVE:
        return visit.redirect(here_of(visit))
    context = {
        "directory": found,
        "slug": visit.organisation.face.slug,
        "tried": found.HasField("tried_at"),
        "gives_nothing": mapping is not None and not mapping.rules and not mapping.default_profile_id,
        "mapping": f"{visit.base}/settings/sign-in/mapping",
        "draft": found.state == pb.PROVIDER_STATE_DRAFT,
        "here": here_of(visit),
        **steps(visit, 5),
    }
    return visit.render("directories/live.html", context)
