"""The pages' process, top to bottom: settings → clients, sessions, relying party → pages → FastAPI → serve."""

import asyncio
import sys
from collections.abc import Sequence

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.tenancy.v1 import events_pb2 as tenancy_events
from parvis_kit.app import Service, run
from parvis_kit.bus import Envelope
from parvis_kit.ids import parse
from parvis_ui import styleguide
from parvis_ui.pages import Pages
from parvis_web.clients import Clients
from parvis_web.dispatch import routes
from parvis_web.holdings import HOLDINGS
from parvis_web.kept import Kept
from parvis_web.pages import AREAS
from parvis_web.relying_party import RelyingParty
from parvis_web.sessions import Sessions
from parvis_web.settings import WebSettings
from parvis_web.shares import Shares
from parvis_web.templating import add_filters
from parvis_web.visit import Portal


async def wire(settings: WebSettings) -> Service[WebSettings]:
    """The process. It answers pages and hears revocations; it consumes no event and offers no RPC."""
    service = Service(settings, knows_rights=False)
    clients = Clients(service.peers.channel)
    sessions = Sessions(
        service.database, clients, hours=settings.session_hours, stale=lambda: service.revocations.stale
    )
    listen(service, sessions)
    portal = Portal(
        settings=settings,
        pages=Pages("parvis_web", store_origin=settings.store_url),
        clients=clients,
        sessions=sessions,
        relying_party=RelyingParty(settings),
        kept=Kept(clients.records, HOLDINGS, settings),
        shares=Shares(settings.account_requests),
    )
    service.pages = application(portal)
    # Nobody waits for it, neither the start nor a reader: it is most of what a start takes.
    asyncio.get_running_loop().run_in_executor(None, portal.pages.warm)
    return service


def listen(service: Service[WebSettings], sessions: Sessions) -> None:
    """Sessions and accesses that end elsewhere end here."""

    async def session_ended(event: identity_events.SessionEnded, _envelope: Envelope) -> None:
        await sessions.session_ended(parse(event.session_id))

    async def account_disabled(event: identity_events.AccountDisabled, envelope: Envelope) -> None:
        await sessions.account_disabled(parse(event.account_id), envelope.time)

    def membership_cut(event: tenancy_events.MembershipCut, _envelope: Envelope) -> None:
        sessions.membership_changed(parse(event.account_id))

    def demands_changed(event: identity_events.SignInPolicyChanged, _envelope: Envelope) -> None:
        sessions.demands_changed(event.organisation_id)

    service.bus.broadcast(identity_events.SessionEnded, session_ended)
    service.bus.broadcast(identity_events.AccountDisabled, account_disabled)
    service.bus.broadcast(identity_events.SignInPolicyChanged, demands_changed)
    service.bus.broadcast(tenancy_events.MembershipCut, membership_cut)


def application(portal: Portal) -> FastAPI:
    """All routes: the areas' pages, the assets, the style guide, preferences."""
    add_filters(portal.pages)
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.router.routes.extend(routes(portal, AREAS))
    app.mount("/assets", portal.pages.assets)
    app.router.routes.append(Route("/preferences", portal.pages.preferences, methods=["POST"]))

    async def guide(request: Request) -> Response:
        frame = styleguide.frame(portal.pages.language(request))
        return portal.pages.render(request, "parvis_ui/styleguide.html", styleguide.context(request), frame=frame)

    app.router.routes.append(Route("/styleguide", guide))
    app.router.routes.append(Route("/o/{slug}", _with_slash))

    async def unknown(request: Request, _error: Exception) -> Response:
        _ = portal.pages.translator(request)
        return portal.pages.error(
            request,
            404,
            _("This page does not exist, or not for you"),
            _("The address may be mistyped, or the thing may be gone."),
            actions=((_("My organisations"), "/organisations"),),
        )

    app.add_exception_handler(404, unknown)
    app.add_exception_handler(405, unknown)
    return app


async def _with_slash(request: Request) -> Response:
    return RedirectResponse(f"{request.url.path}/", 308)


def main(argv: Sequence[str] | None = None) -> None:
    """`python -m parvis_web [migrate]`. There is no worker here: the pages have no background work."""
    run(WebSettings, wire, ["--role", "api", *(sys.argv[1:] if argv is None else argv)])
