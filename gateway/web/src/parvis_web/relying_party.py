"""The pages as a relying party of identity: authorization code flow with PKCE, state and nonce (OpenID Connect
Core, 3.1).

What an attempt to sign in needs when it comes back (verifier, nonce, where the reader was going) travels in a
cookie of its own, encrypted, ten minutes long: several tabs may be at the sign-in page at once.
"""

import base64
import hashlib
import json
import os
import secrets
import time
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import httpx
import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from parvis_kit.errors import invalid, unavailable
from parvis_kit.tls import papers
from parvis_watch.papers import secret_now
from parvis_watch.tls import believing
from parvis_web.settings import WebSettings

#: Seconds that a person may take at the sign-in page.
ATTEMPT = 600
ALGORITHMS = ["ES256"]
#: Clocks of two machines may differ by this much, in seconds.
LEEWAY = 10
_NONCE = 12
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One visit to the sign-in page."""

    state: str
    nonce: str
    verifier: str
    #: Path of the portal to go on to.
    next: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in that was proven."""

    account_id: UUID
    session_id: UUID
    refresh_token: str
    id_token: str
    #: The language of the account, "" when unknown.
    locale: str


class RelyingParty:
    """See the module."""

    def __init__(self, settings: WebSettings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._issuer = settings.public_url.rstrip("/")
        self._inside = settings.identity_internal_url.rstrip("/")
        self._client_id = settings.web_client_id
        self._told = settings.web_client_secret.get_secret_value()
        self._redirect = f"{self._issuer}/auth/callback"
        self._transport = transport
        self._papers = papers(settings) if self._inside.startswith("https://") else None
        self._keys: KeySet | None = None

    @property
    def _secrets(self) -> list[str]:
        """What the file says at this moment: the one that is shown, and while it is renewed the other that counts."""
        said = secret_now("parvis_web_client_secret", self._told)
        return [each.strip() for each in said.split(",") if each.strip()]

    def begin(
        self, target: str, *, organisation: str = "", language: str = "", prompt: str = ""
    ) -> tuple[str, Attempt]:
        """The address of the sign-in page, and the attempt to keep. `organisation` is the slug whose door was
        knocked at.
        """
        attempt = Attempt(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            next=target,
            expires_at=int(time.time()) + ATTEMPT,
        )
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._redirect,
            "scope": "openid profile email offline_access",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": _challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        query |= {
            name: value
            for name, value in (("organisation", organisation), ("ui_locales", language), ("prompt", prompt))
            if value
        }
        return f"{self._issuer}/oauth2/authorize?{urlencode(query)}", attempt

    def keep(self, attempt: Attempt) -> str:
        """The attempt as a cookie value that only we can read."""
        nonce = os.urandom(_NONCE)
        sealed = nonce + AESGCM(_seal(self._secrets[0])).encrypt(nonce, json.dumps(asdict(attempt)).encode(), None)
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def recall(self, kept: str) -> Attempt | None:
        """The attempt of a cookie value; None when it is not ours or too old."""
        for secret in self._secrets:
            try:
                sealed = base64.urlsafe_b64decode(kept + "=" * (-len(kept) % 4))
                attempt = Attempt(**json.loads(AESGCM(_seal(secret)).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)))
            except (InvalidTag, ValueError, TypeError):
                continue
            return attempt if attempt.expires_at > time.time() else None
        return None

    async def finish(self, attempt: Attempt, code: str) -> SignIn:
        """Redeems the code and proves the ID token. Raises INVALID sign_in_failed, UNAVAILABLE service_unavailable."""
        try:
            async with self._client() as client:
                # RFC 6749, 4.1.3; the client authenticates with HTTP Basic (2.3.1).
                sent = await client.post(
                    "/oauth2/token",
                    data={
                        "grant_type": "authorization_code",
                        "code": code,
                        "redirect_uri": self._redirect,
                        "code_verifier": attempt.verifier,
                    },
                    auth=(quote(self._client_id, safe=""), quote(self._secrets[0], safe="")),
                )
                answer: dict[str, Any] = sent.json()
                if sent.is_error:
                    _log.warning("code_refused", error=answer.get("error"), description=answer.get("error_description"))
                claims = await self._prove(client, answer["id_token"], attempt.nonce)
        except httpx.HTTPError as error:
            raise unavailable("service_unavailable", service="identity") from error
        except (JoseError, ValueError, KeyError) as error:
            _log.warning("sign_in_failed", error=error)
            raise invalid("sign_in_failed") from error
        return SignIn(
            account_id=UUID(claims["sub"]),
            session_id=UUID(claims["sid"]),
            refresh_token=answer["refresh_token"],
            id_token=answer["id_token"],
            locale=str(claims.get("locale", "")),
        )

    def _client(self) -> httpx.AsyncClient:
        """To identity's own listener, whose certificate is one of the installation's authority."""
        believed = believing(self._papers) if self._papers else True
        return httpx.AsyncClient(base_url=self._inside, transport=self._transport, verify=believed, timeout=8)

    async def _prove(self, client: httpx.AsyncClient, id_token: str, nonce: str) -> dict[str, Any]:
        """Claims of an ID token (OpenID Connect Core, 3.1.3.7). Keys are fetched again when it names an unknown one."""
        try:
            decoded = jwt.decode(id_token, await self._fetch_keys(client), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            decoded = jwt.decode(id_token, await self._fetch_keys(client, fresh=True), algorithms=ALGORITHMS)
        jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            sid={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(decoded.claims)
        return decoded.claims

    async def _fetch_keys(self, client: httpx.AsyncClient, *, fresh: bool = False) -> KeySet:
        if self._keys is None or fresh:
            answer = await client.get("/oauth2/jwks")
            answer.raise_for_status()
            self._keys = KeySet.import_key_set(answer.json())
        return self._keys

    def sign_out_address(self, id_token: str) -> str:
        """Where the browser goes to end the session of every product (OpenID Connect RP-Initiated Logout 1.0)."""
        query = urlencode({"id_token_hint": id_token, "client_id": self._client_id})
        return f"{self._issuer}/oauth2/logout?{query}"


def _seal(secret: str) -> bytes:
    """The key of what is kept in the cookie."""
    return hashlib.sha256(b"parvis-web attempts\x00" + secret.encode()).digest()


def _challenge(verifier: str) -> str:
    """RFC 7636, 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
