"""Events leave through a row of the transaction that they tell about; the relay publishes rows and marks them sent.

A claim is a transaction that locks unsent rows (`FOR UPDATE SKIP LOCKED`): the lock is the lease, and it ends with the
relay that holds it. Rows are found by being unsent, never by a position, so a transaction that commits late loses
nothing. A row that was published but not marked is published again under the same message id. So is what a broker has
lost (`parvis_watch.refill`).
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from parvis_kit import envelope
from parvis_kit.ids import uuid7
from parvis_kit.postgres import first_id_at, keep_connected
from parvis_watch import jobs
from parvis_watch.metrics import PUBLISHED
from parvis_watch.refill import KEPT, Refill
from parvis_watch.traces import carried, edge

if TYPE_CHECKING:
    import asyncpg
    from google.protobuf.message import Message

    from parvis_kit.broker import Broker
    from parvis_watch.papers import Address

INBOX_KEPT = timedelta(days=70)  # longer than what is sent again on its last day stays in the stream
LARGEST = 512 * 1024  # bytes; half of what NATS takes: an event says what happened, it carries no file

_BATCH = 256
_POLL = 1.0  # s; what a lost NOTIFY costs
_HEARTBEAT = 5.0  # s
_PRUNE_EVERY = 3600.0  # s
_PRUNE_BATCH = 5000

_APPEND = """
INSERT INTO outbox (id, subject, payload, headers, organisation_id, aggregate_id, version)
VALUES ($1, $2, $3, $4, $5, $6, $7)"""
_CLAIM = """
SELECT id, subject, payload, headers, organisation_id, aggregate_id, version, created_at
FROM outbox WHERE sent_at IS NULL ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED"""


def row(
    event: "Message",
    *,
    organisation_id: UUID | None,
    aggregate_id: UUID,
    version: int = 0,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The outbox row of an event, with the trace context of what is done now. ValueError above 512 KiB."""
    payload = event.SerializeToString()
    if len(payload) > LARGEST:
        raise ValueError(f"{envelope.subject_of(event)} has {len(payload)} bytes: an event carries {LARGEST} at most.")
    return {
        "id": uuid7(),
        "subject": envelope.subject_of(event),
        "payload": payload,
        "headers": json.dumps(dict(headers or carried())),
        "organisation_id": organisation_id,
        "aggregate_id": aggregate_id,
        "version": version,
    }


async def append(connection: "asyncpg.Connection", rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows in the connection's transaction: they are published after it commits, and only then."""
    await connection.executemany(_APPEND, [tuple(each.values()) for each in rows])


class Relay:
    """Publishes the outbox of one service's database, in as many replicas as there are.

    `heartbeat`, an event without content, is published every five seconds while nothing older waits: whoever hears it
    has heard everything that committed before it. It passes beside the outbox and lives one minute in the stream.
    """

    def __init__(
        self, url: "Address | str", broker: "Broker", *, source: str, heartbeat: "Message | None" = None
    ) -> None:
        self._url = url
        self._broker = broker
        self._source = source
        self._heartbeat = heartbeat
        self._wake = asyncio.Event()
        self._beaten = self._pruned = 0.0
        self._refill = Refill(broker.made)

    async def run(self) -> None:
        """Until cancelled. Survives restarts of PostgreSQL and NATS."""
        await keep_connected(self._url, f"parvis-relay-{self._source}", self._work)

    async def _work(self, connection: "asyncpg.Connection") -> None:
        def wake(*_arguments: object) -> None:
            self._wake.set()

        await connection.add_listener("parvis_outbox", wake)
        connection.add_termination_listener(wake)
        while True:
            await self._broker.client()  # nothing is claimed while there is nobody to tell
            await self._refill.look(connection, self._broker.lost(), asyncio.get_running_loop().time())
            self._wake.clear()
            if await self._publish_batch(connection) == _BATCH:
                continue
            await self._beat()
            await self._prune(connection)
            with suppress(TimeoutError):
                async with asyncio.timeout(_POLL):
                    await self._wake.wait()

    async def _publish_batch(self, connection: "asyncpg.Connection") -> int:
        """Returns how many rows were claimed; raises the first failure after marking what did get through."""
        lost = self._broker.lost()
        async with connection.transaction():
            rows = await connection.fetch(_CLAIM, _BATCH)
            if not rows:
                return 0
            publishing = asyncio.gather(*(self._publish(dict(each)) for each in rows), return_exceptions=True)
            waiting: set[asyncio.Future[Any]] = {publishing, lost}
            publishing.add_done_callback(lambda ended: ended.exception())  # nobody may ask for it
            try:
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            finally:  # also where the relay itself is ended: what it began would be published after it
                given_up = publishing.cancel()
            if given_up:
                raise ConnectionError("NATS went away before it acknowledged.")
            results = publishing.result()
            sent = [each["id"] for each, result in zip(rows, results, strict=True) if result is None]
            # Since when it may have been published: the transaction began before that.
            await connection.execute("UPDATE outbox SET sent_at = now() WHERE id = ANY($1)", sent)
        PUBLISHED.inc(len(sent))
        for result in results:
            if result is not None:
                raise result
        return len(rows)

    async def _publish(self, claimed: Mapping[str, Any]) -> None:
        told, subject = envelope.headers(claimed, self._source), claimed["subject"]
        with edge(f"publish {subject}", "PRODUCER", told.get("traceparent", ""), begins=False):
            await self._broker.publish(subject, claimed["payload"], told | carried())

    async def _beat(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._heartbeat is None or now - self._beaten < _HEARTBEAT - _POLL / 2:
            return
        self._beaten = now
        beat = row(self._heartbeat, organisation_id=None, aggregate_id=uuid7(), headers={"Nats-TTL": "60s"})
        await self._publish({**beat, "created_at": datetime.now(UTC)})

    async def _prune(self, connection: "asyncpg.Connection") -> None:
        """Deletes what is past its time, a batch at a time; comes back at once while there is more."""
        now = asyncio.get_running_loop().time()
        if self._pruned and now - self._pruned < _PRUNE_EVERY:
            return
        more = False
        for table, column, kept, condition in (
            ("outbox", "id", KEPT, "AND sent_at IS NOT NULL"),
            ("inbox", "message_id", INBOX_KEPT, ""),
        ):
            before = first_id_at(datetime.now(UTC) - kept)
            done = await connection.execute(
                f"DELETE FROM {table} WHERE {column} IN (SELECT {column} FROM {table} "  # noqa: S608 - constants above
                f"WHERE {column} < $1 {condition} LIMIT $2)",
                before,
                _PRUNE_BATCH,
            )
            more = more or int(done.split()[-1]) >= _PRUNE_BATCH
        if not more:
            self._pruned = now
            jobs.done("prune", _PRUNE_EVERY)
