"""The OpenID provider's addresses (OpenID Connect Core and Discovery 1.0, RFC 6749, RP-Initiated Logout 1.0)."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parvis_identity.http.browser import query_of, read_form
from parvis_identity.http.proofs import bad_proof, bad_token, no_token, nonce_header, proof_for, proof_of
from parvis_identity.http.pushed import PUSH, UNUSABLE
from parvis_identity.http.site import Endpoint, Site, see_other
from parvis_identity.service import dpop, sessions
from parvis_identity.service.authorization import BadRequest, ChooseOrganisation, Go, NotAssigned, Outcome, SignIn
from parvis_identity.service.dpop import ProofRefused
from parvis_identity.service.keys import OPENID
from parvis_identity.service.protocol import SCOPES, ProtocolRefusal
from parvis_identity.service.pushed import Unusable
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError

AUTHORIZE = "/oauth2/authorize"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_log = structlog.get_logger(__name__)


class OpenIdPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._caller = Caller("identity")

    def routes(self) -> list[Route]:
        """Addresses of the provider."""
        page, protocol = self._site.guarded, self._protocol
        return [
            Route("/.well-known/openid-configuration", protocol(self.discovery), methods=["GET"]),
            Route("/oauth2/jwks", protocol(self.jwks), methods=["GET"]),
            Route(AUTHORIZE, page(self.authorize), methods=["GET"]),
            Route(AUTHORIZE, page(self.authorize_by_post), methods=["POST"]),
            Route("/oauth2/token", protocol(self.token), methods=["POST"]),
            Route("/oauth2/userinfo", protocol(self.userinfo), methods=["GET", "POST"]),
        ]

    def _protocol(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint, with its errors as the protocol's own (RFC 6749, 5.2)."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except ProtocolRefusal as refusal:
                told = refusal.answer
                return JSONResponse(told.body, told.status, headers={**_plain(told.headers), **_NO_STORE})
            except ServiceError as error:
                if error.kind is Kind.INVALID:
                    return _problem(400, "invalid_request", "The request is malformed.")
                if error.kind in {Kind.UNAVAILABLE, Kind.LIMIT}:
                    return _problem(503, "temporarily_unavailable", "Try again in a moment.")
                _log.error("protocol_failed", error=str(error))
            except Exception:  # noqa: BLE001 - the edge: the client gets an answer, the log a trace
                _log.exception("protocol_failed", reference=secrets.token_hex(4))
            return _problem(500, "server_error", "Something went wrong on our side.")

        return answer

    async def discovery(self, request: Request) -> Response:
        """OpenID Connect Discovery 1.0, section 4."""
        del request
        issuer = self._site.settings.public_url
        document = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}{AUTHORIZE}",
            "token_endpoint": f"{issuer}/oauth2/token",
            "userinfo_endpoint": f"{issuer}/oauth2/userinfo",
            "jwks_uri": f"{issuer}/oauth2/jwks",
            "pushed_authorization_request_endpoint": f"{issuer}{PUSH}",
            "require_pushed_authorization_requests": False,
            "dpop_signing_alg_values_supported": list(dpop.ALGORITHMS),
            "end_session_endpoint": f"{issuer}/oauth2/logout",
            "scopes_supported": list(SCOPES),
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256", "RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": [
                *("sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "nonce", "sid"),
                *("name", "given_name", "family_name", "preferred_username", "locale", "email", "email_verified"),
                *("org_id", "org_name", "org_slug"),
            ],
            "ui_locales_supported": ["fr", "en"],
            "prompt_values_supported": ["none", "login", "select_account"],
            "authorization_response_iss_parameter_supported": True,
            "claims_parameter_supported": False,
            "request_parameter_supported": False,
            "request_uri_parameter_supported": False,
        }
        return JSONResponse(document, headers={"Cache-Control": "public, max-age=300", **_ANYWHERE})

    async def jwks(self, request: Request) -> Response:
        """RFC 7517."""
        del request
        document = self._site.ring.jwks(OPENID)
        return JSONResponse(document, headers={"Cache-Control": "public, max-age=300", **_ANYWHERE})

    async def authorize_by_post(self, request: Request) -> Response:
        """A POST of another site comes without cookies: the same request as GET has them."""
        return see_other(f"{AUTHORIZE}?{urlencode(await read_form(request))}")

    async def authorize(self, request: Request) -> Response:
        """RFC 6749, 4.1.1."""
        site = self._site
        outcome = await self._outcome(request)
        match outcome:
            case Go(location):
                return see_other(location)
            case SignIn(after, slug):
                return see_other(f"{await self._entrance(slug)}?{urlencode({'next': after})}")
            case NotAssigned(client, answer):
                context: dict[str, object] = {
                    "product": client.name,
                    "firm": answer.organisation,
                    "assigners": answer.assigners,
                    "home": f"/o/{answer.organisation.slug}" if answer.organisation else "/",
                }
                return site.page(request, "not_assigned.html", context, face=answer.organisation, status=403)
            case ChooseOrganisation(client):
                return site.page(request, "choose_organisation.html", {"product": client.name}, status=409)
            case BadRequest():
                return site.bad_request(request, outcome)

    async def _outcome(self, request: Request) -> Outcome:
        """What comes next for an authorization request, one that was pushed too."""
        site, parameters = self._site, query_of(request)
        async with site.database.begin(self._caller) as unit:
            try:
                asked = await site.pushed.open(unit, parameters)
            except Unusable:
                return UNUSABLE
            who = await sessions.signed_in(unit, site.cookies.visitor(request).cookie)
            outcome = await site.authorization.authorize(
                unit, asked.parameters, who, AUTHORIZE, pushed=asked.pushed is not None
            )
            if isinstance(outcome, Go) and not await site.pushed.close(unit, asked):
                return UNUSABLE
        return (
            replace(outcome, continuation=asked.again(outcome.continuation)) if isinstance(outcome, SignIn) else outcome
        )

    async def _entrance(self, slug: str) -> str:
        """The firm's own sign-in page when it is known; the portal's serves when tenancy cannot be asked."""
        try:
            face = await self._site.organisations.face(slug) if slug else None
        except ServiceError:
            face = None
        return f"/login/{face.slug}" if face else "/login"

    async def token(self, request: Request) -> Response:
        """RFC 6749, 3.2."""
        form = await read_form(request)
        proven = await self._site.authentication.prove(form, request.headers, request.url.path)
        async with self._site.database.begin(self._caller) as unit:
            proof = await proof_of(self._site.proofs, unit, request)
            answer = await self._site.authorization.token(unit, form, proven, proof)
            nonce = nonce_header(self._site.proofs, unit)
        return JSONResponse(answer.body, answer.status, headers={**_plain(answer.headers), **_NO_STORE, **nonce})

    async def userinfo(self, request: Request) -> Response:
        """OpenID Connect Core 5.3; the token in the header (RFC 6750, RFC 9449) or, with POST, in the form."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        bound = scheme.lower() == "dpop"
        if not bound and scheme.lower() != "bearer":
            token = ""
            if request.method == "POST" and request.headers.get("content-type"):
                token = (await read_form(request)).get("access_token", "")
        token = token.strip()
        if not token:
            return no_token()
        proofs = self._site.proofs
        async with self._site.database.begin(self._caller) as unit:
            nonce = nonce_header(proofs, unit) if bound else {}
            try:
                jkt = (await proof_for(proofs, unit, request, token)).jkt if bound else ""
            except ProofRefused as refused:
                return bad_proof(refused, nonce)
            claims = await self._site.authorization.userinfo(unit, token, jkt=jkt)
        if claims is None:
            return bad_token(bound=bound)
        return JSONResponse(claims, headers={**_NO_STORE, **nonce})


def _problem(status: int, error: str, description: str) -> JSONResponse:
    return JSONResponse({"error": error, "error_description": description}, status, headers=_NO_STORE)


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() != "content-type"}


#: Public documents, which pages of clients may read (Discovery 1.0, section 4).
_ANYWHERE = {"Access-Control-Allow-Origin": "*"}
