"""Token exchange (RFC 8693): a product that was called with somebody's token calls another one in that person's name.

Policy of each client: it exchanges for the audiences that the provider listed for it (`Client.exchange_audiences`),
and only tokens that are its own or were made for it. What it gets is worth no more than what it had: the same grant, no
more scope, no longer life, and it says who acts (`act`).
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from parvis_identity.models import Client
from parvis_identity.service import door, profiles
from parvis_identity.service.clients import Clients
from parvis_identity.service.organisations import Organisations
from parvis_identity.service.protocol import Answer, ProtocolRefusal, protocol_error
from parvis_identity.service.tokens import ACCESS_LIFETIME, Tokens
from parvis_identity.store import openid as store
from parvis_identity.store.openid import Granted
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.unit import UnitOfWork

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a type
#: Scopes that are about the sign-in at the first client, not about what may be done.
_OF_SIGN_IN = frozenset({"openid", "offline_access"})
#: Parties that may act for one another in a chain.
_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class _Subject:
    claims: Mapping[str, Any]
    granted: Granted


class TokenExchange:
    """See the module."""

    def __init__(self, tokens: Tokens, clients: Clients, organisations: Organisations) -> None:
        self._tokens = tokens
        self._clients = clients
        self._organisations = organisations

    async def answer(self, unit: UnitOfWork, client: Client, parameters: Mapping[str, str], *, jkt: str) -> Answer:
        """The answer of the token endpoint. `jkt`: of the key that the new token is bound to, empty for none.

        Raises ProtocolRefusal.
        """
        if profiles.is_public(client) or EXCHANGE not in client.grant_types:
            raise _refused("unauthorized_client", "The client is not registered for token exchange.")
        for name in ("requested_token_type", "subject_token_type", "actor_token_type"):
            if parameters.get(name, ACCESS_TOKEN) != ACCESS_TOKEN:
                raise _refused("invalid_request", f"Unsupported '{name}': access tokens are exchanged.")
        if "subject_token_type" not in parameters:
            raise _refused("invalid_request", "Missing 'subject_token_type' in request.")
        subject = await self._subject(unit, client, parameters.get("subject_token", ""), jkt=jkt)
        audience = await self._audience(unit, client, subject, parameters)
        scope = _scope(subject, parameters)
        actor = await self._actor(unit, client, parameters)
        acts = {"sub": actor, **({"act": subject.claims["act"]} if "act" in subject.claims else {})}
        if _depth(acts) > _DEEPEST:
            raise _refused("invalid_request", "Too many parties act for one another.")
        now = int(time.time())
        expires = min(now + ACCESS_LIFETIME, int(subject.claims["exp"]))
        grant = subject.granted.grant
        token = self._tokens.exchanged(client, audience, scope, grant, acts, expires=expires, jkt=jkt)
        told = {"client": client.client_id, "audience": audience.client_id, "grant": str(grant.id)}
        unit.record("token.exchanged", target_kind="account", target_id=grant.account_id, **told)
        body = {
            "access_token": token,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "DPoP" if jkt else "Bearer",
            "expires_in": expires - now,
            "scope": scope,
        }
        return Answer(200, body)

    async def _subject(self, unit: UnitOfWork, client: Client, token: str, *, jkt: str) -> _Subject:
        """The token to exchange: a person's, that counts, and is the client's own or for it."""
        claims = self._tokens.read_access(token)
        if claims is None or "grant" not in claims:
            raise _refused("invalid_request", "The 'subject_token' is missing, expired or none of a person.")
        own = claims.get("client_id") == client.client_id
        if not own and claims.get("aud") != client.client_id:
            raise _refused("invalid_request", "The 'subject_token' was neither issued to the client nor made for it.")
        if own and claims.get("cnf", {}).get("jkt", jkt) != jkt:
            raise _refused("invalid_request", "The 'subject_token' is bound to another key.")
        granted = await store.granted(unit, UUID(str(claims["grant"])), str(claims.get("jti", "")))
        if granted is None or not granted.alive:
            raise _refused("invalid_request", "The 'subject_token' was revoked.")
        return _Subject(claims, granted)

    async def _audience(
        self, unit: UnitOfWork, client: Client, subject: _Subject, parameters: Mapping[str, str]
    ) -> Client:
        """Whose interface is to be called: one of the client's policy, that the person may use."""
        name = parameters.get("audience", "")
        if not name:
            raise _refused("invalid_request", "Missing 'audience' in request.")
        audience = await self._clients.find(unit, name) if name in client.exchange_audiences else None
        if audience is None or audience.closed_at is not None or "resource" in parameters:
            raise _refused("invalid_target", "The client may not exchange tokens for this audience.")
        grant = subject.granted.grant
        if audience.product_id is not None:
            try:
                found = await self._organisations.product(grant.account_id, name, grant.organisation_id)
            except ServiceError as error:
                if error.kind not in {Kind.NOT_FOUND, Kind.PRECONDITION}:
                    raise
                found = None
            if found is None or not found.assigned:
                raise _refused("invalid_target", "The person may not use this audience.")
        try:
            closed = await door.closed_to(unit, self._organisations, subject.granted)
        except ServiceError as error:
            if error.kind is not Kind.NOT_FOUND:
                raise
            closed = "The person is no longer of the organisation."
        if closed:
            raise _refused("invalid_grant", closed)
        return audience

    async def _actor(self, unit: UnitOfWork, client: Client, parameters: Mapping[str, str]) -> str:
        """Who acts: the client, or whom an access token of its own speaks for."""
        if "actor_token" not in parameters:
            if "actor_token_type" in parameters:
                raise _refused("invalid_request", "Missing 'actor_token' in request.")
            return client.client_id
        claims = self._tokens.read_access(parameters["actor_token"])
        if claims is None or claims.get("client_id") != client.client_id or "actor_token_type" not in parameters:
            raise _refused("invalid_request", "The 'actor_token' is not one of the client.")
        if "grant" in claims:
            granted = await store.granted(unit, UUID(str(claims["grant"])), str(claims.get("jti", "")))
            if granted is None or not granted.alive:
                raise _refused("invalid_request", "The 'actor_token' was revoked.")
        return str(claims["sub"])


def _scope(subject: _Subject, parameters: Mapping[str, str]) -> str:
    has = [each for each in str(subject.claims.get("scope", "")).split() if each not in _OF_SIGN_IN]
    if "scope" not in parameters:
        return " ".join(has)
    asked = parameters["scope"].split()
    if not set(asked) <= set(has):
        raise _refused("invalid_scope", "The 'subject_token' does not have that scope.")
    return " ".join(each for each in has if each in asked)


def _depth(acts: Mapping[str, Any]) -> int:
    return 1 + (_depth(acts["act"]) if isinstance(acts.get("act"), dict) else 0)


def _refused(error: str, description: str) -> ProtocolRefusal:
    return ProtocolRefusal(protocol_error(400, error, description))
