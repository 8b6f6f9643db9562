"""How much of one client may wait here: requests that it pushed (RFC 9126, 2.3), devices that show a code (RFC 8628).

A client that proves who it is has a number of its own, whoever else is busy. Anybody may speak for one that proves
nothing: there the places it is spoken from are counted instead, or a stranger could use up the client's share.
"""

import hashlib
from datetime import timedelta
from typing import Literal

import structlog

from parvis_identity.domain.throttle import Throttle, network_of
from parvis_identity.models import Client
from parvis_identity.service import profiles
from parvis_identity.service.protocol import Answer, ProtocolRefusal
from parvis_identity.store import openid as store
from parvis_identity.store import sessions as session_store
from parvis_kit.unit import UnitOfWork

#: Of a public client, by place: an office full of devices begins so many within ten minutes.
OF_A_PLACE = Throttle(
    free=120, first=timedelta(seconds=1), longest=timedelta(minutes=1), forgets_after=timedelta(minutes=10)
)
#: Seconds after which room may be again.
_LATER = 5
_log = structlog.get_logger(__name__)


async def room_for(
    unit: UnitOfWork, client: Client, what: Literal["pushed_requests", "device_codes"], address: str, *, most: int
) -> None:
    """Returns when the client may have one more. Raises ProtocolRefusal (429, with Retry-After)."""
    seconds = _LATER
    if profiles.is_public(client):
        key = hashlib.sha256(f"{what}\0{client.client_id}\0{network_of(address)}".encode()).digest()
        may, wait = await session_store.charge(unit, key, OF_A_PLACE)
        seconds = int(wait.total_seconds()) + 1
    else:
        may = not await store.has_waiting(unit, client.client_id, what, most)
    if not may:
        _log.warning("client_limited", client=client.client_id, what=what)
        told = {"error": "temporarily_unavailable", "error_description": "The client has too many requests waiting."}
        raise ProtocolRefusal(Answer(429, told, {"Retry-After": str(seconds), "Cache-Control": "no-store"}))
