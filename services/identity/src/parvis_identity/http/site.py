"""What every page needs, and the one place where errors become pages."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote, urlencode

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from parvis_identity.domain.addresses import continuation, final, parameters_of
from parvis_identity.http.browser import Cookies, origin_of
from parvis_identity.http.form_post import form_post
from parvis_identity.service import sessions
from parvis_identity.service.account_links import AccountLinks
from parvis_identity.service.address_changes import AddressChanges
from parvis_identity.service.authentication import Authentication
from parvis_identity.service.authorization import Authorization, BadRequest, Go
from parvis_identity.service.clients import Clients
from parvis_identity.service.domains import Domains
from parvis_identity.service.dpop import Proofs
from parvis_identity.service.factor_resets import FactorResets
from parvis_identity.service.factors import Factors
from parvis_identity.service.keys import KeyRing
from parvis_identity.service.organisations import Face, Organisations, ProductAnswer
from parvis_identity.service.password_links import PasswordLinks
from parvis_identity.service.protocol import ClientPolicy, ProtocolRefusal
from parvis_identity.service.provider import SignedIn
from parvis_identity.service.pushed import PushedRequests, Unusable
from parvis_identity.service.registration import Registration
from parvis_identity.service.request_objects import RequestObjects
from parvis_identity.service.requests import Requests
from parvis_identity.service.scim.requests import Scim
from parvis_identity.service.second_factor import SecondFactors
from parvis_identity.service.sign_in import Passwords
from parvis_identity.service.sso.oidc_logout import OidcLogout
from parvis_identity.service.sso.saml_connections import Saml
from parvis_identity.service.sso.signing_in import SigningIn
from parvis_identity.service.sso.signing_out import SigningOut
from parvis_identity.service.sso.starts import Starts
from parvis_identity.service.tokens import Tokens
from parvis_identity.settings import Settings
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.unit import Database, UnitOfWork
from parvis_ui.forms import Errors
from parvis_ui.frame import Organisation
from parvis_ui.pages import Pages

Endpoint = Callable[[Request], Awaitable[Response]]

_STATUS = {
    Kind.INVALID: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.PRECONDITION: 409,
    Kind.LIMIT: 503,
    Kind.UNAVAILABLE: 503,
    Kind.INTERNAL: 500,
}
_log = structlog.get_logger(__name__)


class Site:
    """The collaborators of the pages, and how a page is answered."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        pages: Pages,
        *,
        passwords: Passwords,
        password_links: PasswordLinks,
        authorization: Authorization,
        authentication: Authentication,
        proofs: Proofs,
        pushed: PushedRequests,
        registration: Registration,
        request_objects: RequestObjects,
        requests: Requests,
        account_links: AccountLinks,
        sso: SigningIn,
        oidc_logout: OidcLogout,
        saml: Saml,
        second_factors: SecondFactors,
        factors: Factors,
        domains: Domains,
        factor_resets: FactorResets,
        tokens: Tokens,
        ring: KeyRing,
        clients: Clients,
        organisations: Organisations,
    ) -> None:
        self.settings = settings
        self.database = database
        self.pages = pages
        self.passwords = passwords
        self.password_links = password_links
        self.authorization = authorization
        self.authentication = authentication
        self.proofs = proofs
        self.pushed = pushed
        self.registration = registration
        self.request_objects = request_objects
        self.requests = requests
        self.account_links = account_links
        self.sso = sso
        self.signing_out = SigningOut(database, sso, public_url=settings.public_url)
        self.oidc_logout = oidc_logout
        self.saml = saml
        self.starts = Starts()
        self.second_factors = second_factors
        self.factors = factors
        self.domains = domains
        self.factor_resets = factor_resets
        self.tokens = tokens
        self.ring = ring
        self.clients = clients
        self.organisations = organisations
        self.scim = Scim(database, organisations, address=f"{settings.public_url}/scim/v2")
        self.address_changes = AddressChanges(database, passwords, ring)
        self.cookies = Cookies(instance=settings.instance, public_url=settings.public_url)
        self.origin = origin_of(settings.public_url)

    def page(
        self,
        request: Request,
        template: str,
        context: Mapping[str, object] | None = None,
        *,
        face: Face | None = None,
        status: int = 200,
        form_action: Sequence[str] = (),
        images: Sequence[str] = (),
        language: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """A page with the face of an organisation, and the secret that its forms carry."""
        token = self.cookies.form_token(request)
        given = dict(context or {})
        values: dict[str, object] = {
            "csrf": token,
            "brand": Organisation(face.name, f"/o/{face.slug}", accent=face.accent) if face else None,
            **given,
            "errors": Errors(cast("Mapping[str, str]", given.get("errors") or {})),
        }
        response = self.pages.render(
            request,
            f"identity/{template}",
            values,
            status=status,
            form_action=form_action,
            images=images,
            language=language or None,
            accent=face.accent if face else "",
            headers={"Cache-Control": "no-store", **(headers or {})},
        )
        if request.cookies.get(self.cookies.csrf) != token:
            self.cookies.set(response, self.cookies.csrf, token)
        return response

    async def signed_in(self, request: Request) -> SignedIn | None:
        """Who is signed in in this browser."""
        async with self.database.begin(Caller("identity")) as unit:
            return await sessions.signed_in(unit, self.cookies.visitor(request).cookie)

    async def face_of(self, slug: str) -> Face | None:
        """The face of an organisation; a page of identity does without it rather than fail."""
        if not slug:
            return None
        try:
            return await self.organisations.face(slug)
        except ServiceError:
            return None

    def leave(self, request: Request, address: str, name: str) -> Response:
        """On to a site of somebody else. Browsers hold a page's form-action against all that follows a form: where one
        of ours may have begun this, a page stands in between, which goes on by itself.
        """
        if request.headers.get("sec-fetch-site") not in {"same-origin", "same-site"}:
            return see_other(address)
        return self.page(request, "leaving.html", {"address": address, "name": name})

    def guarded(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, with its errors as pages."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except ServiceError as error:
                return self.failure(request, error)
            except Exception:  # noqa: BLE001 - the edge: the person gets a page, the log a trace
                reference = secrets.token_hex(4)
                _log.exception("page_failed", path=request.url.path.split("/")[1], reference=reference)
                return self.failure(request, ServiceError(Kind.INTERNAL, "internal", reference=reference))

        return answer

    def failure(self, request: Request, error: ServiceError) -> Response:
        """What happened, what it means, what to do."""
        _ = self.pages.translator(request)
        titles: dict[str, tuple[str, str]] = {
            "hashing_busy": (
                _("Many people are signing in right now"),
                _("Your password was not checked. Try again in a moment."),
            ),
            "form_not_ours": (
                _("This form has expired"),
                _("Nothing was changed. Open the page again and fill in the form."),
            ),
            "form_too_large": (_("This request is too large"), _("Nothing was changed.")),
        }
        by_kind: dict[Kind, tuple[str, str]] = {
            Kind.NOT_FOUND: (
                _("This page does not exist"),
                _("Check the address, or go back to the home page."),
            ),
            Kind.UNAVAILABLE: (
                _("Signing in is interrupted for a moment"),
                _("A part of the portal is restarting. Try again in a few seconds."),
            ),
            Kind.INVALID: (
                _("We could not read this request"),
                _("Nothing was changed. Go back to the page you came from and try again."),
            ),
        }
        title, text = (
            titles.get(error.reason)
            or by_kind.get(error.kind)
            or (
                _("Something went wrong on our side"),
                _("Nothing was changed. Try again; if it happens again, give us the reference below."),
            )
        )
        headers = {"Retry-After": error.params["retry_after"]} if "retry_after" in error.params else None
        back = request.url.path if request.method == "GET" or error.reason in titles else "/"
        if error.kind is Kind.NOT_FOUND:
            back = "/"
        label = _("Back to the home page") if back == "/" else _("Try again")
        return self.pages.error(
            request,
            _STATUS[error.kind],
            title,
            text,
            reference=error.params.get("reference", ""),
            actions=((label, back),),
            headers={"Cache-Control": "no-store", **(headers or {})},
        )

    @asynccontextmanager
    async def answering(self) -> AsyncIterator[UnitOfWork]:
        """A transaction for a request of a client: a refusal ends the request, but keeps what was written before, the
        audit line of a replay above all.
        """
        refusal: ProtocolRefusal | None = None
        async with self.database.begin(Caller("identity")) as unit:
            try:
                yield unit
            except ProtocolRefusal as error:
                refusal = error
        if refusal is not None:
            raise refusal

    def bad_request(self, request: Request, why: BadRequest) -> Response:
        """A request of a client that nobody can be sent back with."""
        _log.info(
            "authorization_refused", error=why.error, why=why.description, address=self.cookies.visitor(request).address
        )
        told: dict[str, object] = {"error": why.error, "description": why.description}
        return self.page(request, "bad_request.html", told, status=400)

    def not_assigned(self, request: Request, product: str, answer: ProductAnswer) -> Response:
        """A product is not assigned to whoever wants to open it: who can change that."""
        firm = answer.organisation
        context: dict[str, object] = {
            "product": product,
            "firm": firm,
            "assigners": answer.assigners,
            "may_assign": answer.may_assign,
            "home": f"/o/{firm.slug}" if firm else "/",
        }
        return self.page(request, "not_assigned.html", context, face=firm, status=403)

    def go(self, request: Request, outcome: Go) -> Response:
        """The answer to a client, in the way that it asked for."""
        if outcome.form is None:
            return see_other(outcome.location)
        language = self.pages.language(request)
        label = self.pages.translator(request)("Continue")
        return form_post(outcome.location, outcome.form, language=language, label=str(label))

    async def asked(self, next_address: str) -> Mapping[str, str]:
        """What the client asked for that a sign-in leads back to; nothing when it leads elsewhere."""
        address = final(next_address)
        if not address.startswith("/oauth2/authorize"):
            return {}
        parameters = parameters_of(address)
        if "request_uri" not in parameters:
            return parameters
        try:
            async with self.database.begin(Caller("identity")) as unit:
                return (await self.pushed.open(unit, parameters)).parameters
        except Unusable:
            return {}

    async def form_targets(self, next_address: str, parameters: Mapping[str, str]) -> Sequence[str]:
        """Origins that the sign-in form ends at: the registered address of the client that asked (form-action
        holds redirects too).
        """
        if not final(next_address).startswith("/oauth2/authorize"):
            return ()
        client = self.clients.kept(parameters.get("client_id", ""))
        if client is None:
            async with self.database.begin(Caller("identity")) as unit:
                client = await self.clients.find(unit, parameters.get("client_id", ""))
        redirect_uri = parameters.get("redirect_uri", "")
        known = client is not None and ClientPolicy(client).check_redirect_uri(redirect_uri)
        return (redirect_uri,) if known else ()


def to_sign_in(after: str) -> RedirectResponse:
    """To the sign-in and back to where somebody was going (`returning`): pages of the portal ask for it themselves."""
    page = continuation(after)
    return see_other(f"/login?{urlencode({'next': page}, quote_via=quote)}" if page or not after else after)


def see_other(address: str) -> RedirectResponse:
    """Go there with GET (RFC 9110, 15.4.4); never kept."""
    return RedirectResponse(address, HTTPStatus.SEE_OTHER, headers={"Cache-Control": "no-store"})


def wait_text(_: Any, seconds: float) -> str:
    """How long to wait, in words; empty for nothing."""
    whole = int(seconds + 0.999)
    if whole <= 0:
        return ""
    if whole < 60:  # noqa: PLR2004 - a minute
        return str(_.plural("%(num)s second", "%(num)s seconds", whole))
    return str(_.plural("%(num)s minute", "%(num)s minutes", -(-whole // 60)))
