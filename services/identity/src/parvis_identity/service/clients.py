"""OpenID clients: the gateway's own, and the products."""

import secrets
import time
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.exc import IntegrityError

from parvis_identity.domain.addresses import is_redirect_uri
from parvis_identity.domain.links import digest_of
from parvis_identity.models import Client
from parvis_identity.settings import Settings
from parvis_identity.store import openid as store
from parvis_kit.errors import Violation, conflict, invalid
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork

#: Seconds that a client is used without reading it again: it changes rarely and is needed by every request.
_FRESH = 30.0
_KNOWN = 1000
_MOST_ADDRESSES = 20


class Clients:
    """Clients by id, kept for a short time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Client]] = {}

    def kept(self, client_id: str) -> Client | None:
        """A client that was found a moment ago."""
        known = self._known.get(client_id)
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def forget(self, client_id: str) -> None:
        """Reads a client again when it is next asked for: it was changed."""
        self._known.pop(client_id, None)

    async def find(self, unit: UnitOfWork, client_id: str) -> Client | None:
        """A client; None when there is none."""
        if (kept := self.kept(client_id)) is not None:
            return kept
        if not client_id or "\x00" in client_id:
            return None
        found = await store.find_client(unit, client_id)
        if found is not None:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[client_id] = (time.monotonic() + _FRESH, found)
        return found

    async def register(
        self,
        unit: UnitOfWork,
        *,
        name: str,
        redirect_uris: Sequence[str],
        post_logout_redirect_uris: Sequence[str],
        product_id: UUID | None,
    ) -> tuple[Client, str]:
        """A new confidential client and its secret, which is shown this once.

        Raises INVALID with violations on its addresses, CONFLICT product_has_client.
        """
        violations = [
            Violation(field, "not_a_redirect_address", {"address": address[:200]})
            for field, addresses in (
                ("redirect_uris", redirect_uris),
                ("post_logout_redirect_uris", post_logout_redirect_uris),
            )
            for address in addresses
            if not is_redirect_uri(address)
        ]
        if not redirect_uris or len(redirect_uris) > _MOST_ADDRESSES:
            violations.append(Violation("redirect_uris", "required"))
        if not name.strip() or "\x00" in name:
            violations.append(Violation("name", "required"))
        if violations:
            raise invalid("client_invalid", violations)
        secret = secrets.token_urlsafe(32)
        client = Client(
            client_id=uuid7().hex,
            name=name.strip(),
            secret_digest=digest_of(secret),
            redirect_uris=list(redirect_uris),
            post_logout_redirect_uris=list(post_logout_redirect_uris),
            grant_types=["authorization_code", "refresh_token", "client_credentials"],
            product_id=product_id,
            created_at=unit.now,
        )
        unit.add(client)
        try:
            await unit.flush()
        except IntegrityError as error:
            raise conflict("product_has_client") from error
        unit.record("client.registered", target_kind="client", target_id=client.client_id, name=client.name)
        return client, secret


def gateway_client(settings: Settings, now: datetime) -> Client:
    """The gateway's client, as the settings describe it: brought up to them at every start.

    It is a confidential client that calls from inside, so its refresh tokens are not rotated (RFC 9700, 2.2.2):
    two pages that refresh at once would otherwise sign the person out.
    """
    return Client(
        client_id=settings.web_client_id,
        name="Parvis",
        secret_digest=digest_of(settings.web_client_secret.get_secret_value()),
        redirect_uris=[f"{settings.public_url}/auth/callback"],
        post_logout_redirect_uris=[f"{settings.public_url}/"],
        grant_types=["authorization_code", "refresh_token"],
        rotates_refresh_tokens=False,
        created_at=now,
    )
