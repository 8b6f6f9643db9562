"""A service as a process of its own, for tests that kill it: python service_process.py URL NATS_URL CONSUMER."""

import asyncio
import sys

from sqlalchemy import text

from parvis.identity.v1.events_pb2 import AccountActivated
from parvis_kit.broker import Broker
from parvis_kit.bus import Bus
from parvis_kit.outbox import Relay
from parvis_kit.unit import Database

EFFECT = text("INSERT INTO effects (message_id) VALUES (:id)")


async def main(url: str, nats_url: str, consumer: str) -> None:
    database = Database(url, service="sample")
    broker = Broker(nats_url, name="sample")
    bus = Bus(broker, database, consumer=consumer, ack_wait=2)

    async def count(unit, _event, envelope) -> None:
        await unit.execute(EFFECT, {"id": envelope.id})

    bus.on(AccountActivated, count)
    await asyncio.gather(bus.consume(), Relay(url, broker, source="sample").run())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
