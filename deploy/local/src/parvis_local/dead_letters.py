"""`./parvis dead-letters`: events that a service gave up after six attempts: why, and what becomes of them.

They wait in the database of the service that could not handle them, until they are delivered again or thrown away.
Both stand in the service's audit trail.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Literal
from uuid import UUID

import asyncpg
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.message import DecodeError
from rich.console import Console

from parvis_kit.broker import Broker
from parvis_kit.bus import ONLY
from parvis_kit.caller import Caller
from parvis_kit.envelope import MESSAGE_ID
from parvis_kit.unit import Database

Act = Literal["list", "show", "replay", "discard"]

_LIST = """
SELECT id, subject, organisation_id, attempts, dead_at, error FROM dead_letters
WHERE id = ANY($1) ORDER BY dead_at, id"""
_IDS = """
SELECT id FROM dead_letters
WHERE dead_at IS NOT NULL AND ($1::uuid[] IS NULL OR id = ANY($1)) ORDER BY dead_at, id"""
_FAILING = "SELECT count(*) FROM dead_letters WHERE dead_at IS NULL AND replayed_at IS NULL"
_SHOW = """
SELECT id, subject, payload, headers, organisation_id, error, attempts, failed_at, dead_at, replayed_at
FROM dead_letters WHERE id = ANY($1::uuid[])"""
#: Counts as handled: it would come again when a broker that lost its disk is fed anew.
_DISCARD = """
WITH gone AS (DELETE FROM dead_letters WHERE dead_at IS NOT NULL AND id = ANY($1::uuid[]) RETURNING id, consumer),
never AS (INSERT INTO inbox (message_id, consumer) SELECT id, consumer FROM gone ON CONFLICT DO NOTHING)
SELECT id FROM gone"""
_DEAD = """
SELECT id, subject, payload, headers FROM dead_letters
WHERE consumer = $1 AND dead_at IS NOT NULL AND ($2::uuid[] IS NULL OR id = ANY($2)) ORDER BY id"""
_REVIVE = """
UPDATE dead_letters SET attempts = 0, dead_at = NULL, replayed_at = now() WHERE id = $1 AND consumer = $2"""
_FIRST = 160
#: Events that a list shows of each service, and that are settled in one go.
_SHOWN = 1000
_PATIENCE = 10.0  # s for the broker


@dataclass(frozen=True)
class Place:
    """The databases of the services that consume events, by name, and the broker."""

    databases: Mapping[str, str]
    nats_url: str

    @classmethod
    def of_secrets(cls, folder: Path) -> "Place":
        """As compose mounts them: `<service>_database_url` and `nats_url`. Raises ValueError where there are none."""
        names = (file.name.removesuffix("_database_url") for file in sorted(folder.glob("*_database_url")))
        urls = {name: (folder / f"{name}_database_url").read_text().strip() for name in names if name != "web"}
        nats = folder / "nats_url"
        if not urls or not nats.is_file():
            raise ValueError(f"{folder} holds no <service>_database_url and nats_url: mount these secrets.")
        return cls(urls, nats.read_text().strip())


def run(
    place: Place,
    act: Act,
    *,
    service: str = "",
    ids: Sequence[str] = (),
    everything: bool = False,
    ask: Callable[[str], str] = input,
) -> int:
    """Does it; the exit status: 0, or 1 where nothing was found or nobody confirmed."""
    if service and service not in place.databases:
        raise ValueError(f"No service {service} has dead letters. Services: {', '.join(place.databases)}.")
    chosen = {service: place.databases[service]} if service else dict(place.databases)
    try:
        wanted = [UUID(each) for each in ids]
    except ValueError as error:
        raise ValueError("An event is named by its number, as `dead-letters list` shows it.") from error
    if act == "list":
        return asyncio.run(_list(chosen, wanted))
    if act == "show" and not wanted:
        raise ValueError("Say which: the numbers of events, as `dead-letters list` shows them.")
    if act == "show":
        return asyncio.run(_show(chosen, wanted))
    if not wanted and not service and not everything:
        raise ValueError(f"Say which: numbers, --service NAME, or --all. Nothing was {_DONE[act]}.")
    if act == "discard" and ask(_WARNING).strip() != "discard":
        print("Nothing was thrown away.")
        return 1
    return asyncio.run(_settle(place, chosen, act, wanted))


_DONE = {"replay": "delivered again", "discard": "thrown away"}
_WARNING = "What these events should have led to will never happen. Type discard to go on: "


async def _list(databases: Mapping[str, str], ids: Sequence[UUID]) -> int:
    """Two lines each, the first with the number that the other commands ask for; no table: a pipe would cut it."""
    console = Console(file=sys.stdout, highlight=False, markup=False, soft_wrap=True)
    found = failing = 0
    for service, url in databases.items():
        async with connected(url) as connection:
            dead = [row["id"] for row in await connection.fetch(_IDS, list(ids) or None)]
            for letter in await connection.fetch(_LIST, dead[:_SHOWN]):
                event, moment = letter["subject"].removeprefix("parvis."), f"{letter['dead_at']:%Y-%m-%d %H:%M} UTC"
                console.print(f"{letter['id']}  {service}  {event}  {moment}, after {letter['attempts']} attempts")
                console.print(f"    {(letter['error'].splitlines() or [''])[0][:_FIRST]}")
            if len(dead) > _SHOWN:
                console.print(f"… and {len(dead) - _SHOWN:,} more of {service}")
            found += len(dead)
            failing += await connection.fetchval(_FAILING)
    if found:
        console.print("Mend the cause, then: dead-letters replay --service NAME, or with their numbers.")
    else:
        console.print("No event was given up.")
    if failing:
        console.print(f"{failing} more failed lately and will be tried again by themselves.")
    return 0


async def _show(databases: Mapping[str, str], ids: Sequence[UUID]) -> int:
    console = Console(file=sys.stdout, highlight=False)
    found = 0
    for service, url in databases.items():
        async with connected(url) as connection:
            for letter in await connection.fetch(_SHOW, list(ids)):
                found += 1
                told = {"service": service, **letter, "content": _content(letter), "error": letter["error"]}
                del told["payload"]
                for name, value in told.items():
                    console.print(f"{name:<16}{value}", markup=False, soft_wrap=True)
                console.print()
    if not found:
        console.print("There is no such event among those that failed.")
    return int(not found)


def _content(letter: "asyncpg.Record") -> str:
    """The event as JSON. It may name people: it is shown to whoever asks for this one, and in no list.

    What cannot be read may be why it was given up: its bytes are shown then.
    """
    package, _, _ = letter["subject"].rpartition(".")
    try:
        import_module(f"{package}.events_pb2")
        descriptor = descriptor_pool.Default().FindMessageTypeByName(letter["subject"])
        event = message_factory.GetMessageClass(descriptor).FromString(letter["payload"])
    except (ImportError, ValueError, KeyError, DecodeError):
        return f"{letter['payload'].hex()} (not one that this release knows)"
    return json_format.MessageToJson(event, indent=None, preserving_proto_field_name=True)


async def _broker_of(place: Place, service: str) -> Broker:
    """The broker, connected: what is delivered again must not wait for it. Raises ValueError."""
    broker = Broker(place.nats_url, name=f"parvis-{service}-replay")
    try:
        async with asyncio.timeout(_PATIENCE):
            await broker.client()
    except TimeoutError as error:
        raise ValueError(
            f"NATS at {place.nats_url.rpartition('@')[2]} cannot be reached: nothing was delivered again. Start it, "
            "then again."
        ) from error
    return broker


async def _settle(place: Place, databases: Mapping[str, str], act: Act, ids: Sequence[UUID]) -> int:
    done = 0
    for service, url in databases.items():
        async with connected(url) as connection:
            letters = [row["id"] for row in await connection.fetch(_IDS, list(ids) or None)]
        settled = 0
        for begin in range(0, len(letters), _SHOWN):
            settled += await _BATCHES[act](place, service, url, letters[begin : begin + _SHOWN])
        if letters:
            print(f"{service}: {settled} {_DONE[act]}.")
        done += settled
    if not done:
        print(f"Nothing was {_DONE[act]}: there is no such event.")
    return int(not done)


async def _replay(place: Place, service: str, url: str, letters: Sequence[UUID]) -> int:
    """Publishes them again and records which: also of a broker that goes in the middle. Raises ValueError then."""
    broker = await _broker_of(place, service)
    try:
        await replay_dead_letters(url, broker, service, letters)
    except Exception as error:
        gone = await _record(service, url, "replay", await _no_longer_dead(url, letters))
        raise ValueError(
            f"NATS did not take them all ({error}). {service}: {gone} delivered again, the others are where they were: "
            "once NATS is well, again."
        ) from error
    return await _record(service, url, "replay", letters)


async def replay_dead_letters(url: str, broker: Broker, consumer: str, only: Sequence[object] | None = None) -> int:
    """Delivers the dead letters of `consumer` to it again (`only` these), with all attempts anew. Returns how many.

    `url` is the service's database. The letters go through the stream; other consumers leave them alone. The broker
    is closed at the end.
    """
    connection = await asyncpg.connect(url)
    try:
        letters = await connection.fetch(_DEAD, consumer, only)
        for letter in letters:
            stamp = f"{letter['id']}.{consumer}.{datetime.now(UTC).timestamp()}"
            headers = {**json.loads(letter["headers"]), MESSAGE_ID: stamp, ONLY: consumer}
            # Marked first: the other way round, a quick success would be followed by a mark on nothing. Together: what
            # could not be published stays a dead letter.
            async with connection.transaction():
                await connection.execute(_REVIVE, letter["id"], consumer)
                await broker.publish(letter["subject"], letter["payload"], headers)
    finally:
        await connection.close()
        await broker.close()
    return len(letters)


async def _no_longer_dead(url: str, letters: Sequence[UUID]) -> list[UUID]:
    async with connected(url) as connection:
        dead = {row["id"] for row in await connection.fetch(_IDS, list(letters))}
    return [each for each in letters if each not in dead]


async def _discard(place: Place, service: str, url: str, letters: Sequence[UUID]) -> int:
    del place  # nobody is told
    return await _record(service, url, "discard", letters)


async def _record(service: str, url: str, act: str, letters: Sequence[UUID]) -> int:
    """One transaction: what is thrown away goes with the line about it."""
    database = Database(url, service=service, pool=1)
    try:
        async with database.begin(Caller(service)) as unit:
            if act == "discard":
                letters = [row["id"] for row in await unit.fetch(_DISCARD, list(letters))]
            for letter in letters:
                unit.record(f"dead_letter.{act}ed", target_kind="event", target_id=letter)
    finally:
        await database.close()
    return len(letters)


_BATCHES: Mapping[str, Callable[[Place, str, str, Sequence[UUID]], Awaitable[int]]] = {
    "replay": _replay,
    "discard": _discard,
}


class connected:  # noqa: N801 - reads as a verb
    """A connection for the length of a block."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> asyncpg.Connection:
        try:
            self._connection = await asyncpg.connect(self._url, timeout=5)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            place = self._url.rpartition("@")[2]
            raise ValueError(
                f"PostgreSQL at {place} does not let us in: {str(error) or type(error).__name__}. Nothing was done; "
                "./parvis doctor says what is wrong."
            ) from error
        return self._connection

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()
