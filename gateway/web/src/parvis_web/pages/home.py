"""Home: what awaits the reader first, then what they can open."""

from functools import partial
from urllib.parse import quote, urlencode

from starlette.responses import Response

from parvis.billing.v1 import billing_pb2
from parvis.documents.v1 import documents_pb2
from parvis.identity.v1 import factors_pb2
from parvis.tenancy.v1 import tenancy_pb2
from parvis_kit.errors import Kind, ServiceError
from parvis_ui.lists import Task
from parvis_web.access import MEMBER, Area
from parvis_web.calls import at_once, or_down
from parvis_web.pages.applications import in_order, launch_address
from parvis_web.sentences import either
from parvis_web.sessions import Token
from parvis_web.visit import OrganisationVisit

#: Seconds that a card waits for its service.
PATIENCE = 2.0

pages = Area("home")


@pages.get("/o/{slug}/", MEMBER)
async def home(visit: OrganisationVisit) -> Response:
    """Three calls at once; a service that does not answer leaves its part of the page to say so. A fourth for those who
    are offered a second factor.
    """
    clients = visit.clients
    answers = await at_once(
        _tenancy(visit),
        or_down(clients.documents.GetOverview(documents_pb2.GetOverviewRequest(), timeout=PATIENCE)),
        or_down(clients.invoices.GetOverview(billing_pb2.GetOverviewRequest(), timeout=PATIENCE)),
        _offer(visit),
    )
    mine: tenancy_pb2.Home | None = answers[0]
    documents: documents_pb2.Overview | None = answers[1]
    invoices: billing_pb2.Overview | None = answers[2]
    context: dict[str, object] = {
        "given_name": visit.frame.membership.given_name,
        "mine": mine,
        "documents": documents,
        "invoices": invoices,
        "organisation": visit.organisation.face.name,
    }
    if visit.is_portal:
        return visit.render("home/portal.html", context)
    context |= {
        "tasks": _tasks(visit, mine, documents, invoices),
        "products": in_order(mine.products, catalogue=not visit.is_provider) if mine is not None else [],
        "provider": visit.is_provider,
        "either": partial(either, visit.words),
        "offer": answers[3],
        "enrol": f"/factors/enrol?{urlencode({'next': f'/auth/proven?next={visit.base}/'}, quote_via=quote)}",
        "launch": lambda product: launch_address(product.launch_url, visit.organisation.face.slug),
    }
    return visit.render("home/staff.html", context)


@pages.post("/o/{slug}/factor-later", MEMBER)
async def put_off_factor(visit: OrganisationVisit) -> Response:
    """Whoever is offered a second factor says "later"."""
    await visit.clients.factors.PutOffMyFactor(factors_pb2.PutOffMyFactorRequest())
    said = visit.words("You will be asked again in a month. Until then you can turn it on in your account.")
    return visit.redirect(f"{visit.base}/", said)


async def _offer(visit: OrganisationVisit) -> Token | None:
    """The token of somebody to whom the organisation offers a second factor. It is asked for anew, since they may have
    answered the offer meanwhile.
    """
    if visit.token is None or not visit.token.offers_factor or visit.session is None or visit.viewing is not None:
        return None
    organisation_id = visit.organisation.face.id
    visit.session.tokens.pop(organisation_id, None)
    token = await visit.portal.sessions.token(visit.session, organisation_id)
    return token if token.offers_factor else None


async def _tenancy(visit: OrganisationVisit) -> tenancy_pb2.Home | None:
    try:
        found = await visit.clients.organisations.GetHome(tenancy_pb2.GetHomeRequest(), timeout=PATIENCE)
    except ServiceError as error:
        if error.kind in {Kind.UNAVAILABLE, Kind.INTERNAL}:
            return None
        raise
    visit.keep_frame(found.frame)
    return found


def _tasks(
    visit: OrganisationVisit,
    mine: tenancy_pb2.Home | None,
    documents: documents_pb2.Overview | None,
    invoices: billing_pb2.Overview | None,
) -> list[Task]:
    """What awaits a member of the staff, what others wait for first."""
    _, base = visit.words, visit.base
    tasks = []
    if documents is not None and documents.unread_total:
        newest = documents.unread[0] if documents.unread else None
        tasks.append(
            Task(
                _.plural(
                    "Read a document from a client", "Read %(num)s documents from clients", documents.unread_total
                ),
                f"{base}/documents?unread=1",
                icon="inbox",
                detail=f"{newest.contact_name} · {newest.name}" if newest else "",
            )
        )
    if invoices is not None and invoices.drafts:
        tasks.append(
            Task(
                _.plural("Finish a draft invoice", "Finish %(num)s draft invoices", invoices.drafts),
                f"{base}/invoices?state=draft",
                icon="invoice",
            )
        )
    if mine is not None and mine.missing_mentions:
        tasks.append(
            Task(
                _("Complete the record of your organisation"),
                f"{base}/settings/organisation",
                icon="firm",
                detail=_("Invoices cannot be closed until it is complete."),
            )
        )
    if mine is not None and mine.pending_requests:
        tasks.append(
            Task(
                _.plural("Somebody asks for an account", "%(num)s people ask for an account", mine.pending_requests),
                f"{base}/settings/people/requests",
                icon="person-plus",
            )
        )
    if mine is not None and mine.pending_invitations:
        tasks.append(
            Task(
                _.plural("An invitation is unanswered", "%(num)s invitations are unanswered", mine.pending_invitations),
                f"{base}/settings/people?state=invited",
                icon="send",
            )
        )
    if mine is not None and mine.pending_accesses:
        tasks.append(
            Task(
                _.plural(
                    "A client access was never used", "%(num)s client accesses were never used", mine.pending_accesses
                ),
                f"{base}/contacts?access=unused",
                icon="key",
            )
        )
    return tasks
