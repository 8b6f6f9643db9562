"""One NATS connection per process, its stream, and two ways to hear from it that survive a server's restart.

The client library loses pull requests that were open when the server went away (nats.py #504) and knows nothing of a
consumer that vanished, so `Puller` and `Feed` watch heartbeats themselves and ask again.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import api
from nats.js.errors import APIError, NotFoundError

from parvis_watch.jobs import heed_the_end
from parvis_watch.papers import Address
from parvis_watch.queue import waited

if TYPE_CHECKING:
    from nats.aio.subscription import Subscription

STREAM = "PARVIS"
SUBJECTS = "parvis.>"
RETENTION = timedelta(days=30)
PUBLISH_TIMEOUT = 3.0  # s

_DUPLICATES = 300.0  # s
_EXPIRES = 30.0  # s that a pull request stays open
_HEARTBEAT = 0.5  # s
_SILENCE = 2.5 * _HEARTBEAT  # after this, the request or consumer is taken for lost
_TICK = 0.2  # s
_STATUS = "Status"
_log = structlog.get_logger(__name__)


class Broker:
    """The connection: made when first needed, for ever repaired. `replicas` is 3 in a cluster."""

    def __init__(self, url: Address | str, *, name: str, replicas: int = 1) -> None:
        self._address = Address.of(url)
        self.name = name
        self._replicas = replicas
        self._client: Client | None = None
        self._lock = asyncio.Lock()
        self._lost: asyncio.Future[None] | None = None
        #: Whether the server was there once: from then on what needs it waits, and whoever does not works on.
        self.reached = False
        self.listeners: list[Callable[[], None]] = []  # told when a connection is back

    @property
    def connected(self) -> bool:
        """Whether the server is there now."""
        return self._client is not None and self._client.is_connected

    async def client(self) -> Client:
        """The client once it is connected and the stream exists; waits as long as that takes."""
        while True:
            heed_the_end()
            if self._client is not None and self._client.is_connected and self._lost is not None:
                return self._client
            async with self._lock:
                try:
                    await self._connect()
                except (nats.errors.Error, APIError, OSError, TimeoutError) as error:
                    _log.debug("broker_unreachable", error=error)
                    await asyncio.sleep(_TICK)

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str]) -> None:
        """Stored by JetStream when this returns; raises what NATS says otherwise."""
        client = await self.client()
        try:
            reply = await client.request(subject, payload, timeout=PUBLISH_TIMEOUT, headers=headers)
        except nats.errors.NoRespondersError:
            self.doubt()
            raise
        if '"error"' in (answer := reply.data.decode()):
            raise APIError.from_error(json.loads(answer)["error"])

    def doubt(self) -> None:
        """The connection is over, or the stream is gone: whoever asks for the client next has both made sure of."""
        if self._lost is not None and not self._lost.done():
            self._lost.set_result(None)
        self._lost = None

    def lost(self) -> "asyncio.Future[None]":
        """Done when the connection of this moment ends: what waits for an answer need not wait for its timeout."""
        if self._lost is not None:
            return self._lost
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        over.set_result(None)
        return over

    async def stream(self) -> dict[str, Any]:
        """What the server says of the stream. Raises what it says where there is none."""
        reply = await (await self.client()).request(f"$JS.API.STREAM.INFO.{STREAM}", timeout=2)
        told: dict[str, Any] = json.loads(reply.data)
        if "error" in told:
            self.doubt()
            raise APIError.from_error(told["error"])
        return told

    async def made(self) -> tuple[str, timedelta]:
        """Which stream there is, by when it was made, and how old it is: both by the server's clock."""
        told = await self.stream()
        return told["created"], datetime.fromisoformat(told["ts"]) - datetime.fromisoformat(told["created"])

    async def close(self) -> None:
        """Sends what is buffered, then hangs up."""
        if self._client is not None and not self._client.is_closed:
            try:
                async with asyncio.timeout(5):
                    await self._client.drain()
            except (nats.errors.Error, OSError, TimeoutError):
                await self._client.close()

    async def _connect(self) -> None:
        if self._client is None or self._client.is_closed:
            client = Client()
            await client.connect(
                self._address.url.split(","),  # several servers of one cluster, each with the same credentials
                name=self.name,
                inbox_prefix=f"_INBOX.{self.name.replace('-', '.')}",  # what a user may hear names its service
                max_reconnect_attempts=-1,
                reconnect_time_wait=_TICK,  # type: ignore[arg-type] # it sleeps that long, in seconds
                ping_interval=10,
                error_cb=_ignore,
                disconnected_cb=self._on_lost,
                reconnected_cb=self._on_back,
                **self._address.credentials(),
            )
            self._client, self.reached = client, True
            await self._on_back()
        elif not self._client.is_connected:
            await asyncio.sleep(_TICK)
            return
        await self._ensure_stream(self._client)
        self._lost = asyncio.get_running_loop().create_future()

    async def _on_lost(self) -> None:
        self.doubt()

    async def _on_back(self) -> None:
        for listener in self.listeners:
            listener()

    async def _ensure_stream(self, client: Client) -> None:
        """Makes the stream where there is none (a new broker, or one that lost its disk), or on fewer servers."""
        manager = client.jsm(timeout=2)
        try:
            config = (await manager.stream_info(STREAM)).config
            if (config.num_replicas or 1) < self._replicas:
                await manager.update_stream(config, num_replicas=self._replicas)
        except NotFoundError:
            await manager.add_stream(
                name=STREAM,
                subjects=[SUBJECTS],
                storage=api.StorageType.FILE,
                retention=api.RetentionPolicy.LIMITS,
                duplicate_window=_DUPLICATES,
                max_age=RETENTION.total_seconds(),
                num_replicas=self._replicas,
                allow_msg_ttl=True,
                allow_direct=True,
            )


async def _ignore(error: Exception) -> None:
    (_log.error if "permissions violation" in str(error).lower() else _log.debug)("broker_error", error=error)


class _Listening:
    """What a puller and a feed share: an inbox, its subscription, and a loop that notices silence."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._client: Client | None = None
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._heard = 0.0
        self._wake = asyncio.Event()
        broker.listeners.append(self._reset)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._wake.clear()
                client = await self._broker.client()
                try:
                    await self._tick(client)
                except (nats.errors.Error, APIError, OSError, TimeoutError) as error:
                    (_log.warning if isinstance(error, APIError) else _log.debug)("listening_interrupted", error=error)
                    if isinstance(error, NotFoundError):
                        self._broker.doubt()
                    self._reset()
                    self._wake.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK):
                        await self._wake.wait()
        finally:
            self._broker.listeners.remove(self._reset)
            await self._unsubscribe()

    async def _subscribe(self, client: Client, below: str = "") -> None:
        await self._unsubscribe()
        self._client, self._inbox = client, client.new_inbox()
        self._subscription = await client.subscribe(self._inbox + below, cb=self._on_message)

    async def _unsubscribe(self) -> None:
        if self._subscription is not None and self._client is not None and not self._client.is_closed:
            await self._subscription.unsubscribe()
        self._subscription = None

    async def _on_message(self, message: Msg) -> None:
        raise NotImplementedError

    async def _tick(self, client: Client) -> None:
        raise NotImplementedError

    def _reset(self) -> None:
        raise NotImplementedError

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _silent(self) -> bool:
        return self._now() - self._heard > _SILENCE


class Puller(_Listening):
    """Asks a durable consumer for as many messages as `deliver` has room for.

    Its name is `name` with a mark of its subjects: a release that listens to more, or to less, has a consumer of its
    own, which brings all that the stream keeps (what was handled is in the inbox), and the releases before and after
    it work side by side. The server forgets a consumer that nobody has asked for as long as the stream keeps messages.

    `room()` says how many more may come now; call `wake()` when there is room again. What shows no sign of life for
    `ack_wait` seconds is delivered again.
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        subjects: Sequence[str],
        deliver: Callable[[Msg], None],
        room: Callable[[], int],
        ack_wait: float,
    ) -> None:
        super().__init__(broker)
        self._ack_wait = ack_wait
        self._subjects = sorted(subjects)
        self._durable = f"{name}-{hashlib.sha256(' '.join(self._subjects).encode()).hexdigest()[:8]}"
        self._deliver = deliver
        self._room = room
        self._ready = False
        self._open = 0  # messages that the request now open may still bring
        self._request = 0

    def wake(self) -> None:
        """There is room again."""
        if self._open <= 0:
            self._wake.set()

    async def stands(self) -> api.ConsumerInfo:
        """How far the consumer is."""
        manager = (await self._broker.client()).jsm(timeout=2)
        found: api.ConsumerInfo = await manager.consumer_info(STREAM, self._durable)
        return found

    async def waits(self, found: api.ConsumerInfo) -> float:
        """How long the oldest event has waited that the consumer has not been given, in seconds."""
        return await waited(await self._broker.client(), found, self._broker.name, self._subjects)

    async def _tick(self, client: Client) -> None:
        if client is not self._client:
            await self._subscribe(client, ".*")
        if self._open > 0 and self._silent():
            self._open, self._ready = 0, False
        if not self._ready:
            await self._ensure_consumer(client)
            self._ready = True
        if self._open <= 0 and (room := self._room()) > 0:
            self._request += 1
            self._open, self._heard = room, self._now()
            wanted = {"batch": room, "expires": int(_EXPIRES * 1e9), "idle_heartbeat": int(_HEARTBEAT * 1e9)}
            await client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{self._durable}",
                json.dumps(wanted).encode(),
                reply=f"{self._inbox}.{self._request}",
            )

    async def _on_message(self, message: Msg) -> None:
        self._heard = self._now()
        status = (message.headers or {}).get(_STATUS)
        if not status:
            self._open -= 1
            self._deliver(message)
        elif status == "100" or message.subject != f"{self._inbox}.{self._request}":
            return  # a heartbeat, or the end of a request that was given up
        else:
            self._open = 0
            if status not in ("404", "408"):  # neither empty nor expired: the consumer may be gone
                self._ready = False
                await asyncio.sleep(_TICK / 4)
        if self._open <= 0:
            self._wake.set()

    def _reset(self) -> None:
        self._open, self._ready = 0, False
        self._wake.set()

    async def _ensure_consumer(self, client: Client) -> None:
        config = api.ConsumerConfig(
            durable_name=self._durable,
            filter_subjects=self._subjects,
            ack_policy=api.AckPolicy.EXPLICIT,
            ack_wait=self._ack_wait,
            max_deliver=-1,  # the bus counts failures itself: an outage of a neighbour is none
            max_ack_pending=2000,  # messages that wait for their next attempt count too
            inactive_threshold=RETENTION.total_seconds(),
        )
        await client.jsm(timeout=2).add_consumer(STREAM, config)


class Feed(_Listening):
    """Everything on `subjects` since `replay` ago, in order, to every process that listens; nothing is acknowledged.

    After an interruption it goes on at the time of the last message, which therefore may come twice.
    """

    def __init__(
        self, broker: Broker, subjects: Sequence[str], deliver: Callable[[Msg], Any], replay: timedelta
    ) -> None:
        super().__init__(broker)
        self._subjects = sorted(subjects)
        self._deliver = deliver
        self._since = datetime.now(UTC) - replay
        self._live = False
        self._received = 0

    async def _tick(self, client: Client) -> None:
        if self._live and client is self._client and not self._silent():
            return
        await self._subscribe(client)  # an inbox of its own: without listener, the consumer before this one ends
        self._received = 0
        config = api.ConsumerConfig(
            name=f"{self._broker.name}-feed-{uuid4().hex}",
            deliver_subject=self._inbox,
            deliver_policy=api.DeliverPolicy.BY_START_TIME,
            opt_start_time=self._since,
            filter_subjects=self._subjects,
            ack_policy=api.AckPolicy.NONE,
            max_deliver=1,
            mem_storage=True,
            num_replicas=1,
            idle_heartbeat=_HEARTBEAT,
            inactive_threshold=30.0,
        )
        await client.jsm(timeout=2).add_consumer(STREAM, config)
        self._live, self._heard = True, self._now()

    async def _on_message(self, message: Msg) -> None:
        found = message.headers or {}
        if found.get(_STATUS):
            self._heard = self._now()
            if int(found.get("Nats-Last-Consumer") or 0) > self._received:
                self._reset()  # the server sent more than came
            return
        sequence = message.metadata.sequence.consumer
        if sequence != self._received + 1:
            if sequence > self._received:
                self._reset()
            return
        self._heard, self._received = self._now(), sequence
        await self._deliver(message)
        # A time, not a sequence: a broker that lost its disk starts counting anew.
        self._since = message.metadata.timestamp - timedelta(milliseconds=1)

    def _reset(self) -> None:
        self._live = False
        self._wake.set()
