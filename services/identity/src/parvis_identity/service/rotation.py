"""New keys in the place of old ones, by the clock or by command, without anybody noticing.

A new key is published at once and signs `ahead` later; at that moment the old one stops, and is published for
`keys.OVERLAP` more: no token outlives the key that proves it.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import timedelta

import structlog

from parvis_identity.models import SigningKey
from parvis_identity.service.keys import INTERNAL, KEPT, LOOK_EVERY, OPENID, READ_EVERY, KeyRing
from parvis_identity.store import openid as store
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.unit import Database, UnitOfWork
from parvis_watch import jobs

#: How long a key is published before it signs: relying parties keep our key set for hours, many for a day.
AHEAD = timedelta(days=1)
#: The shortest: every process of ours has read the keys again by then, and whoever goes by the headers of the key set.
SOONEST = KEPT + 2 * READ_EVERY
_DUE_EVERY = 3600.0  # s
_log = structlog.get_logger(__name__)


async def rotate(unit: UnitOfWork, ring: KeyRing, *, ahead: timedelta = AHEAD) -> list[SigningKey]:
    """New keys for every algorithm of tokens; those that exist retire when these begin to sign.

    A key that does not sign yet is left to come. Answers with what was made.
    """
    rows = await store.keys(unit)
    return await _replace(unit, ring, [row for row in rows if _stands(row)], max(ahead, SOONEST))


async def rotate_due(unit: UnitOfWork, ring: KeyRing, lifetime: timedelta) -> list[SigningKey]:
    """The same for keys that have signed for as long as a key shall; nothing when the lifetime is zero."""
    if not lifetime:
        return []
    rows = await store.keys(unit)
    due = [row for row in rows if _stands(row) and row.signs_from + lifetime <= unit.now + AHEAD]
    return await _replace(unit, ring, due, AHEAD)


async def distrust(unit: UnitOfWork, ring: KeyRing) -> list[SigningKey]:
    """New keys that sign at once, and nothing that the old ones signed counts any more: for keys that leaked.

    Relying parties go on believing the old ones as long as they keep our key set (five minutes by its headers).
    """
    old = [row for row in await store.keys(unit) if row.purpose in {INTERNAL, OPENID}]
    await store.forget_keys(unit, [row.id for row in old])
    made = [await ring.make(row.purpose, row.algorithm, unit.now) for row in old if row.retired_at is None]
    for key in made:
        await store.insert_key(unit, key)
    unit.record("keys.distrusted", target_kind="keys", target_id="tokens", old=_ids(old), new=_ids(made))
    return made


async def follow(database: Database, ring: KeyRing) -> None:
    """Reads the keys again, for ever: each minute, since new ones begin to sign by the clock; and a second after
    another process changed them.
    """
    caller, seen, read = Caller("identity"), "", time.monotonic()
    while True:
        await asyncio.sleep(LOOK_EVERY.total_seconds())
        try:
            async with database.begin(caller) as unit:
                there = await store.keys_at_hand(unit)
                if there != seen or time.monotonic() - read >= READ_EVERY.total_seconds():
                    await ring.load(unit)
                    seen, read = there, time.monotonic()
        except Exception as error:  # noqa: BLE001 - the keys at hand are good until the database answers again
            jobs.heed_the_end()
            away = isinstance(error, ServiceError) and error.kind is Kind.UNAVAILABLE
            (_log.warning if away else _log.exception)("keys_not_read", error=error)


async def rotate_for_ever(database: Database, ring: KeyRing, lifetime: timedelta) -> None:
    """Rotates what is due, every hour."""
    while True:
        async with database.begin(Caller("identity")) as unit:
            await rotate_due(unit, ring, lifetime)
        await jobs.rest("rotate_keys", _DUE_EVERY)


def _stands(row: SigningKey) -> bool:
    return row.purpose in {INTERNAL, OPENID} and row.retired_at is None


async def _replace(unit: UnitOfWork, ring: KeyRing, old: Iterable[SigningKey], ahead: timedelta) -> list[SigningKey]:
    made: list[SigningKey] = []
    begins = unit.now + ahead
    for row in old:
        if row.signs_from > unit.now or not await store.retire_key(unit, row.id, begins):
            continue
        key = await ring.make(row.purpose, row.algorithm, unit.now, signs_from=begins)
        await store.insert_key(unit, key)
        made.append(key)
        told = {"new": key.id, "algorithm": row.algorithm, "at": begins.isoformat()}
        unit.record("key.rotated", target_kind="key", target_id=row.id, **told)
    return made


def _ids(rows: Iterable[SigningKey]) -> str:
    return " ".join(row.id for row in rows)
