"""The product example: signs people in through Parvis (OpenID Connect, code flow with PKCE) and says who they are.

Its client (id, secret) is registered by the demonstration, which writes it to a file; the product reads that file when
somebody arrives. Sessions live in memory: it is an example.
"""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import uvicorn
from authlib.common.security import generate_token
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from jinja2 import Environment, PackageLoader, StrictUndefined
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from parvis_local.product.ending import LogoutTokens, NotALogoutToken

COOKIE = "patrimonia"
SCOPE = "openid profile email"
SIGNED_ALGORITHMS = ["ES256", "RS256"]
PAGE_POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the product is, whom it trusts."""

    url: str  # its own address
    issuer: str  # the portal: checked against the `iss` of every token
    internal: str  # identity's address for calls from server to server
    client_file: Path

    def client(self) -> Mapping[str, str] | None:
        """The registration, or None while the demonstration has not made it."""
        try:
            found: Mapping[str, str] = json.loads(self.client_file.read_text())
        except FileNotFoundError:
            return None
        return found


class Product:
    """Pages and sessions of the product."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sessions: dict[str, dict[str, Any]] = {}
        self._logout = LogoutTokens(settings.issuer, SIGNED_ALGORITHMS)
        self._begun: dict[str, dict[str, str]] = {}  # state -> verifier and nonce of a login under way
        self._pages = Environment(
            loader=PackageLoader("parvis_local.product"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._http = httpx.AsyncClient(base_url=settings.internal, timeout=10, trust_env=False)

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/", self.home),
                Route("/start", self.start),
                Route("/callback", self.callback),
                Route("/sign-out", self.sign_out, methods=["POST"]),
                Route("/backchannel-logout", self.told_of_sign_out, methods=["POST"]),
                Route("/style.css", self.style),
                Route("/health/ready", self.ready),
            ]
        )

    async def home(self, request: Request) -> Response:
        session = self._sessions.get(request.cookies.get(COOKIE, ""))
        if session is None:
            registered = self._settings.client() is not None
            return self._page(request, "welcome.html", registered=registered, error="")
        return self._page(request, "home.html", claims=session["claims"])

    async def start(self, request: Request) -> Response:
        """Where the portal's launcher leads: straight on to identity, which knows the person already."""
        client = self._settings.client()
        if client is None:
            return self._page(request, "welcome.html", registered=False, error="", status=503)
        state, nonce, verifier = generate_token(32), generate_token(32), generate_token(64)
        while len(self._begun) > 1000:  # noqa: PLR2004 - logins that nobody finished
            self._begun.pop(next(iter(self._begun)))
        self._begun[state] = {"verifier": verifier, "nonce": nonce}
        question = {
            "response_type": "code",
            "client_id": client["client_id"],
            "redirect_uri": f"{self._settings.url}/callback",
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": create_s256_code_challenge(verifier),  # type: ignore[no-untyped-call]
            "code_challenge_method": "S256",
        }
        for passed_on in ("organisation", "login_hint"):
            if value := request.query_params.get(passed_on):
                question[passed_on] = value
        answer = RedirectResponse(f"{self._settings.issuer}/oauth2/authorize?{urlencode(question)}", status_code=303)
        answer.set_cookie(f"{COOKIE}-state", state, max_age=600, httponly=True, samesite="lax")
        return answer

    async def callback(self, request: Request) -> Response:
        """RFC 6749 section 4.1.2, OpenID Connect Core 3.1.2.5 to 3.1.3.7."""
        state = request.query_params.get("state", "")
        begun = self._begun.pop(state, None)
        client = self._settings.client()
        if begun is None or client is None or request.cookies.get(f"{COOKIE}-state") != state:
            return self._page(request, "welcome.html", registered=True, error="state", status=400)
        if request.query_params.get("iss", self._settings.issuer) != self._settings.issuer:  # RFC 9207: mix-up
            return self._page(request, "welcome.html", registered=True, error="state", status=400)
        if "code" not in request.query_params:
            error = request.query_params.get("error", "code")
            return self._page(request, "welcome.html", registered=True, error=error, status=403)
        try:
            token, claims = await self._redeem(client, request.query_params["code"], begun)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            print(f"sign-in failed: {error!r}", flush=True)
            return self._page(request, "welcome.html", registered=True, error="token", status=502)
        identifier = secrets.token_urlsafe(32)
        self._sessions[identifier] = {"claims": claims, "id_token": token}
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(COOKIE, identifier, httponly=True, samesite="lax")
        answer.delete_cookie(f"{COOKIE}-state")
        return answer

    async def _redeem(
        self, client: Mapping[str, str], code: str, begun: Mapping[str, str]
    ) -> tuple[str, dict[str, Any]]:
        """Code → tokens → claims of the ID token and of userinfo. ValueError when a check fails."""
        answer = await self._http.post(
            "/oauth2/token",
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": f"{self._settings.url}/callback",
                "code_verifier": begun["verifier"],
            },
            auth=(client["client_id"], client["client_secret"]),
        )
        answer.raise_for_status()
        tokens = answer.json()
        keys = KeySet.import_key_set(await self._keys())
        decoded = jwt.decode(tokens["id_token"], keys, algorithms=SIGNED_ALGORITHMS)
        jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": self._settings.issuer},
            aud={"essential": True, "value": client["client_id"]},
            nonce={"essential": True, "value": begun["nonce"]},
            exp={"essential": True},
        ).validate(decoded.claims)
        about = await self._http.get("/oauth2/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
        more = about.json() if about.is_success else {}
        return tokens["id_token"], dict(decoded.claims) | more

    async def sign_out(self, request: Request) -> Response:
        """Here and at Parvis (OpenID Connect RP-Initiated Logout)."""
        session = self._sessions.pop(request.cookies.get(COOKIE, ""), None)
        client = self._settings.client()
        target = "/"
        if session and client:
            question = {
                "id_token_hint": session["id_token"],
                "client_id": client["client_id"],
                "post_logout_redirect_uri": f"{self._settings.url}/",
            }
            target = f"{self._settings.issuer}/oauth2/logout?{urlencode(question)}"
        answer = RedirectResponse(target, status_code=303)
        answer.delete_cookie(COOKIE)
        return answer

    async def told_of_sign_out(self, request: Request) -> Response:
        """The portal says that a session ended: the same one here ends too, whatever its browser does (Back-Channel
        Logout 1.0, 2.5 to 2.8).
        """
        headers = {"Cache-Control": "no-store"}
        client = self._settings.client()
        token = str((await request.form()).get("logout_token", ""))
        try:
            ended = self._logout.read(token, client["client_id"] if client else "", await self._keys())
        except (NotALogoutToken, httpx.HTTPError) as error:
            told = {"error": "invalid_request", "error_description": str(error)}
            return JSONResponse(told, status_code=400, headers=headers)
        for identifier in [key for key, session in self._sessions.items() if ended.concerns(session["claims"])]:
            del self._sessions[identifier]
        return Response(status_code=200, headers=headers)

    async def _keys(self) -> Any:
        """The portal's key set (RFC 7517)."""
        keys = await self._http.get("/oauth2/jwks")
        keys.raise_for_status()
        return keys.json()

    async def style(self, _: Request) -> Response:
        return Response(self._pages.get_template("style.css").render(), media_type="text/css")

    async def ready(self, _: Request) -> Response:
        return JSONResponse({"status": "ready"})

    def _page(self, request: Request, template: str, *, status: int = 200, **values: object) -> Response:
        language = "fr" if "fr" in request.headers.get("accept-language", "fr") else "en"
        html = self._pages.get_template(template).render(language=language, portal=self._settings.issuer, **values)
        policy = PAGE_POLICY.replace("form-action 'self'", f"form-action 'self' {self._settings.issuer}")
        headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
        return HTMLResponse(html, status_code=status, headers=headers)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs until SIGTERM.

    Settings: PARVIS_PRODUCT_{HTTP,URL,CLIENT_FILE}, PARVIS_PUBLIC_URL, PARVIS_IDENTITY_INTERNAL_URL.
    """
    del arguments
    settings = Settings(
        url=os.environ["PARVIS_PRODUCT_URL"],
        issuer=os.environ["PARVIS_PUBLIC_URL"],
        internal=os.environ["PARVIS_IDENTITY_INTERNAL_URL"],
        client_file=Path(os.environ["PARVIS_PRODUCT_CLIENT_FILE"]),
    )
    host, port = os.environ["PARVIS_PRODUCT_HTTP"].rsplit(":", 1)
    uvicorn.run(
        Product(settings).application(),
        host=host,
        port=int(port),
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
