"""What the portal says when somebody has signed out (OpenID Connect Back-Channel Logout 1.0)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

EVENT = "http://schemas.openid.net/event/backchannel-logout"
#: Seconds that clocks may differ, and that a token may be old.
SKEW = 60
LONGEST = 300
_REMEMBERED = 1000


class NotALogoutToken(ValueError):
    """The message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Whose session ended: one session, or all of a person (no `sid`)."""

    sub: str
    sid: str

    def concerns(self, claims: Mapping[str, Any]) -> bool:
        """Whether the session with these claims of an ID token is over."""
        return claims.get("sid") == self.sid if self.sid else claims.get("sub") == self.sub


class LogoutTokens:
    """Reads logout tokens (2.6). One that came before is refused: it would end a session that began since."""

    def __init__(self, issuer: str, algorithms: list[str]) -> None:
        self._issuer = issuer
        self._algorithms = algorithms
        self._seen: dict[str, None] = {}

    def read(self, token: str, client_id: str, keys: Any) -> Ended:
        """Whose session ended; `keys` are the portal's. Raises NotALogoutToken."""
        try:
            decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=self._algorithms)
            jwt.JWTClaimsRegistry(
                leeway=SKEW,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": client_id},
                exp={"essential": True},
                iat={"essential": True},
                jti={"essential": True},
            ).validate(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotALogoutToken(str(error)) from error
        claims = decoded.claims
        if decoded.header.get("typ") != "logout+jwt":
            raise NotALogoutToken("It is another kind of token.")
        events = claims.get("events")
        if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict) or "nonce" in claims:
            raise NotALogoutToken("It does not say that somebody signed out.")
        if claims["iat"] < time.time() - LONGEST - SKEW:
            raise NotALogoutToken("It is old.")
        sub, sid = (value if isinstance(value := claims.get(name), str) else "" for name in ("sub", "sid"))
        if not sub and not sid:
            raise NotALogoutToken("It does not say who.")
        if claims["jti"] in self._seen:
            raise NotALogoutToken("It came before.")
        self._seen[claims["jti"]] = None
        while len(self._seen) > _REMEMBERED:
            self._seen.pop(next(iter(self._seen)))
        return Ended(sub, sid)
