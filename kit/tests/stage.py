"""What the tests of the outbox and the bus share: units that emit, handlers that count."""

import asyncio

from sqlalchemy import text

from parvis.identity.v1.events_pb2 import AccountActivated
from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_kit.testing import eventually

ME = Caller("sample")
EFFECT = text("INSERT INTO effects (message_id) VALUES (:id)")


async def emit(database, count=1, organisation_id=None):
    """Message ids of events emitted in one transaction."""
    async with database.begin(ME, organisation_id=organisation_id) as unit:
        return [
            unit.emit(AccountActivated(account_id=str(number)), aggregate_id=uuid7(), version=number)
            for number in range(count)
        ]


async def rows(database, query, *arguments):
    async with database.begin(ME) as unit:
        return await unit.fetch(query, *arguments)


async def effects(database, ids):
    """How often each message had its effect."""
    found = await rows(
        database, "SELECT message_id, count(*) AS n FROM effects WHERE message_id = ANY($1) GROUP BY 1", ids
    )
    return {row["message_id"]: row["n"] for row in found}


async def once_each(database, ids, within=20.0):
    """Waits until each message had an effect; returns the counts, a moment later."""
    await eventually(lambda: _all(database, ids), within)
    await asyncio.sleep(0.3)
    return set((await effects(database, ids)).values())


async def _all(database, ids):
    return len(await effects(database, ids)) == len(ids)


async def count_effect(unit, _event, envelope):
    """A handler: one row per effect."""
    await unit.execute(EFFECT, {"id": envelope.id})
