"""Devices that wait for a person (RFC 8628)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from parvis_identity.models import DeviceCode
from parvis_identity.store import openid
from parvis_identity.store.openid import Granted
from parvis_kit.unit import UnitOfWork


@dataclass(frozen=True, slots=True)
class PresentedDevice:
    """A device that asks for its tokens, and what was granted to it: None while nobody has agreed."""

    code: DeviceCode
    granted: Granted | None


async def insert(unit: UnitOfWork, code: DeviceCode) -> bool:
    """Adds a device; False when another one that waits shows the same code."""
    added = await unit.fetch(
        _INSERT,
        code.digest,
        code.user_code,
        code.client_id,
        code.scope,
        code.dpop_jkt,
        code.interval_seconds,
        code.created_at,
        code.expires_at,
    )
    return bool(added)


# A code of a device that waits no longer is free again.
_INSERT = """
WITH freed AS (DELETE FROM device_codes WHERE user_code = $2 AND expires_at < $7)
INSERT INTO device_codes (digest, user_code, client_id, scope, dpop_jkt, interval_seconds, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING 1
"""


async def copy_proofs(unit: UnitOfWork, session_id: UUID, to: UUID) -> None:
    """What providers of firms said in a session counts in another one of the same person too."""
    await unit.fetch(_COPY_PROOFS, session_id, to)


# Without what single logout knows it by: the provider signs a browser out, and devices are ended on their list.
_COPY_PROOFS = """
INSERT INTO session_proofs
       (session_id, provider_id, organisation_id, at, ends_at, acr, amr, name_id, session_index, sealed_hint)
SELECT $2, provider_id, organisation_id, at, ends_at, acr, amr, '', '', '' FROM session_proofs WHERE session_id = $1
"""


async def presented(unit: UnitOfWork, digest: bytes) -> PresentedDevice | None:
    """The device with this secret, locked: two questions of it at once are two questions."""
    code = await unit.get(DeviceCode, digest, lock=True)
    if code is None:
        return None
    return PresentedDevice(code, await openid.granted(unit, code.grant_id) if code.grant_id is not None else None)


async def waiting(unit: UnitOfWork, user_code: str, *, lock: bool = False) -> DeviceCode | None:
    """The device that shows a code and waits for somebody's answer."""
    rows = await unit.fetch(_WAITING, user_code, unit.now)
    return await unit.get(DeviceCode, rows[0]["digest"], lock=lock) if rows else None


_WAITING = """
SELECT digest FROM device_codes
 WHERE user_code = $1 AND expires_at > $2 AND grant_id IS NULL AND denied_at IS NULL AND used_at IS NULL
"""


async def answer(unit: UnitOfWork, digest: bytes, *, grant_id: UUID | None) -> bool:
    """Somebody's answer: the grant that the device gets, or a refusal; False when there was one already."""
    return bool(await unit.fetch(_ANSWER, digest, grant_id, None if grant_id else unit.now, unit.now))


_ANSWER = """
UPDATE device_codes SET grant_id = $2, denied_at = $3
 WHERE digest = $1 AND grant_id IS NULL AND denied_at IS NULL AND expires_at > $4 RETURNING 1
"""


async def polled(unit: UnitOfWork, digest: bytes, *, interval: int, used_at: datetime | None) -> None:
    """Remembers that a device asked, how long it must wait from now on, and whether it got its tokens."""
    await unit.fetch(_POLLED, digest, unit.now, interval, used_at)


_POLLED = "UPDATE device_codes SET polled_at = $2, interval_seconds = $3, used_at = $4 WHERE digest = $1"
