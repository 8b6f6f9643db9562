"""The firm's directories: the list, a new one, one with all that can be done with it."""

from datetime import UTC, datetime

from starlette.responses import Response

from parvis.identity.v1 import providers_pb2 as pb
from parvis_kit.errors import Kind, ServiceError
from parvis_ui.forms import Errors
from parvis_ui.frame import Flash
from parvis_web.access import Area, staff
from parvis_web.directory_guides import GUIDES, Guide
from parvis_web.directory_words import state_of, warnings
from parvis_web.navigation import settings_tabs, sign_in_tabs
from parvis_web.sentences import N_, sentence
from parvis_web.templating import moment
from parvis_web.visit import OrganisationVisit

pages = Area(
    "directories",
    entry="settings.sign_in.directories",
    sentences={
        "too_many_providers": N_("An organisation has twenty directories at most. Delete one that nobody uses."),
        "version_outdated": N_(
            "Somebody else changed this meanwhile. Nothing was saved: compare what you typed with what stands here now."
        ),
        "provider_untried": N_("Test it first: nobody should be the first to find out that it does not work."),
        "provider_incomplete": N_("Tell the portal first where it is, and by which identifier it knows us."),
        "last_provider": N_(
            "Your organisation demands to sign in with its directory, and this is the only one in service: nobody "
            "could "
            "enter any more. Lift the demand first."
        ),
        "provider_live": N_("People sign in with it. Take it out of service first."),
        "no_next_key": N_("There is no next key yet. Prepare it first, and give the directory time to read it."),
    },
)

LIST = "/o/{slug}/settings/sign-in/directories"
ONE = f"{LIST}/{{id}}"
MANAGE = staff("sign_in.manage")
#: What somebody does to set one up, in this order.
_STEPS = (
    N_("Choose"),
    N_("Declare the portal there"),
    N_("Connect it here"),
    N_("Test"),
    N_("Put in service"),
)


def base_of(visit: OrganisationVisit) -> str:
    """Where the directories are."""
    return f"{visit.base}/settings/sign-in/directories"


def here_of(visit: OrganisationVisit) -> str:
    """Where the directory of the address is."""
    return f"{base_of(visit)}/{visit.request.path_params['id']}"


def guide_of(provider: pb.SsoProvider) -> Guide:
    """How it is set up."""
    return GUIDES.get(provider.template) or GUIDES["saml" if provider.kind == pb.PROVIDER_KIND_SAML else "oidc"]


def steps(visit: OrganisationVisit, current: int) -> dict[str, object]:
    """The steps of setting one up, of which one is current."""
    return {"steps": [visit.words(each) for each in _STEPS], "step": current}


async def directory_of(visit: OrganisationVisit) -> pb.SsoProvider:
    """The directory of the address, with the page's frame."""
    request = pb.GetProviderRequest(id=visit.request.path_params["id"])
    _frame, found = await visit.together(visit.clients.providers.GetProvider(request))
    return found


@pages.get(LIST, MANAGE)
async def directories(visit: OrganisationVisit) -> Response:
    """All of them."""
    _frame, found = await visit.together(visit.clients.providers.ListProviders(pb.ListProvidersRequest()))
    context = {
        "tabs": settings_tabs(visit),
        "subtabs": sign_in_tabs(visit),
        "list": base_of(visit),
        "directories": [
            (each, guide_of(each).name, state_of(visit.words, each), next(warnings(visit.words, each), None))
            for each in found.providers
        ],
    }
    return visit.render("directories/list.html", context)


@pages.get(f"{LIST}/new", MANAGE, fresh=True)
async def new(visit: OrganisationVisit) -> Response:
    """Which kind it is."""
    await visit.together()
    return _choice(visit, Errors())


def _choice(visit: OrganisationVisit, errors: Errors, status: int = 200) -> Response:
    _, sent = visit.words, visit.form
    context = {
        "guides": [(guide.key, guide.name, _(guide.about)) for guide in GUIDES.values()],
        "values": {"template": sent["template"], "name": sent["name"]},
        "errors": errors,
        "list": base_of(visit),
        **steps(visit, 1),
    }
    return visit.render("directories/new.html", context, status=status)


@pages.post(f"{LIST}/new", MANAGE)
async def create(visit: OrganisationVisit) -> Response:
    """Makes a draft: from here on there is something to paste."""
    _, sent = visit.words, visit.form
    guide, wrong = GUIDES.get(sent["template"]), Errors()
    if guide is None:
        wrong = Errors({"template": _("Choose one of the values offered.")})
    else:
        kind = pb.PROVIDER_KIND_SAML if guide.kind == "saml" else pb.PROVIDER_KIND_OIDC
        request = pb.CreateProviderRequest(kind=kind, template=guide.key, name=sent["name"] or guide.button)
        try:
            made = await visit.clients.providers.CreateProvider(request)
        except ServiceError as error:
            wrong = visit.errors(error, "name", "template")
        else:
            return visit.redirect(f"{base_of(visit)}/{made.id}/there")
    await visit.together()
    return _choice(visit, wrong, status=422)


def record(visit: OrganisationVisit, found: pb.SsoProvider) -> Response:
    """One of them: what it is, what it needs, what can be done."""
    _, now = visit.words, datetime.now(UTC)
    context = {
        "directory": found,
        "guide": guide_of(found),
        "guide_name": guide_of(found).name,
        "saml": found.kind == pb.PROVIDER_KIND_SAML,
        "draft": found.state not in {pb.PROVIDER_STATE_LIVE, pb.PROVIDER_STATE_OFF},
        "live": found.state == pb.PROVIDER_STATE_LIVE,
        "state": state_of(_, found),
        "warnings": list(warnings(_, found, now)),
        "certificates": [(each, _validity(visit, each, now)) for each in found.certificates],
        "own": [(each, _validity(visit, each, now)) for each in found.own_certificates],
        "next_key": any(not each.current for each in found.own_certificates),
        "tried": moment(found.tried_at),
        "ending": _ending(visit, found),
        "here": here_of(visit),
        "list": base_of(visit),
        "left": _left(found),
    }
    return visit.render("directories/directory.html", context)


def _ending(visit: OrganisationVisit, found: pb.SsoProvider) -> str:
    """Who is signed out when it is taken out of service, or deleted."""
    _, said = visit.words, []
    if (many := found.sessions_ending) > 0:
        ends = _.plural("One open session ends at once.", "%(num)s open sessions end at once.", many, num=many)
        said.append(ends + " " + _("Yours goes on."))
    if (many := found.sessions_kept) > 0:
        said.append(
            _.plural(
                "One colleague with an account of their own stays signed in; products that they opened for your "
                "organisation close.",
                "%(num)s colleagues with an account of their own stay signed in; products that they opened for your "
                "organisation close.",
                many,
                num=many,
            )
        )
    return " ".join(said)


def _left(found: pb.SsoProvider) -> str:
    """The step that a draft is at."""
    if not found.issuer:
        return "there"
    return "live" if found.HasField("tried_at") else "try"


def _validity(visit: OrganisationVisit, each: pb.ProviderCertificate, now: datetime) -> tuple[str, str]:
    """How long a certificate counts, and its tone."""
    _, ends = visit.words, moment(each.expires_at)
    if ends is None:
        return _("No end"), "ok"
    if ends < now:
        return _("Ended"), "bad"
    return _("Valid"), "ok"


@pages.post(f"{ONE}/state", MANAGE)
async def set_state(visit: OrganisationVisit) -> Response:
    """Puts it in service, or takes it out."""
    _, live = visit.words, visit.form["state"] == "live"
    wanted = pb.PROVIDER_STATE_LIVE if live else pb.PROVIDER_STATE_OFF
    request = pb.SetProviderStateRequest(id=visit.request.path_params["id"], state=wanted)
    try:
        found = await visit.clients.providers.SetProviderState(request)
    except ServiceError as error:
        return refused(visit, error)
    if live:
        said = _("%(name)s is in service: your colleagues can sign in with it from now on.", name=found.name)
    else:
        said = _(
            "%(name)s is out of service. Whoever was signed in with it is signed out, except you.", name=found.name
        )
    return visit.redirect(here_of(visit), said)


def refused(visit: OrganisationVisit, error: ServiceError) -> Response:
    """Back to the directory, with why it was not done."""
    if error.reason == "step_up_required" or error.kind not in {Kind.PRECONDITION, Kind.LIMIT, Kind.CONFLICT}:
        raise error
    return visit.redirect(here_of(visit), Flash("bad", sentence(visit.words, error)))


@pages.post(f"{ONE}/delete", MANAGE)
async def delete(visit: OrganisationVisit) -> Response:
    """Forgets it and whom it knows."""
    try:
        await visit.clients.providers.DeleteProvider(pb.DeleteProviderRequest(id=visit.request.path_params["id"]))
    except ServiceError as error:
        return refused(visit, error)
    return visit.redirect(base_of(visit), visit.words("The directory is deleted."))


@pages.post(f"{ONE}/keys", MANAGE)
async def rotate_key(visit: OrganisationVisit) -> Response:
    """Prepares our next key, or lets it sign."""
    _, use = visit.words, visit.form["use"] == "1"
    request = pb.RotateProviderKeyRequest(id=visit.request.path_params["id"], use=use)
    try:
        await visit.clients.providers.RotateProviderKey(request)
    except ServiceError as error:
        return refused(visit, error)
    said = (
        _("The new key signs from now on.")
        if use
        else _("The next key stands in our metadata. Let it sign once the directory has read them.")
    )
    return visit.redirect(f"{here_of(visit)}#keys", said)
