"""The firm's mail domains: said to be its own, proven, kept."""

from datetime import UTC, datetime

from starlette.responses import Response

from parvis.identity.v1 import domains_pb2 as pb
from parvis_kit.errors import Kind, ServiceError, not_found
from parvis_ui import formats
from parvis_ui.forms import Errors
from parvis_ui.frame import Flash
from parvis_ui.translations import Words
from parvis_web.access import Area, staff
from parvis_web.navigation import settings_tabs, sign_in_tabs
from parvis_web.sentences import N_, sentence
from parvis_web.templating import moment
from parvis_web.visit import OrganisationVisit

pages = Area(
    "mail_domains",
    entry="settings.sign_in.domains",
    sentences={
        "not_a_domain": N_("A mail domain is what follows the @ in your addresses: “my-firm.com”."),
        "public_suffix": N_("Nobody owns this: many organisations have names that end so. Give the whole name."),
        "public_mail": N_("Anybody can have an address there, so it cannot be the domain of one firm."),
        "domain_listed": N_("%(domain)s is on your list already."),
        "domain_held": N_(
            "Another organisation has proven %(domain)s, and has been told that you asked. You can have it too if you "
            "can change its DNS."
        ),
        "domain_proven": N_("%(domain)s is proven by its DNS record already: a mail would add nothing."),
        "too_many_domains": N_("An organisation has fifty mail domains at most. Remove one that is not used."),
        "too_soon": N_("That was a moment ago. Try again a little later."),
    },
)
LIST = "/o/{slug}/settings/sign-in/domains"
ONE = f"{LIST}/{{id}}"
MANAGE = staff("sign_in.manage")

#: State → label and tone.
STATES = {
    pb.DOMAIN_STATE_PENDING: (N_("To be proven"), "wait"),
    pb.DOMAIN_STATE_VERIFIED: (N_("Proven"), "ok"),
    pb.DOMAIN_STATE_LOST: (N_("Proof missing"), "warn"),
    pb.DOMAIN_STATE_OFF: (N_("Out of service"), "bad"),
}


def state_of(words: Words, domain: pb.Domain) -> tuple[str, str]:
    """Label and tone."""
    label, tone = STATES.get(domain.state, STATES[pb.DOMAIN_STATE_PENDING])
    return words(label), tone


def _problem(words: Words, domain: pb.Domain) -> str:
    """What the last check found wrong, and what to do."""
    _ = words
    said: dict[str, str] = {
        "record_missing": _("The record was not found. What was just published may take an hour to be seen."),
        "record_other": _(
            "There is a record of that name, but it says something else. Compare the value sign by sign."
        ),
        "dns_unreachable": _("The name servers of %(domain)s did not answer. We go on trying.", domain=domain.shown),
        "held_by_another": _(
            "Another organisation has proven this domain. Yours is put into service beside it once your own record "
            "is found."
        ),
        "proven_by_another": _(
            "Another organisation has proven this domain by its DNS, which counts more than your mail. Publish your "
            "own record to keep it."
        ),
        "mail_proof_old": _("The word of the postmaster counted for half a year. Publish the record, or ask again."),
        "mail_declined": _("The postmaster refused. Talk to whoever runs the mail of this domain."),
    }
    return said.get(domain.problem, "")


@pages.get(LIST, MANAGE)
async def domains(visit: OrganisationVisit) -> Response:
    """All of them."""
    _frame, found = await visit.together(visit.clients.domains.ListDomains(pb.ListDomainsRequest()))
    context = {
        "tabs": settings_tabs(visit),
        "subtabs": sign_in_tabs(visit),
        "list": _base(visit),
        "domains": [(each, state_of(visit.words, each), _detail(visit.words, each)) for each in found.domains],
    }
    return visit.render("mail_domains/list.html", context)


def _detail(words: Words, domain: pb.Domain) -> str:
    """The one thing to know about it in a list."""
    _ = words
    if domain.state == pb.DOMAIN_STATE_LOST:
        return _("Counts until %(day)s", day=formats.long_date(moment(domain.off_at) or datetime.now(UTC), _.language))
    if domain.state != pb.DOMAIN_STATE_VERIFIED:
        return ""
    if domain.method == pb.DOMAIN_METHOD_MAIL:
        ends = moment(domain.mail_proof_ends_at) or datetime.now(UTC)
        return _("By its postmaster, until %(day)s", day=formats.long_date(ends, _.language))
    return _("By DNS")


@pages.get(f"{LIST}/new", MANAGE, fresh=True)
async def new(visit: OrganisationVisit) -> Response:
    """Which one."""
    return await _form(visit, Errors())


async def _form(visit: OrganisationVisit, errors: Errors, *, held: str = "", status: int = 200) -> Response:
    await visit.together()
    context = {"list": _base(visit), "name": visit.form["name"], "errors": errors, "held": held}
    return visit.render("mail_domains/new.html", context, status=status)


@pages.post(f"{LIST}/new", MANAGE)
async def add(visit: OrganisationVisit) -> Response:
    """Puts it on the list: what proves it is known from here on."""
    request = pb.AddDomainRequest(name=visit.form["name"], beside_another=bool(visit.form["beside_another"]))
    try:
        made = await visit.clients.domains.AddDomain(request)
    except ServiceError as error:
        if error.reason == "domain_held":
            return await _form(visit, Errors(), held=sentence(visit.words, error), status=409)
        errors = visit.errors(error, "name", domain_listed="name", too_many_domains="name")
        return await _form(visit, errors, status=422)
    return visit.redirect(f"{_base(visit)}/{made.id}")


@pages.get(ONE, MANAGE)
async def domain(visit: OrganisationVisit) -> Response:
    """One: what it is worth, and how it is proven."""
    _frame, found = await visit.together(visit.clients.domains.ListDomains(pb.ListDomainsRequest()))
    one = next((each for each in found.domains if each.id == visit.request.path_params["id"]), None)
    if one is None:
        raise not_found("domain_not_found")
    sent = moment(one.mail_expires_at)
    context = {
        "domain": one,
        "state": state_of(visit.words, one),
        "detail": _detail(visit.words, one),
        "problem": _problem(visit.words, one),
        "proven": one.state == pb.DOMAIN_STATE_VERIFIED,
        "lost": one.state == pb.DOMAIN_STATE_LOST,
        "off": one.state == pb.DOMAIN_STATE_OFF,
        "by_dns": one.state == pb.DOMAIN_STATE_VERIFIED and one.method == pb.DOMAIN_METHOD_DNS,
        "asks": one.state != pb.DOMAIN_STATE_VERIFIED and not one.held_by_another,
        "waiting": sent is not None and sent > datetime.now(UTC),
        "list": _base(visit),
        "here": _here(visit),
    }
    return visit.render("mail_domains/domain.html", context)


@pages.post(f"{ONE}/check", MANAGE)
async def check(visit: OrganisationVisit) -> Response:
    """Looks in the DNS now."""
    _ = visit.words
    try:
        found = await visit.clients.domains.CheckDomain(pb.CheckDomainRequest(id=visit.request.path_params["id"]))
    except ServiceError as error:
        return _refused(visit, error)
    if found.state == pb.DOMAIN_STATE_VERIFIED and found.method == pb.DOMAIN_METHOD_DNS:
        said: str | Flash = _("%(domain)s is proven: the record is there.", domain=found.shown)
    else:
        said = Flash("warn", _problem(_, found) or _("The record was not found."))
    return visit.redirect(_here(visit), said)


@pages.post(f"{ONE}/mail", MANAGE)
async def send_mail(visit: OrganisationVisit) -> Response:
    """Asks the postmaster."""
    try:
        found = await visit.clients.domains.SendDomainMail(pb.SendDomainMailRequest(id=visit.request.path_params["id"]))
    except ServiceError as error:
        return _refused(visit, error)
    return visit.redirect(
        _here(visit), visit.words("A mail is on its way to postmaster@%(domain)s.", domain=found.shown)
    )


@pages.post(f"{ONE}/remove", MANAGE)
async def remove(visit: OrganisationVisit) -> Response:
    """Takes it off the list."""
    try:
        await visit.clients.domains.RemoveDomain(pb.RemoveDomainRequest(id=visit.request.path_params["id"]))
    except ServiceError as error:
        return _refused(visit, error)
    return visit.redirect(_base(visit), visit.words("The domain is removed: its addresses lead to the password again."))


def _refused(visit: OrganisationVisit, error: ServiceError) -> Response:
    """Back to the domain, with why it was not done."""
    if error.reason == "step_up_required" or error.kind not in {Kind.PRECONDITION, Kind.LIMIT, Kind.CONFLICT}:
        raise error
    return visit.redirect(_here(visit), Flash("bad", sentence(visit.words, error)))


def _base(visit: OrganisationVisit) -> str:
    return f"{visit.base}/settings/sign-in/domains"


def _here(visit: OrganisationVisit) -> str:
    return f"{_base(visit)}/{visit.request.path_params['id']}"
