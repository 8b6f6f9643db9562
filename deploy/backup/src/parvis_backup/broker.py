"""What of the broker matters: how far its consumers were. Events themselves are rows of the outboxes."""

import asyncio
from datetime import UTC, datetime, timedelta

import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import APIError
from nats.js.manager import JetStreamManager

from parvis_backup.problems import BackupError
from parvis_watch.papers import Address

#: As long as outbox rows are kept: more cannot be published again.
KEPT = timedelta(days=30)
#: An id is made before its transaction commits, and by another clock.
MARGIN = timedelta(minutes=5)


async def oldest_unhandled(url: str) -> datetime:
    """When the oldest event was published that some consumer has not acknowledged, less a margin; never in the future.

    Everything of the outboxes is older than that and handled everywhere, or has to be published again. Asked before the
    mark: consumers only get further. Where nobody can say (no broker), as far back as rows are kept.
    """
    now = datetime.now(UTC)
    try:
        async with asyncio.timeout(15):
            client = await _connect(url, 5)
            try:
                manager = client.jsm(timeout=5)
                oldest = [await _oldest(manager, stream.config.name or "") for stream in await manager.streams_info()]
            finally:
                await client.close()
    except (NatsError, APIError, OSError, TimeoutError):
        return now - KEPT
    return max(min([now, *(each for each in oldest if each)]) - MARGIN, now - KEPT)


async def _oldest(manager: JetStreamManager, stream: str) -> datetime | None:
    """When the first message came that a consumer of the stream still waits for or works on."""
    floors, offset = list[int](), 0
    while page := await manager.consumers_info(stream, offset=offset):
        offset += len(page)
        waiting = (each for each in page if each.num_pending or each.num_ack_pending)
        floors += [each.ack_floor.stream_seq if each.ack_floor else 0 for each in waiting]
    if not floors:
        return None
    try:
        message = await manager.get_msg(stream, seq=min(floors) + 1, subject=">", next=True)
    except APIError:  # it has gone meanwhile: all that is left is newer
        return None
    return message.time


async def refuse_unless_empty(url: str) -> None:
    """Raises BackupError where the broker holds events of another life, which services would take for their own."""
    try:
        async with asyncio.timeout(30):
            client = await _connect(url, 10)
            try:
                streams = await client.jsm(timeout=5).streams_info()
            finally:
                await client.close()
    except (NatsError, OSError, TimeoutError) as error:
        raise BackupError(f"The broker cannot be reached ({error}): start it, and restore again.") from error
    if held := sum(stream.state.messages for stream in streams):
        raise BackupError(
            f"The broker holds {held} events: this place is not empty. Restore into a new data folder or new volumes."
        )


async def _connect(url: str, seconds: int) -> Client:
    """One of the servers that the address names, with commas between them."""
    told = Address.of(url).credentials()
    return await nats.connect(url.split(","), allow_reconnect=False, connect_timeout=seconds, **told)
