"""What a broker has lost is sent again, out of the outbox: by itself where the stream is a new one, else on command.

A row whose transaction of publishing began before the stream of now was made went into a stream that is gone, or may
have: it is sent again. Since it is told by the rows alone, any replica may find it, at any time, and what one of them
left half done the next one finishes; what was sent again is younger than the stream, so nobody finds it twice. Inboxes
absorb what had been handled.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import asyncpg
import structlog

from parvis_watch.metrics import STREAM_LOST

if TYPE_CHECKING:
    from argparse import ArgumentParser

#: As long as outboxes keep what they sent, and the stream what it was told.
KEPT = timedelta(days=30)

#: Header of a row that is sent again on command: NATS takes for a double what it was told within five minutes, also
#: where it was emptied since.
AGAIN = "parvis-again"

_EVERY = 5.0  # s between two questions whether the stream is the same one
_BATCH = 5000
#: A page of all rows, and not of those that are found: nothing is found as a rule, in millions of rows. Only rows whose
#: effects inboxes still remember for sure: they know a message by the time in its id.
_AGAIN = """
WITH page AS (SELECT id FROM outbox WHERE id > $1 ORDER BY id LIMIT $3), lost AS (
    UPDATE outbox SET sent_at = NULL FROM page WHERE outbox.id = page.id AND outbox.sent_at < $2 RETURNING outbox.id
)
SELECT (SELECT id FROM page ORDER BY id DESC LIMIT 1) AS last, (SELECT count(*) FROM lost) AS count"""
#: What failed once and waited in the stream for its next attempt. Its event comes again with its outbox's other rows;
#: where these are gone, and it is tried again on command alone, an operator has to see it.
_WAITED = """
UPDATE dead_letters SET dead_at = clock_timestamp()
WHERE dead_at IS NULL AND id < $1 AND greatest(failed_at, replayed_at) < $2"""
_REPLAY = f"""
UPDATE outbox SET sent_at = NULL,
    headers = headers || jsonb_build_object('{AGAIN}', '.' || extract(epoch FROM clock_timestamp())::text)
WHERE sent_at >= $1"""  # noqa: S608 - a constant
#: A transaction that publishes, which holds its rows, may mark them as sent into what is gone: it is waited for.
_CLAIMED = "SELECT FROM outbox WHERE sent_at IS NULL FOR UPDATE"

_log = structlog.get_logger(__name__)


class Refill:
    """Of one relay. `ask` tells which stream there is (when it was made, in the broker's words), and how old it is."""

    def __init__(self, ask: Callable[[], Awaitable[tuple[str, timedelta]]]) -> None:
        self._ask = ask
        self._known = ""
        self._link: object = None
        self._asked = 0.0

    async def look(self, connection: asyncpg.Connection, link: object, now: float) -> None:
        """Unsends what another stream was told, once per stream. `link` is the connection to the broker, `now` a time
        in seconds: over a new connection it is asked at once.
        """
        if link is self._link and now - self._asked < _EVERY:
            return
        made, age = await self._ask()
        if made != self._known:
            # By the age, not the moment: the clocks of the broker and of the database may differ.
            since = await connection.fetchval("SELECT clock_timestamp() - $1::interval", age)
            if age < KEPT and (lost := await _unsend(connection, since)):
                STREAM_LOST.set_to_current_time()
                _log.warning("broker_lost_events", stream_made=made, sent_again=lost)
            self._known = made
        self._link, self._asked = link, now


async def _unsend(connection: asyncpg.Connection, made: datetime) -> int:
    last = oldest = _first_id_at(datetime.now(UTC) - KEPT)
    count = 0
    while (found := await connection.fetchrow(_AGAIN, last, made, _BATCH)) and found["last"]:
        last, count = found["last"], count + found["count"]
    await connection.execute(_WAITED, oldest, made)
    return count


async def replay(connection: asyncpg.Connection, since: datetime) -> int:
    """Marks the rows that were sent `since` and later unsent, after a broker lost them; inboxes absorb what was not
    lost. How long a row had waited before makes no difference.
    """
    await connection.execute(_CLAIMED)
    # By the database's clock, before publishing: ids are made by the clock of whoever made them.
    return int((await connection.execute(_REPLAY, since)).split()[-1])


async def command(url: str, since: datetime) -> int:
    """`replay-events`: the events of a service's database are sent again, by its relays. Says how many."""
    connection = await asyncpg.connect(url)
    try:
        _log.info("events_sent_again", count=await replay(connection, since), since=since)
    finally:
        await connection.close()
    return 0


def add_since(parser: "ArgumentParser") -> None:
    """The argument of `replay-events`."""
    says = "events that were sent from this moment on (2026-11-23T08:00, in UTC without zone; default 30 days ago)"
    parser.add_argument("--since", type=moment, default=None, help=says)


def moment(text: str) -> datetime:
    """A date, or a date and a time. ValueError for anything else."""
    told = datetime.fromisoformat(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def told(since: datetime | None) -> datetime:
    """The moment that somebody said, or as far back as rows are kept."""
    return since or datetime.now(UTC) - KEPT


def _first_id_at(instant: datetime) -> UUID:
    return UUID(int=int(instant.timestamp() * 1000) << 80)
