"""A firm's OpenID provider says that somebody signed out there (OpenID Connect Back-Channel Logout 1.0): their sessions
that it vouches for end.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from parvis_identity.domain.oidc_claims import SKEW, Wrong
from parvis_identity.models import SsoProvider
from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.sso import discovery, id_tokens
from parvis_identity.service.sso.oidc import configuration
from parvis_identity.service.sso.upstream import Refused
from parvis_identity.service.sso.vouching import taken_back
from parvis_identity.store import openid as openid_store
from parvis_identity.store import sso as store
from parvis_kit.caller import Caller
from parvis_kit.unit import Database

_EVENT = "http://schemas.openid.net/event/backchannel-logout"
#: A logout token counts for so long, whatever it says itself.
_COUNTS = timedelta(minutes=10)
_SELF = Caller("identity")


class OidcLogout:
    """See the module."""

    def __init__(self, database: Database, outgoing: Outgoing) -> None:
        self._database = database
        self._keys = discovery.ProviderKeys(outgoing)

    async def received(self, provider: SsoProvider, token: str) -> int:
        """Ends whom a logout token (2.4) is about; how many sessions that were. Raises Refused."""
        claims = await self._read(provider, token)
        subject, session = claims.get("sub"), claims.get("sid")
        async with self._database.begin(_SELF, organisation_id=provider.organisation_id) as unit:
            until = unit.now + _COUNTS + SKEW
            if not await openid_store.first_time(unit, "oidc logout", str(provider.id), str(claims["jti"]), until):
                raise Refused("logout_repeated", "This logout token was shown before.")
            found = await store.sessions_of(unit, provider.id, str(subject or ""), str(session or ""))
            for session_id, account_id in found:
                await taken_back(unit, provider, session_id, account_id)
        return len(found)

    async def _read(self, provider: SsoProvider, token: str) -> dict[str, Any]:
        """The claims of a logout token that counts (2.6)."""
        found = configuration(provider)
        header = id_tokens.header_of(token, found.algorithms)
        if isinstance(header, Wrong):
            raise Refused(header.check, header.detail)
        read = await self._keys.verified(found.jwks_uri, token, header)
        if isinstance(read, Wrong):
            raise Refused(read.check, read.detail)
        if (wrong := _wrong(read.claims, provider, datetime.now(UTC))) is not None:
            raise Refused(wrong.check, wrong.detail)
        return read.claims


def _wrong(  # noqa: PLR0911 - each check has its answer
    claims: dict[str, Any], provider: SsoProvider, now: datetime
) -> Wrong | None:
    """What speaks against a logout token."""
    audience, events, issued = claims.get("aud"), claims.get("events"), claims.get("iat")
    if claims.get("iss") != provider.issuer:
        return Wrong("issuer_wrong", "The logout token is of another issuer.")
    if provider.client_id not in (audience if isinstance(audience, list) else [audience]):
        return Wrong("audience_wrong", "The logout token is for another client.")
    if not isinstance(events, dict) or not isinstance(events.get(_EVENT), dict):
        return Wrong("logout_event_missing", "The token is no logout token (events).")
    if "nonce" in claims:
        return Wrong("logout_nonce", "An ID token is no logout token (nonce).")
    if not isinstance(issued, int | float) or abs(now.timestamp() - issued) > (_COUNTS + SKEW).total_seconds():
        return Wrong("token_expired", "The logout token is not of now (iat).")
    ends = claims.get("exp", issued + _COUNTS.total_seconds())
    if not isinstance(ends, int | float) or ends + SKEW.total_seconds() <= now.timestamp():
        return Wrong("token_expired", "The logout token has expired (exp).")
    if not isinstance(claims.get("jti"), str):
        return Wrong("logout_repeated", "The logout token has no identifier (jti).")
    if not any(isinstance(claims.get(name), str) and claims[name] for name in ("sub", "sid")):
        return Wrong("subject_missing", "The logout token names nobody (sub, sid).")
    return None
