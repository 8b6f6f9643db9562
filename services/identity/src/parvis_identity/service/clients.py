"""OpenID clients as they are read, and the gateway's own. Products: `product_clients`; those that register themselves:
`registration`.
"""

import time
from datetime import datetime, timedelta

from parvis_identity.domain.links import digest_of
from parvis_identity.models import Client
from parvis_identity.settings import Settings
from parvis_identity.store import openid as store
from parvis_kit.unit import UnitOfWork

#: Seconds that a client is used without reading it again: every request needs it, and what was changed in another
#: process must count at once.
_FRESH = 1.0
_KNOWN = 1000
_USED_EVERY = timedelta(days=1)
#: Secrets that the gateway has at once, while they are renewed.
_SECRETS = 2
#: The gateway's other secret counts for as long as the settings name it: each start says so anew.
_LONG = timedelta(days=3650)


class Clients:
    """Clients by id, kept for a short time."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[float, Client]] = {}
        #: How many changes there were: what was read before one of them is not kept.
        self._changes = 0

    def kept(self, client_id: str) -> Client | None:
        """A client that was found a moment ago."""
        known = self._known.get(client_id)
        return known[1] if known is not None and known[0] > time.monotonic() else None

    def forget(self, client_id: str) -> None:
        """Reads a client again when it is next asked for: it was changed."""
        self._changes += 1
        self._known.pop(client_id, None)

    async def find(self, unit: UnitOfWork, client_id: str) -> Client | None:
        """A client; None when there is none."""
        if (kept := self.kept(client_id)) is not None:
            return kept
        if not client_id or "\x00" in client_id:
            return None
        changes = self._changes
        found = await store.find_client(unit, client_id)
        if found is not None and changes == self._changes:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[client_id] = (time.monotonic() + _FRESH, found)
        return found

    @staticmethod
    def is_known_used(client: Client, now: datetime) -> bool:
        """Whether it is remembered that a client was given tokens lately: nothing is to be written."""
        return client.used_at is not None and now - client.used_at < _USED_EVERY

    async def used(self, unit: UnitOfWork, client: Client) -> None:
        """Remembers, once a day, that a client was given tokens."""
        if not self.is_known_used(client, unit.now):
            client.used_at = unit.now
            await store.used_client(unit, client.client_id)


def gateway_client(settings: Settings, now: datetime) -> Client:
    """The gateway's client, as the settings describe it: brought up to them at every start.

    It is a confidential client that calls from inside, so its refresh tokens are not rotated (RFC 9700, 2.2.2):
    two pages that refresh at once would otherwise sign the person out. Raises ValueError for more than two secrets.
    """
    first, *others = settings.web_client_secrets
    if len(others) >= _SECRETS:  # a client's row has room for one before the present one
        raise ValueError(
            "PARVIS_WEB_CLIENT_SECRET holds more than two secrets: the present one and another one at most"
        )
    return Client(
        client_id=settings.web_client_id,
        name="Parvis",
        secret_digest=digest_of(first),
        previous_secret_digest=digest_of(others[0]) if others else b"",
        previous_secret_until=now + _LONG if others else None,
        redirect_uris=[f"{settings.public_url}/auth/callback"],
        post_logout_redirect_uris=[f"{settings.public_url}/"],
        grant_types=["authorization_code", "refresh_token"],
        rotates_refresh_tokens=False,
        created_at=now,
    )
