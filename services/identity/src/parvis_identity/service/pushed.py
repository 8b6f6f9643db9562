"""Authorization requests that clients send ahead (PAR, RFC 9126): kept under a `request_uri`, opened at the
authorization endpoint until they are answered.

A `request_uri` is short-lived, a person at the sign-in page is not: the page comes back with a seal of ours over what
was satisfied meanwhile, which keeps the request open for them for an hour. Whoever has the `request_uri` alone has it
for a minute.
"""

import binascii
import hmac
import json
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlencode

from parvis_identity.domain.addresses import parameters_of
from parvis_identity.domain.links import digest_of
from parvis_identity.models import PushedRequest
from parvis_identity.store import pushed as store
from parvis_kit.unit import UnitOfWork

PREFIX = "urn:ietf:params:oauth:request_uri:"
#: RFC 9126, 2.2; FAPI 2.0 (5.3.2.2) asks for less than 600 seconds. Long enough to pass on, too short to sign in.
LIFETIME = timedelta(seconds=60)
#: How long a person may take at the sign-in page. Rows are swept an hour after they expired.
PATIENCE = timedelta(minutes=55)
#: How parameters of our own begin, which no client sends.
OURS = "parvis_"
#: One of them: the seal of a request that was opened in time.
OPENED = "parvis_opened"
#: What authenticates the client is no part of the request.
_CREDENTIALS = frozenset({"client_assertion", "client_assertion_type", "client_secret"})
_MAC_BYTES = 32


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request as it is to be answered, and the address to come back to it."""

    parameters: Mapping[str, str]
    #: Of the request that was pushed; None when all of it came with the browser.
    pushed: PushedRequest | None = None
    request_uri: str = ""
    _secret: bytes = b""
    _opened_at: int = 0
    #: The seal that it came with, so that what was satisfied before stays so.
    _before: Mapping[str, str | None] = field(default_factory=dict)

    def again(self, continuation: str) -> str:
        """The address that leads back here, for one that says the same with all parameters in it."""
        if self.pushed is None:
            return continuation
        path, _, _ = continuation.partition("?")
        after = parameters_of(continuation)
        changed: dict[str, str | None] = {
            **self._before,
            **dict.fromkeys(self.parameters.keys() - after.keys()),
            **{name: value for name, value in after.items() if self.parameters.get(name) != value},
        }
        seal = _seal(self._secret, self.pushed.digest, self._opened_at, changed)
        kept = {"client_id": self.pushed.client_id, "request_uri": self.request_uri, OPENED: seal}
        return f"{path}?{urlencode(kept)}"


class Unusable(Exception):
    """A `request_uri` that is unknown, somebody else's, too old or answered already."""


class PushedRequests:
    """See the module. `secret` seals."""

    def __init__(self, secret: bytes) -> None:
        self._secret = hmac.digest(secret, b"pushed-requests", "sha256")

    async def keep(
        self, unit: UnitOfWork, client_id: str, parameters: Mapping[str, str], *, dpop_jkt: str
    ) -> tuple[str, int]:
        """Keeps a request that was found good: its `request_uri`, and for how many seconds."""
        request_uri = f"{PREFIX}{secrets.token_urlsafe(32)}"
        kept = {
            name: value for name, value in parameters.items() if name not in _CREDENTIALS and not name.startswith(OURS)
        }
        row = PushedRequest(
            digest=digest_of(request_uri),
            client_id=client_id,
            parameters={**kept, "client_id": client_id},
            dpop_jkt=dpop_jkt,
            created_at=unit.now,
            expires_at=unit.now + LIFETIME,
        )
        await store.save(unit, row)
        return request_uri, int(LIFETIME.total_seconds())

    async def open(self, unit: UnitOfWork, parameters: Mapping[str, str]) -> Asked:
        """The request that the browser came with. Of a pushed one nothing else in the address counts (FAPI 2.0,
        5.3.2.2): neither what is missing in it nor what differs. Raises Unusable.
        """
        request_uri = parameters.get("request_uri", "")
        if not request_uri.startswith(PREFIX):
            return Asked(parameters)
        row = await store.find(unit, digest_of(request_uri))
        if row is None or row.used_at is not None or row.client_id != parameters.get("client_id"):
            raise Unusable
        opened_at, changed = _unseal(self._secret, row.digest, parameters.get(OPENED, ""))
        if row.expires_at <= unit.now and opened_at < (unit.now - PATIENCE).timestamp():
            raise Unusable
        asked = {**row.parameters, **changed}
        return Asked(
            {name: value for name, value in asked.items() if value is not None},
            row,
            request_uri,
            self._secret,
            opened_at or int(unit.now.timestamp()),
            changed,
        )

    async def close(self, unit: UnitOfWork, asked: Asked) -> bool:
        """Marks a request answered; False when it was answered to somebody else meanwhile."""
        return asked.pushed is None or await store.use(unit, asked.pushed.digest, unit.now)


def _seal(secret: bytes, digest: bytes, at: int, changed: Mapping[str, str | None]) -> str:
    body = json.dumps([at, changed], separators=(",", ":")).encode()
    return urlsafe_b64encode(hmac.digest(secret, digest + body, "sha256") + body).decode().rstrip("=")


def _unseal(secret: bytes, digest: bytes, seal: str) -> tuple[int, dict[str, str | None]]:
    """When a request was opened first (Unix time) and what was satisfied since; nothing for a seal that is not ours."""
    try:
        read = urlsafe_b64decode(seal.encode("ascii") + b"=" * (-len(seal) % 4))
    except (ValueError, binascii.Error):
        return 0, {}
    mac, body = read[:_MAC_BYTES], read[_MAC_BYTES:]
    if not hmac.compare_digest(mac, hmac.digest(secret, digest + body, "sha256")):
        return 0, {}
    at, changed = json.loads(body)
    return at, changed
