"""Clients ask whether a token counts (RFC 7662), and give tokens back (RFC 7009)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from parvis_identity.domain.links import digest_of
from parvis_identity.models import Client
from parvis_identity.service.clients import Clients
from parvis_identity.service.protocol import Answer, ProtocolRefusal, protocol_error
from parvis_identity.service.tokens import Tokens
from parvis_identity.store import openid as openid_store
from parvis_identity.store import token_state as store
from parvis_kit.unit import UnitOfWork

_OF_ANOTHER = protocol_error(400, "invalid_grant", "The token was issued to another client.")
_UNKNOWN: dict[str, Any] = {"active": False}
#: Claims of an access token that its client, or who it is for, is told.
_TOLD = ("iss", "sub", "aud", "client_id", "scope", "exp", "iat", "jti", "sid", "cnf", "act", "acr", "auth_time")
#: Characters of a token at most: an access token of ours has about 700.
_LONGEST = 8000


class TokenState:
    """See the module. A client sees its own tokens, and those that are made for it; of all others nothing but that they
    are worth nothing to it.
    """

    def __init__(self, tokens: Tokens, clients: Clients) -> None:
        self._tokens = tokens
        self._clients = clients

    async def introspect(self, unit: UnitOfWork, client: Client, parameters: Mapping[str, str]) -> dict[str, Any]:
        """The answer of the introspection endpoint (RFC 7662, 2.2). Raises ProtocolRefusal without a token."""
        token = _token(parameters)
        if _is_jwt(token):
            return await self._access(unit, client, token)
        return await self._refresh(unit, client, token)

    async def _access(self, unit: UnitOfWork, client: Client, token: str) -> dict[str, Any]:
        claims = self._tokens.read_access(token)
        if claims is None or client.client_id not in {claims.get("client_id"), *_audiences(claims)}:
            return _UNKNOWN
        if not await self._counts(unit, claims):
            return _UNKNOWN
        told = {name: claims[name] for name in _TOLD if name in claims}
        return {"active": True, "token_type": "DPoP" if "cnf" in claims else "Bearer", **told}

    async def _counts(self, unit: UnitOfWork, claims: Mapping[str, Any]) -> bool:
        owner = await self._clients.find(unit, str(claims.get("client_id", "")))
        if owner is None or owner.closed_at is not None:
            return False
        jti = str(claims.get("jti", ""))
        if "grant" in claims:
            return await store.counts(unit, UUID(str(claims["grant"])), jti)
        return not await store.is_revoked(unit, jti)

    async def _refresh(self, unit: UnitOfWork, client: Client, token: str) -> dict[str, Any]:
        presented = await openid_store.presented_refresh_token(unit, digest_of(token))
        if presented is None or presented.granted.grant.client_id != client.client_id:
            return _UNKNOWN
        row, granted = presented.token, presented.granted
        if row.replaced_at is not None or row.expires_at <= unit.now or not granted.alive:
            return _UNKNOWN
        return {
            "active": True,
            "iss": self._tokens.issuer,
            "sub": self._tokens.subjects.of(client, granted.account.id),
            "client_id": client.client_id,
            "scope": granted.grant.scope,
            "iat": int(row.issued_at.timestamp()),
            "exp": int(row.expires_at.timestamp()),
            **({"cnf": {"jkt": granted.grant.dpop_jkt}} if granted.grant.dpop_jkt else {}),
        }

    async def revoke(self, unit: UnitOfWork, client: Client, parameters: Mapping[str, str]) -> Answer | None:
        """Makes a token worthless (RFC 7009, 2.1): an access token alone, a refresh token with everything that came of
        the same sign-in. What is unknown, expired or revoked is as good as that already. An error for the token of
        another client. Raises ProtocolRefusal without a token.
        """
        token = _token(parameters)
        if _is_jwt(token):
            claims = self._tokens.read_access(token)
            if claims is None:
                return None
            if claims.get("client_id") != client.client_id:
                return _OF_ANOTHER
            if await store.revoke(unit, str(claims["jti"]), datetime.fromtimestamp(claims["exp"], UTC)):
                self._record(unit, client, "access_token", str(claims.get("grant", "")))
            return None
        presented = await openid_store.presented_refresh_token(unit, digest_of(token))
        if presented is None:
            return None
        grant = presented.granted.grant
        if grant.client_id != client.client_id:
            return _OF_ANOTHER
        if grant.revoked_at is None:
            await openid_store.revoke_grant(unit, grant.id)
            self._record(unit, client, "refresh_token", str(grant.id))
        return None

    @staticmethod
    def _record(unit: UnitOfWork, client: Client, what: str, grant: str) -> None:
        unit.record("token.revoked", target_kind="client", target_id=client.client_id, token=what, grant=grant)


def _token(parameters: Mapping[str, str]) -> str:
    token = parameters.get("token", "")
    if not token or len(token) > _LONGEST:
        raise ProtocolRefusal(protocol_error(400, "invalid_request", "Missing or malformed 'token' in request."))
    return token


def _is_jwt(token: str) -> bool:
    # Whatever `token_type_hint` says: it may be wrong, and is only meant to save us a look.
    return token.count(".") == 2  # noqa: PLR2004 - header, claims, signature


def _audiences(claims: Mapping[str, Any]) -> list[str]:
    audience = claims.get("aud", [])
    return [audience] if isinstance(audience, str) else list(audience)
