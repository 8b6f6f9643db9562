"""Endpoints that clients call, and the documents that they read (OpenID Connect Core and Discovery 1.0, RFC 6749, RFC
8414).
"""

from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parvis_identity.http.browser import read_form
from parvis_identity.http.proofs import bad_proof, bad_token, no_token, nonce_header, proof_for, proof_of
from parvis_identity.http.protocol import ANYWHERE, NO_STORE, JsonAnswer, answered, plain
from parvis_identity.http.site import Site
from parvis_identity.service import discovery
from parvis_identity.service.dpop import ProofRefused
from parvis_identity.service.keys import KEPT, OPENID
from parvis_identity.service.token_endpoint import TokenEndpoint
from parvis_kit.caller import Caller

_KEPT = {"Cache-Control": f"public, max-age={KEPT.total_seconds():.0f}", **ANYWHERE}


class OpenIdPages:
    """See the module."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._tokens = TokenEndpoint(site.tokens, site.clients, site.organisations)
        self._caller = Caller("identity")

    def routes(self) -> list[Route]:
        """Addresses of the provider."""
        return [
            Route("/oauth2/token", answered(self.token), methods=["POST"]),
            Route("/oauth2/userinfo", answered(self.userinfo), methods=["GET", "POST"]),
            Route("/.well-known/openid-configuration", answered(self.discovery), methods=["GET"]),
            Route("/.well-known/oauth-authorization-server", answered(self.discovery), methods=["GET"]),
            Route("/oauth2/jwks", answered(self.jwks), methods=["GET"]),
        ]

    async def discovery(self, request: Request) -> Response:
        """OpenID Connect Discovery 1.0, section 4."""
        del request
        settings = self._site.settings
        told = discovery.document(settings.public_url, registration=settings.registration != "closed")
        return JSONResponse(told, headers=_KEPT)

    async def jwks(self, request: Request) -> Response:
        """RFC 7517."""
        del request
        document = self._site.ring.jwks(OPENID)
        return JSONResponse(document, headers=_KEPT)

    async def token(self, request: Request) -> Response:
        """RFC 6749, 3.2."""
        form = await read_form(request)
        proven = await self._site.authentication.prove(form, request.headers, request.scope["path"])
        if "dpop" not in request.headers and not self._site.settings.dpop_nonces:
            told = self._tokens.at_once(form, proven)
            if told is not None:
                return JsonAnswer(told.body, told.status, headers=NO_STORE)
        async with self._site.answering() as unit:
            proof = await proof_of(self._site.proofs, unit, request)
            answer = await self._tokens.token(unit, form, proven, proof)
            if answer.status == HTTPStatus.OK:
                await self._site.clients.used(unit, proven.client)
            nonce = nonce_header(self._site.proofs, unit)
        return JsonAnswer(answer.body, answer.status, headers={**plain(answer.headers), **NO_STORE, **nonce})

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
            claims = await self._tokens.userinfo(unit, token, jkt=jkt)
        if claims is None:
            return bad_token(bound=bound)
        headers = {**NO_STORE, **nonce}
        if isinstance(claims, str):
            return Response(claims, media_type="application/jwt", headers=headers)
        return JsonAnswer(claims, headers=headers)
