"""Clients that register and change themselves (RFC 7591, RFC 7592, OpenID Connect Registration 1.0), under the
provider's policy. Nobody of the provider vouched for such a client: people are asked before it is told who they are.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any

from parvis_identity.domain import client_metadata
from parvis_identity.domain.client_metadata import MetadataRefused
from parvis_identity.domain.links import digest_of
from parvis_identity.domain.throttle import REGISTRATIONS, network_of
from parvis_identity.models import Client
from parvis_identity.service import sectors, signatures
from parvis_identity.service.clients import Clients
from parvis_identity.service.outgoing import Outgoing
from parvis_identity.service.protocol import SCOPES, Answer, ProtocolRefusal
from parvis_identity.settings import Settings
from parvis_identity.store import openid as store
from parvis_identity.store import sessions as session_store
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_kit.unit import Database, UnitOfWork

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class Registration:
    """See the module. Who may register: nobody ("closed"), who shows the initial access token, or anybody ("open")."""

    def __init__(self, database: Database, clients: Clients, outgoing: Outgoing, settings: Settings) -> None:
        self._database = database
        self._clients = clients
        self._outgoing = outgoing
        self._mode = settings.registration
        self._token = settings.registration_token_sha256.get_secret_value()
        self._address = f"{settings.public_url}/oauth2/register"
        self._policy = client_metadata.Policy(SCOPES, pkce_required=settings.registration_pkce)
        self._caller = Caller("identity")

    async def register(self, bearer: str, said: Mapping[str, Any], address: str) -> Answer:
        """A new client; `address` is who asks. Raises ProtocolRefusal."""
        if self._mode == "closed":
            raise ProtocolRefusal(Answer(403, _error("access_denied", "Clients cannot register themselves here.")))
        if self._mode == "token" and not self._is_initial(bearer):
            raise ProtocolRefusal(_unknown(bearer))
        if self._mode == "open":
            await self._count(address)
        values = await self._checked(said)
        token, secret = secrets.token_urlsafe(32), _secret_for(values)
        async with self._database.begin(self._caller) as unit:
            client = Client(
                client_id=uuid7().hex,
                secret_digest=digest_of(secret) if secret else b"",
                consent_required=True,
                registration_digest=digest_of(token),
                created_at=unit.now,
                **values,
            )
            unit.add(client)
            unit.record("client.registered", target_kind="client", target_id=client.client_id, name=client.name)
        return Answer(201, self._told(client, token, secret), _NO_STORE)

    async def read(self, client_id: str, bearer: str) -> Answer:
        """What is registered. Raises ProtocolRefusal."""
        async with self._database.begin(self._caller) as unit:
            client = await self._own(unit, client_id, bearer)
        return Answer(200, self._told(client, bearer, ""), _NO_STORE)

    async def replace(self, client_id: str, bearer: str, said: Mapping[str, Any]) -> Answer:
        """New metadata in the place of all that was registered (RFC 7592, 2.2). Raises ProtocolRefusal."""
        async with self._database.begin(self._caller) as unit:
            client = await self._own(unit, client_id, bearer)
        secret = said.get("client_secret")
        if said.get("client_id") != client_id or (
            secret is not None
            and not (isinstance(secret, str) and hmac.compare_digest(digest_of(secret), client.secret_digest))
        ):
            raise ProtocolRefusal(Answer(400, _error("invalid_client_metadata", "It names another client or secret.")))
        values = await self._checked(said)
        async with self._database.begin(self._caller) as unit:
            client = await self._own(unit, client_id, bearer)
            fresh = "" if client.secret_digest else _secret_for(values)
            if fresh:
                client.secret_digest = digest_of(fresh)
            elif not _secret_for(values):
                client.secret_digest = b""
            for name, value in values.items():
                setattr(client, name, value)
            unit.record("client.changed", target_kind="client", target_id=client_id, name=client.name)
        self._clients.forget(client_id)
        return Answer(200, self._told(client, bearer, fresh), _NO_STORE)

    async def remove(self, client_id: str, bearer: str) -> Answer:
        """The client is no more, nor what it was granted. Raises ProtocolRefusal."""
        async with self._database.begin(self._caller) as unit:
            client = await self._own(unit, client_id, bearer)
            await store.delete_client(unit, client_id)
            unit.record("client.removed", target_kind="client", target_id=client_id, name=client.name)
        self._clients.forget(client_id)
        return Answer(204, {}, _NO_STORE)

    async def _count(self, address: str) -> None:
        """Whoever registers many waits between them. Raises ProtocolRefusal."""
        key = hashlib.sha256(f"registration\0{network_of(address)}".encode()).digest()
        async with self._database.begin(self._caller) as unit:
            may, wait = await session_store.charge(unit, key, REGISTRATIONS)
        if not may:
            told = _error("temporarily_unavailable", "Too many clients were registered from this address.")
            seconds = str(int(wait.total_seconds()) + 1)
            raise ProtocolRefusal(Answer(429, told, {**_NO_STORE, "Retry-After": seconds}))

    def _is_initial(self, bearer: str) -> bool:
        return bool(self._token) and hmac.compare_digest(digest_of(bearer).hex(), self._token.lower())

    async def _own(self, unit: UnitOfWork, client_id: str, bearer: str) -> Client:
        """The client that a registration access token is for; the same answer for a wrong one and no such client."""
        client = await store.find_client(unit, client_id) if client_id.isalnum() else None
        if client is None or client.registration_digest is None:
            raise ProtocolRefusal(_unknown(bearer))
        if not hmac.compare_digest(digest_of(bearer), client.registration_digest):
            raise ProtocolRefusal(_unknown(bearer))
        return client

    async def _checked(self, said: Mapping[str, Any]) -> dict[str, Any]:
        try:
            values = client_metadata.read(said, self._policy)
            if values["jwks"] is not None:
                values["jwks"] = _public(values["jwks"])
            if values["sector_identifier_uri"]:
                await sectors.check(self._outgoing, values["sector_identifier_uri"], values["redirect_uris"])
        except MetadataRefused as refused:
            raise ProtocolRefusal(Answer(400, _error(refused.error, str(refused)), _NO_STORE)) from refused
        return values

    def _told(self, client: Client, token: str, secret: str) -> dict[str, Any]:
        told: dict[str, Any] = {
            "client_id": client.client_id,
            "client_id_issued_at": int(client.created_at.timestamp()),
            "registration_access_token": token,
            "registration_client_uri": f"{self._address}/{client.client_id}",
            **client_metadata.described(client.model_dump()),
        }
        if secret:
            told |= {"client_secret": secret, "client_secret_expires_at": 0}
        return told


def _secret_for(values: Mapping[str, Any]) -> str:
    return secrets.token_urlsafe(32) if values["token_endpoint_auth_method"].startswith("client_secret_") else ""


def _public(jwks: object) -> dict[str, Any]:
    try:
        signatures.keys_of(jwks)
    except ValueError as error:
        raise MetadataRefused("jwks", str(error)) from error
    return {"keys": jwks["keys"]} if isinstance(jwks, dict) else {}


def _error(error: str, description: str) -> dict[str, Any]:
    return {"error": error, "error_description": description}


def _unknown(bearer: str) -> Answer:
    """RFC 6750, 3."""
    challenge = 'Bearer error="invalid_token", error_description="The token is unknown."' if bearer else "Bearer"
    return Answer(
        401, _error("invalid_token", "The token is missing or unknown."), {**_NO_STORE, "WWW-Authenticate": challenge}
    )
