"""Events of other services, each with exactly one effect here.

A handler of `on` runs in one transaction together with the inbox row of its message; the acknowledgement follows the
commit. Order is not assumed: a projection compares versions. A failure goes three ways:

* `Retry`: the handler says when it wants the message again;
* something it needs is down (ServiceError of kind UNAVAILABLE, a lost connection, a deadlock): again within 10 s, for
  as long as it takes;
* anything else: again after 5 s, 30 s, 2 min, 10 min and 1 h, then it stays in `dead_letters` until a
  command replays it.
"""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

import nats.errors
import structlog
from google.protobuf.message import Message
from nats.js.errors import NotFoundError
from sqlalchemy import exc as sql_errors

from parvis_kit.broker import Broker, Feed, Puller
from parvis_kit.caller import Acting, Caller, acting_as
from parvis_kit.envelope import MESSAGE_ID, Envelope, open_envelope, subject_of
from parvis_kit.errors import Kind, ServiceError
from parvis_watch.metrics import EVENT_SECONDS, EVENTS, EVENTS_AGAIN, QUEUE_AGE, QUEUE_LAG, QUEUE_OPEN, STREAM_BYTES
from parvis_watch.traces import edge
from parvis_watch.words import said

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from nats.aio.msg import Msg

    from parvis_kit.unit import Database, UnitOfWork

__all__ = ["Bus", "Delivery", "Envelope", "Retry", "is_transient"]

BACK_OFF = (5.0, 30.0, 120.0, 600.0, 3600.0)  # s; one attempt more than pauses
GRACE = 8.0  # s that running handlers and requests get when the process stops
QUICK = (1.0, 2.0, 5.0, 10.0)  # s; the last one for ever
ONLY = "parvis-only"  # header of a replayed message: the one consumer that it is for

_log = structlog.get_logger(__name__)
_Event = TypeVar("_Event", bound=Message)
_Run = Callable[[Envelope, bytes], Awaitable[None]]

#: Nothing that failed before is left: also where it was handled already, and where a new stream counts from one.
_ENTER = """
WITH forgotten AS (DELETE FROM dead_letters WHERE id = $1 AND consumer = $2)
INSERT INTO inbox (message_id, consumer) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING message_id"""
_HANDLED = "SELECT FROM inbox WHERE message_id = $1 AND consumer = $2"
_FAIL = """
INSERT INTO dead_letters (id, consumer, subject, payload, headers, organisation_id, error, attempts)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1)
ON CONFLICT (id, consumer) DO UPDATE SET
    error = excluded.error, attempts = dead_letters.attempts + 1, failed_at = now(),
    dead_at = CASE WHEN dead_letters.attempts + 1 > $8 THEN now() END
RETURNING attempts"""


class Retry(Exception):
    """Raised by a handler that wants its message again in `after_seconds`; its transaction is undone."""

    def __init__(self, after_seconds: float) -> None:
        super().__init__(f"again in {after_seconds} s")
        self.after_seconds = after_seconds


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message whose handling takes several transactions: each step commits what it did before the next begins.

    A redelivery starts at the first step again: handlers read what the earlier attempt recorded.
    """

    envelope: Envelope
    _bus: "Bus"

    def begin(self) -> "AbstractAsyncContextManager[UnitOfWork]":
        """One transaction, set to the event's organisation."""
        return self._bus.begin(self.envelope)

    async def finish(self, unit: "UnitOfWork") -> None:
        """Marks the message handled in this transaction, the last one."""
        await self._bus.enter(unit, self.envelope)


class Bus:
    """The consumer of one service: its handlers, its durable consumer, and what it hears by broadcast.

    `concurrency` bounds the handlers that run at once in this process.
    """

    def __init__(
        self,
        broker: Broker,
        database: "Database",
        *,
        consumer: str,
        concurrency: int = 8,
        back_off: Sequence[float] = BACK_OFF,
        ack_wait: float = 30.0,
    ) -> None:
        self._back_off = back_off
        self._ack_wait = ack_wait
        self.broker = broker
        self.name = consumer
        self._database = database
        self._caller = Caller(service=consumer)
        self.concurrency = concurrency
        self._handlers: dict[str, _Run] = {}
        self._hearers: dict[str, list[_Run]] = {}
        self._replay = timedelta(0)
        self._in_flight: dict[asyncio.Task[None], Msg] = {}
        self._puller: Puller | None = None

    def on(
        self, event_class: type[_Event], handler: "Callable[[UnitOfWork, _Event, Envelope], Awaitable[None]]"
    ) -> None:
        """Calls `handler(unit, event, envelope)` once for each event, in the transaction that remembers it."""

        async def run(envelope: Envelope, payload: bytes) -> None:
            event = event_class.FromString(payload)
            async with self.begin(envelope) as unit:
                if await self.enter(unit, envelope):
                    await handler(unit, event, envelope)

        self._register(event_class, run)

    def on_steps(self, event_class: type[_Event], handler: Callable[[Delivery, _Event], Awaitable[None]]) -> None:
        """Calls `handler(delivery, event)`, which opens its own transactions and finishes in the last one.

        A handler that returns without `finish` has finished.
        """

        async def run(envelope: Envelope, payload: bytes) -> None:
            event = event_class.FromString(payload)
            async with self.begin(envelope) as unit:
                if await unit.fetch(_HANDLED, envelope.id, self.name):
                    await self.enter(unit, envelope)
                    return
            delivery = Delivery(envelope, self)
            await handler(delivery, event)
            async with self.begin(envelope) as unit:
                await self.enter(unit, envelope)

        self._register(event_class, run)

    def broadcast(
        self,
        event_class: type[_Event],
        handler: Callable[[_Event, Envelope], Awaitable[None] | None],
        *,
        replay: timedelta = timedelta(0),
    ) -> None:
        """Calls `handler(event, envelope)` in every process, without trace: for caches and revocations.

        Events come in order, from `replay` before the start on; after an interruption some may come twice.
        """
        since = datetime.now(UTC) - replay - timedelta(seconds=5)
        self._replay = max(self._replay, replay)

        async def hear(envelope: Envelope, payload: bytes) -> None:
            if envelope.time >= since:
                result = handler(event_class.FromString(payload), envelope)
                if inspect.isawaitable(result):
                    await result

        self._hearers.setdefault(subject_of(event_class), []).append(hear)

    async def listen(self) -> None:
        """Hears broadcasts, until cancelled."""
        if self._hearers:
            await Feed(self.broker, list(self._hearers), self._hear, self._replay).run()
        await asyncio.Event().wait()

    async def consume(self) -> None:
        """Handles events, until cancelled: then takes no more, and gives back what does not end within `GRACE`."""
        working = [asyncio.create_task(self._stay_alive())]
        if self._handlers:
            working.append(asyncio.create_task(self._consumer().run()))
        try:
            await asyncio.gather(*working)
        finally:
            for task in working:
                task.cancel()
            await asyncio.gather(*working, return_exceptions=True)
            if self._in_flight:
                _, late = await asyncio.wait(list(self._in_flight), timeout=GRACE)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)

    def begin(self, envelope: Envelope) -> "AbstractAsyncContextManager[UnitOfWork]":
        """A transaction in the service's own name, for the event's organisation."""
        return self._database.begin(self._caller, organisation_id=envelope.organisation_id)

    async def enter(self, unit: "UnitOfWork", envelope: Envelope) -> bool:
        """Remembers the message in the unit's transaction; False when it was handled before."""
        return bool(await unit.fetch(_ENTER, envelope.id, self.name))

    async def probe(self) -> None:
        """Says how far the service's consumer is behind the stream, whoever of its processes works it. Raises while the
        broker cannot be reached.
        """
        if self._handlers:
            with suppress(NotFoundError):  # no worker has come as far yet: `parvis_works` says where none runs
                found = await self._consumer().stands()
                QUEUE_LAG.set(found.num_pending or 0)
                QUEUE_OPEN.set(found.num_ack_pending or 0)
                QUEUE_AGE.set(await self._consumer().waits(found))
        STREAM_BYTES.set((await self.broker.stream())["state"]["bytes"])

    def _register(self, event_class: type[_Event], run: _Run) -> None:
        subject = subject_of(event_class)
        if subject in self._handlers:
            raise ValueError(f"{subject} has a handler already: one consumer, one effect.")
        self._handlers[subject] = run

    def room(self) -> int:
        """How many handlers more may run."""
        return self.concurrency - len(self._in_flight)

    def _consumer(self) -> Puller:
        if self._puller is None:
            self._puller = Puller(
                self.broker, self.name, list(self._handlers), self._receive, self.room, self._ack_wait
            )
        return self._puller

    def _receive(self, message: "Msg") -> None:
        task = asyncio.create_task(self._handle(message))
        self._in_flight[task] = message
        task.add_done_callback(self._settled)

    def _settled(self, task: "asyncio.Task[None]") -> None:
        del self._in_flight[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("message_not_settled", error=error)  # it comes again
        self._consumer().wake()

    async def _handle(self, message: "Msg") -> None:
        try:
            envelope = open_envelope(message)
        except (KeyError, ValueError) as error:
            _log.error("message_is_no_event", subject=message.subject, error=error)
            await message.term()
            return
        if envelope.delivered > 1:
            EVENTS_AGAIN.labels(envelope.subject).inc()
        if envelope.headers.get(ONLY, self.name) != self.name:
            await message.ack()
            return
        with structlog.contextvars.bound_contextvars(message_id=str(envelope.id), subject=envelope.subject):
            try:
                acts = acting_as(Acting(organisation_id=envelope.organisation_id))
                trace = edge(f"process {envelope.subject}", "CONSUMER", envelope.headers.get("traceparent", ""))
                with acts, trace, EVENT_SECONDS.labels(envelope.subject).time():
                    await self._handlers[envelope.subject](envelope, message.data)
            except asyncio.CancelledError:
                await message.nak()
                raise
            except Retry as again:
                await message.nak(again.after_seconds)
            except Exception as error:  # noqa: BLE001 - whatever it was, the message must not be lost
                await self._fail(message, envelope, error)
            else:
                await message.ack()
                EVENTS.labels(envelope.subject, "done").inc()

    async def _fail(self, message: "Msg", envelope: Envelope, error: Exception) -> None:
        quick = QUICK[min(envelope.delivered, len(QUICK)) - 1]
        if is_transient(error):
            EVENTS.labels(envelope.subject, "waits").inc()
            _log.warning("event_waits", error=error, retry_in=quick)
            await message.nak(quick)
            return
        headers = json.dumps({name: each for name, each in envelope.headers.items() if name not in (MESSAGE_ID, ONLY)})
        told = (envelope.id, self.name, envelope.subject, message.data, headers, envelope.organisation_id)
        try:
            async with self._database.begin(self._caller) as unit:
                [letter] = await unit.fetch(_FAIL, *told, said(error), len(self._back_off))
        except Exception as trouble:  # noqa: BLE001 - the database is away: the message comes again
            _log.warning("event_waits", error=repr(trouble), retry_in=quick)
            await message.nak(quick)
            return
        attempts: int = letter["attempts"]
        dead = attempts > len(self._back_off)
        EVENTS.labels(envelope.subject, "dead" if dead else "failed").inc()
        _log.error("event_dead" if dead else "event_failed", attempts=attempts, exc_info=error)
        if dead:
            await message.ack()
        else:
            await message.nak(self._back_off[attempts - 1])

    async def _hear(self, message: "Msg") -> None:
        for hear in self._hearers.get(message.subject, ()):
            try:
                await hear(open_envelope(message), message.data)
            except Exception as error:  # noqa: BLE001 - one listener's mistake is not another's silence
                _log.error("broadcast_failed", subject=message.subject, exc_info=error)

    async def _stay_alive(self) -> None:
        """Tells JetStream that long handlers still work, so that it does not deliver their message elsewhere."""
        while True:
            await asyncio.sleep(self._ack_wait / 3)
            for message in list(self._in_flight.values()):
                try:
                    await message.in_progress()
                except nats.errors.Error:
                    break


def is_transient(error: BaseException | None) -> bool:
    """Whether trying again soon may work because something was away or in the way, rather than wrong."""
    while error is not None:
        if isinstance(error, ServiceError):
            return error.kind is Kind.UNAVAILABLE
        if isinstance(error, ConnectionError | TimeoutError | sql_errors.TimeoutError) or type(error) is OSError:
            return True
        if getattr(error, "connection_invalidated", False):
            return True
        # Classes of PostgreSQL: connection, deadlock or serialisation, resources, shutdown; and a lock not to be had.
        state = getattr(error, "sqlstate", None) or ""
        if state[:2] in ("08", "40", "53") or state[:3] == "57P" or state == "55P03":
            return True
        error = getattr(error, "orig", None) or error.__cause__
    return False
