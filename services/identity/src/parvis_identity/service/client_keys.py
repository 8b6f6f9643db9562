"""Public keys of clients: registered with them, or where they say (`jwks_uri`), fetched and kept for a while."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from joserfc.jwk import Key

from parvis_identity.models import Client
from parvis_identity.service import signatures
from parvis_identity.service.outgoing import NotReached, Outgoing

#: Seconds that fetched keys are used; and before they are fetched again because none of them signed what came.
_FRESH = 300.0
_AGAIN = 1.0
_KNOWN = 500
_OK = 200
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Fetched:
    keys: tuple[Key, ...] = ()
    at: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class ClientKeys:
    """See the module. Fetching takes as long as somebody else's server: never inside a transaction."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._known: dict[str, _Fetched] = {}
        #: Keys that were registered, read once for as long as the client is kept.
        self._registered: dict[str, tuple[object, tuple[Key, ...]]] = {}

    async def of(self, client: Client, header: dict[str, Any]) -> tuple[Key, ...]:
        """The client's keys; fetched again when none fits a token with this header: it may have new ones. Empty when
        there are none or they cannot be had.
        """
        if client.jwks is not None:
            return self._read(client)
        if not client.jwks_uri:
            return ()
        if len(self._known) >= _KNOWN and client.jwks_uri not in self._known:
            self._known.pop(next(iter(self._known)))
        held = self._known.setdefault(client.jwks_uri, _Fetched())
        async with held.lock:
            age = time.monotonic() - held.at
            if not held.at or age > _FRESH or (age > _AGAIN and not signatures.candidates(held.keys, header)):
                held.keys, held.at = await self._fetch(client.jwks_uri, held.keys), time.monotonic()
        return held.keys

    def _read(self, client: Client) -> tuple[Key, ...]:
        held = self._registered.get(client.client_id)
        if held is not None and held[0] is client.jwks:
            return held[1]
        try:
            keys = signatures.keys_of(client.jwks)
        except ValueError:
            keys = ()
        if len(self._registered) >= _KNOWN:
            self._registered.clear()
        self._registered[client.client_id] = client.jwks, keys
        return keys

    async def _fetch(self, url: str, before: tuple[Key, ...]) -> tuple[Key, ...]:
        """Keys at an address; when it does not answer, those of before count on."""
        try:
            reply = await self._outgoing.get(url, accept="application/jwk-set+json, application/json")
            return signatures.keys_of(json.loads(reply.body) if reply.status == _OK else None)
        except NotReached as error:
            _log.warning("client_keys_not_reached", url=url, error=str(error))
            return before
        except ValueError as error:
            _log.warning("client_keys_unusable", url=url, error=str(error))
            return ()
