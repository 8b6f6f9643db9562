"""Sign-in of devices without a browser or keys (RFC 8628): the device shows a code, a person types it where they are
signed in, and the device gets tokens of a session of its own, which stands on the person's list of devices.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from parvis_identity.domain import user_codes as rules
from parvis_identity.domain.client_metadata import DEVICE
from parvis_identity.domain.links import digest_of
from parvis_identity.models import Client, DeviceCode, Grant, Session
from parvis_identity.service.clients import Clients
from parvis_identity.service.organisations import Face
from parvis_identity.service.protocol import ClientPolicy, ProtocolRefusal, protocol_error
from parvis_identity.service.provider import SignedIn
from parvis_identity.store import device_flow as store
from parvis_identity.store import sessions as session_store
from parvis_kit.errors import unavailable
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork

DEVICE_PAGE = "/device"
#: Codes that are tried until one is free. With a thousand devices waiting, one in 25 million is taken.
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A device that shows the code that was typed."""

    code: DeviceCode
    client: Client


@dataclass(frozen=True, slots=True)
class NotFound:
    """No device that waits shows that code; or too many others were tried. `wait` is until the next try counts."""

    wait: timedelta


class DeviceFlow:
    """See the module."""

    def __init__(self, clients: Clients, *, issuer: str) -> None:
        self._clients = clients
        self._issuer = issuer

    async def begin(self, unit: UnitOfWork, client: Client, scope: str, *, jkt: str) -> dict[str, Any]:
        """The answer of the device authorization endpoint (RFC 8628, 3.2). `jkt`: of the proof that came with it.

        Raises ProtocolRefusal, UNAVAILABLE no_code_free.
        """
        policy = ClientPolicy(client)
        if not policy.check_grant_type(DEVICE):
            description = "The client is not registered for the device flow."
            raise ProtocolRefusal(protocol_error(400, "unauthorized_client", description))
        allowed = policy.get_allowed_scope(scope)
        if scope and not allowed:
            raise ProtocolRefusal(protocol_error(400, "invalid_scope", "None of the scopes may be asked for."))
        for _ in range(_ATTEMPTS):
            secret, shown = secrets.token_urlsafe(32), rules.make()
            code = DeviceCode(
                digest=digest_of(secret),
                user_code=shown,
                client_id=client.client_id,
                scope=allowed,
                dpop_jkt=jkt,
                interval_seconds=rules.INTERVAL,
                created_at=unit.now,
                expires_at=unit.now + rules.LIFETIME,
            )
            if await store.insert(unit, code):
                break
        else:
            raise unavailable("no_code_free")
        address = f"{self._issuer}{DEVICE_PAGE}"
        return {
            "device_code": secret,
            "user_code": rules.shown(shown),
            "verification_uri": address,
            "verification_uri_complete": f"{address}?user_code={rules.shown(shown)}",
            "expires_in": int(rules.LIFETIME.total_seconds()),
            "interval": rules.INTERVAL,
        }

    async def find(self, unit: UnitOfWork, who: SignedIn, typed: str, *, lock: bool = False) -> Found | NotFound:
        """The device whose code somebody typed. Wrong codes are counted under the person, and they wait ever longer
        (RFC 8628, 5.1); what is no code at all is not counted.
        """
        user_code = rules.typed(typed)
        if not user_code:
            return NotFound(timedelta(0))
        key = hashlib.sha256(b"device code\0" + who.account.id.bytes).digest()
        may, wait = await session_store.charge(unit, key, rules.TRIES)
        code = await store.waiting(unit, user_code, lock=lock) if may else None
        client = await self._clients.find(unit, code.client_id) if code is not None else None
        if code is None or client is None or client.closed_at is not None:
            unit.record("device.not_found", target_kind="account", target_id=who.account.id)
            return NotFound(wait)
        # One try only: else codes of one's own would pay for guesses at those of others.
        await session_store.forgive(unit, key, only_this=True)
        return Found(code, client)

    async def allow(self, unit: UnitOfWork, found: Found, who: SignedIn, organisation: Face | None) -> bool:
        """The device gets what it asked for, in a session of its own; False when it was answered already."""
        code, client, mine = found.code, found.client, who.session
        session = Session(
            digest=digest_of(secrets.token_urlsafe(32)),  # nobody holds the secret: no browser is signed in by it
            account_id=who.account.id,
            started_at=unit.now,
            last_seen_at=unit.now,
            auth_time=mine.auth_time,
            acr=mine.acr,
            amr=mine.amr,
            proof_at=mine.proof_at,
            device=client.name,
        )
        unit.add(session)
        await unit.flush()
        # At a firm's door the device stands as the browser did.
        await store.copy_proofs(unit, mine.id, session.id)
        grant = Grant(
            id=uuid7(),
            client_id=client.client_id,
            account_id=who.account.id,
            session_id=session.id,
            scope=code.scope,
            auth_time=mine.auth_time,
            acr=mine.acr,
            amr=mine.amr,
            dpop_jkt=code.dpop_jkt,
            created_at=unit.now,
        )
        if organisation is not None:
            grant.organisation_id = organisation.id
            grant.organisation_name, grant.organisation_slug = organisation.name, organisation.slug
        unit.add(grant)
        await unit.flush()
        if not await store.answer(unit, code.digest, grant_id=grant.id):
            return False
        told = {"client": client.client_id, "session": str(session.id)}
        unit.record("device.allowed", target_kind="account", target_id=who.account.id, **told)
        return True

    async def deny(self, unit: UnitOfWork, found: Found, who: SignedIn) -> bool:
        """The device is told that the person does not want to; False when it was answered already."""
        denied = await store.answer(unit, found.code.digest, grant_id=None)
        if denied:
            told = {"client": found.client.client_id}
            unit.record("device.denied", target_kind="account", target_id=who.account.id, **told)
        return denied
