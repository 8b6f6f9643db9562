"""From a route to an answer: session, organisation, token, rule, form, handler, and every error as a page.

One request is read top to bottom in `_Page.__call__`. What is checked here is who is there and that a form is
ours; what they may do is decided by the services, and shown by `errors`.
"""

import time
from collections.abc import Iterable
from contextlib import ExitStack
from urllib.parse import urlsplit

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parvis_kit.caller import Acting, acting_as, acting_for
from parvis_kit.errors import (
    Kind,
    ServiceError,
    forbidden,
    internal,
    invalid,
    limit,
    not_found,
    precondition,
    unauthenticated,
)
from parvis_ui import bodies
from parvis_watch import refusals
from parvis_watch.traces import new_traceparent, traceparent
from parvis_web import errors, revisions, viewings
from parvis_web.access import Area, PageRoute
from parvis_web.sessions import Session, Token
from parvis_web.visit import AccountVisit, Form, OrganisationVisit, Portal, Visit

#: Seconds that a page may take; what it asks of the services takes no longer either.
DEADLINE = 10.0
#: Bytes of a form or of a JSON body: files never come this way.
LARGEST_BODY = 256 * 1024
SAFE = {"GET", "HEAD"}
#: Errors that are a reader's everyday life; the others are logged with their reference.
_EVERYDAY = {
    Kind.NOT_FOUND, Kind.FORBIDDEN, Kind.UNAUTHENTICATED, Kind.INVALID, Kind.CONFLICT, Kind.PRECONDITION, Kind.LIMIT,
}  # fmt: skip

_log = structlog.get_logger(__name__)


def routes(portal: Portal, areas: Iterable[Area]) -> list[Route]:
    """The routes of all areas."""
    return [
        Route(
            route.path, _Page(portal, route), methods=list(route.methods), name=f"{area.name}.{route.handler.__name__}"
        )
        for area in areas
        for route in area.routes
    ]


class _Page:
    """One route. An instance is not a function, so Starlette takes it as an ASGI application."""

    def __init__(self, portal: Portal, route: PageRoute) -> None:
        self._portal = portal
        self._route = route
        self._kind = OrganisationVisit if route.rule.inside else Visit if route.rule.who == "anyone" else AccountVisit

    async def __call__(self, scope: object, receive: object, send: object) -> None:
        request = Request(scope, receive)  # type: ignore[arg-type]
        trace = traceparent() or new_traceparent()
        visit = self._kind(self._portal, request, self._route, trace[3:19])
        with ExitStack() as share:  # until the answer was sent: a file is made meanwhile
            answer = await self._answer(visit, share)
            self._keep_revisions(visit, answer)
            await answer(scope, receive, send)  # type: ignore[arg-type]

    async def _answer(self, visit: Visit, share: ExitStack) -> Response:
        """What the reader gets, whatever happens."""
        request = visit.request
        try:
            visit.session = await self._portal.sessions.find(request.cookies.get(self._portal.cookie("session"), ""))
            if visit.session is not None:
                share.enter_context(self._portal.shares.taken(visit.session.account_id, file=self._route.file))
                revisions.remember(visit.session, self._kept_revisions(visit, visit.session))
            if request.method not in SAFE:
                await self._take_form(visit)
            if isinstance(visit, AccountVisit):
                with refusals.noted(self._route.path):
                    return await self._inside(visit)
            with acting_for(None):
                return await self._route.handler(visit)
        except ServiceError as error:
            if error.kind not in _EVERYDAY:
                _log.error("page_failed", path=request.url.path, reference=visit.reference, error=str(error))
            return await errors.answer(visit, error)
        except HTTPException:
            return await errors.answer(visit, invalid("malformed_request"))
        except Exception:  # noqa: BLE001 - whatever it was, the reader gets a page
            _log.exception("page_failed", path=request.url.path, reference=visit.reference)
            return await errors.answer(visit, internal())

    async def _inside(self, visit: AccountVisit) -> Response:
        """With the token of the reader for the organisation of the address. A token that is refused is replaced
        once.
        """
        if visit.session is None:
            raise unauthenticated("signed_out")
        known = visit.session.revisions
        refusals.known(account=visit.session.account_id)
        for last in (False, True):
            organisation_id = ""
            if isinstance(visit, OrganisationVisit):
                slug = visit.request.path_params["slug"]
                visit.enter(await self._portal.sessions.organisation(visit.session, slug))
                organisation_id = visit.organisation.face.id
                refusals.known(organisation=organisation_id)
                self._as_whom(visit, visit.session)
            viewing_id = visit.viewing.id if isinstance(visit, OrganisationVisit) and visit.viewing else ""
            with acting_as(Acting(revisions=known)):
                token = await self._token(visit, visit.session, organisation_id, viewing_id)
            until = time.monotonic() + DEADLINE
            visit.acting = Acting(token.value, deadline=until, revisions=known)
            visit.token = token
            try:
                with acting_as(visit.acting):
                    return await self._handled(visit)
            except ServiceError as error:
                if error.reason == "revision_ahead":  # of a database that was restored since
                    known.pop(organisation_id, None)
                    if not last and visit.request.method in SAFE:
                        continue
                if error.reason == "step_up_required" and not last:
                    # Proven meanwhile, in another tab or process: what the token says is older.
                    await self._portal.sessions.token(visit.session, organisation_id, proven_since=token.proven_at + 1)
                elif error.kind is not Kind.UNAUTHENTICATED or last:
                    raise
                else:
                    visit.session.tokens.clear()
                visit.session.ask_again()
                if visit.request.method not in SAFE:
                    # What was typed is sent again by the reader: half of it may have been done.
                    await self._portal.sessions.token(visit.session, organisation_id)
                    raise unauthenticated("token_replaced") from error
        raise AssertionError  # the second turn returned or raised

    async def _handled(self, visit: AccountVisit) -> Response:
        if self._route.fresh:
            visit.ask_proof()
        return await self._route.handler(visit)

    async def _token(self, visit: AccountVisit, session: Session, organisation_id: str, viewing_id: str) -> Token:
        try:
            return await self._portal.sessions.token(session, organisation_id, viewing_id)
        except ServiceError as error:
            if error.kind is Kind.NOT_FOUND and isinstance(visit, OrganisationVisit):
                session.ask_again()
                raise not_found("access_ended", organisation=visit.organisation.face.name) from error
            raise

    def _kept_revisions(self, visit: Visit, session: Session) -> dict[str, int]:
        return revisions.unpack(session, visit.request.cookies.get(self._portal.cookie(revisions.PURPOSE), ""))

    def _keep_revisions(self, visit: Visit, answer: Response) -> None:
        """The browser brings them along to whichever process answers it next."""
        if (session := visit.session) is not None and session.revisions != self._kept_revisions(visit, session):
            self._portal.set_cookie(answer, revisions.PURPOSE, revisions.pack(session, session.revisions))

    def _as_whom(self, visit: OrganisationVisit, session: Session) -> None:
        """Says as whom the organisation's pages are seen, by the viewing that the browser holds. Raises PRECONDITION
        viewing_ended, FORBIDDEN viewing_read_only for whatever is no reading.
        """
        slug = visit.organisation.face.slug
        held = viewings.unpack(session, visit.request.cookies.get(self._portal.cookie(viewings.purpose(slug)), ""))
        if held is None or held.organisation_id != visit.organisation.face.id or self._route.leaves_viewing:
            return
        visit.view(held)
        if held.over:
            raise precondition("viewing_ended")
        if visit.request.method not in SAFE:
            raise forbidden("viewing_read_only", name=held.name)

    async def _take_form(self, visit: Visit) -> None:
        """Reads the body and refuses what does not come from a page of ours (CSRF)."""
        request = visit.request
        largest = LARGEST_BODY + self._route.largest_file
        if int(request.headers.get("content-length") or 0) > largest or "transfer-encoding" in request.headers:
            await bodies.drop(request)
            raise limit("too_large")
        json_body = request.headers.get("content-type", "").startswith("application/json")
        if not json_body and request.method == "POST":
            visit.form = Form(await request.form(max_files=1 if self._route.largest_file else 0, max_fields=2000))
        own = _is_own_origin(request, self._portal.settings.public_url)
        if own is False:
            raise forbidden("foreign_origin")
        if self._route.rule.who == "anyone":
            if own is None:
                raise forbidden("foreign_origin")
            return
        if visit.session is None:
            raise unauthenticated("signed_out")
        if (request.headers.get("x-csrf") or visit.form["csrf"]) != visit.session.csrf:
            # From our origin, but of a session that is over: the reader confirms what they typed.
            raise unauthenticated("token_replaced") if own else forbidden("foreign_origin")


def _is_own_origin(request: Request, public_url: str) -> bool | None:
    """Whether a page of ours made this request; None when the browser does not say."""
    origin = request.headers.get("origin")
    if origin is not None:
        ours = urlsplit(public_url)
        return origin == f"{ours.scheme}://{ours.netloc}"
    site = request.headers.get("sec-fetch-site")
    return None if site is None else site == "same-origin"
