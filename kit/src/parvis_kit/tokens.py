"""Tokens of the internal audience: JWTs (RFC 9068) signed with ES256 by identity, verified locally by every service."""

import json
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from parvis_kit.caller import Caller, MembershipKind
from parvis_kit.errors import ServiceError, unauthenticated

AUDIENCE = "parvis-internal"
ALGORITHMS = ["ES256"]
#: Clocks of two machines may differ by this much, in seconds.
LEEWAY = 5
#: Keys are asked for at most this often when a token names an unknown one, in seconds.
REFRESH_INTERVAL = 2.0

_KINDS: dict[str, MembershipKind] = {"staff": "staff", "portal": "portal"}

FetchKeys = Callable[[], Awaitable[str]]

_log = structlog.get_logger(__name__)


class TokenVerifier:
    """Verifies tokens with identity's keys, which it fetches when it meets one that it does not know.

    A token that was verified is remembered until it expires: a page makes several calls with the same one.
    """

    def __init__(self, fetch_keys: FetchKeys, *, issuer: str, remembered: int = 4096) -> None:
        self._fetch_keys = fetch_keys
        self._issuer = issuer
        self._keys: KeySet | None = None
        self._fetched = float("-inf")
        self._known: OrderedDict[tuple[str, str], tuple[float, Caller]] = OrderedDict()
        self._remembered = remembered

    async def verify(self, token: str, *, service: str) -> Caller:
        """The caller that a token speaks for, called by `service`. Raises UNAUTHENTICATED token_invalid or
        token_expired.
        """
        known = self._known.get((token, service))
        if known is None:
            claims = await self._check(token)
            known = (float(claims["exp"]), _caller(claims, token=token, service=service))
            self._known[token, service] = known
            if len(self._known) > self._remembered:
                self._known.popitem(last=False)
        expires, caller = known
        if expires <= time.time():
            self._known.pop((token, service), None)
            raise unauthenticated("token_expired")
        return caller

    async def _check(self, token: str) -> dict[str, Any]:
        if (decoded := self._decode(token)) is None:
            await self._refresh_keys()
            decoded = self._decode(token)
        if decoded is None:
            raise unauthenticated("token_invalid")
        claims = decoded.claims
        now = time.time()
        if (
            decoded.header.get("typ") != "at+jwt"
            or claims.get("iss") != self._issuer
            or claims.get("aud") != AUDIENCE
            or not isinstance(claims.get("exp"), int)
            or claims.get("iat", now) > now + LEEWAY
        ):
            raise unauthenticated("token_invalid")
        if claims["exp"] <= now:
            raise unauthenticated("token_expired")
        return claims

    def _decode(self, token: str) -> jwt.Token | None:
        if self._keys is None:
            return None
        try:
            return jwt.decode(token, self._keys, algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            return None

    async def _refresh_keys(self) -> None:
        if time.monotonic() - self._fetched < REFRESH_INTERVAL:
            return
        try:
            document = json.loads(await self._fetch_keys())
        except ServiceError as error:
            _log.warning("keys_not_fetched", error=str(error))
            if self._keys is None:
                raise
            return
        self._fetched = time.monotonic()
        self._keys = KeySet.import_key_set(document)


def _caller(claims: dict[str, Any], *, token: str, service: str) -> Caller:
    try:
        return Caller(
            service=service,
            account_id=UUID(claims["sub"]),
            organisation_id=_uuid(claims.get("org")),
            membership_id=_uuid(claims.get("mbr")),
            kind=_KINDS.get(claims.get("mkind", ""), ""),
            session_id=_uuid(claims.get("sid")),
            acr=claims.get("acr", ""),
            vouched=tuple(map(UUID, claims.get("vouched", ()))),
            amr=tuple(claims.get("amr", ())),
            auth_time=datetime.fromtimestamp(when, UTC) if (when := claims.get("auth_time")) else None,
            proof_time=datetime.fromtimestamp(when, UTC) if (when := claims.get("proof_time")) else None,
            issued_at=datetime.fromtimestamp(claims["iat"], UTC),
            actor=_uuid(claims["act"]["sub"]) if claims.get("act") else None,
            token=token,
        )
    except (KeyError, TypeError, ValueError):
        raise unauthenticated("token_invalid") from None


def _uuid(value: str | None) -> UUID | None:
    return UUID(value) if value else None
