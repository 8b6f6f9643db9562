"""The relay loses nothing, whatever is restarted and however late a transaction commits."""

import asyncio
import signal
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import asyncpg
import nats
import nats.js.errors
import pytest
from stage import ME, emit, rows

from parvis.identity.v1.events_pb2 import AccountActivated, RevocationHeartbeat
from parvis_kit import outbox
from parvis_kit.broker import RETENTION, Broker
from parvis_kit.ids import uuid7
from parvis_kit.outbox import Relay
from parvis_kit.testing import eventually, running
from parvis_watch import refill


async def sent(database, ids):
    found = await rows(database, "SELECT count(*) AS n FROM outbox WHERE id = ANY($1) AND sent_at IS NOT NULL", ids)
    return found[0]["n"] == len(ids)


async def stored(nats_url):
    """Message ids that the stream holds, one entry per stored message."""
    client = await nats.connect(nats_url)
    subscription = await client.jetstream().subscribe("parvis.identity.v1.AccountActivated", ordered_consumer=True)
    ids = []
    try:
        while True:
            ids.append((await subscription.next_msg(timeout=0.5)).headers["ce-id"])
    except TimeoutError:
        return ids
    finally:
        await client.close()


async def test_an_event_leaves_after_its_commit_with_its_attributes(database, database_urls, broker, nats_url):
    organisation = uuid7()
    async with running(Relay(database_urls.service, broker, source="sample").run):
        client = await nats.connect(nats_url)
        heard = await client.subscribe("parvis.identity.v1.AccountActivated")
        await client.flush()
        [message_id] = await emit(database, organisation_id=organisation)
        message = await heard.next_msg(timeout=5)
        await client.close()
    assert message.headers["Nats-Msg-Id"] == message.headers["ce-id"] == str(message_id)
    assert message.headers["ce-organisation"] == str(organisation)
    assert message.headers["ce-source"] == "sample"
    assert AccountActivated.FromString(message.data).account_id == "0"


async def test_nothing_leaves_when_the_transaction_is_rolled_back(database):
    with suppress(ZeroDivisionError):
        async with database.begin(ME) as unit:
            message_id = unit.emit(AccountActivated(), aggregate_id=uuid7())
            raise ZeroDivisionError
    assert await rows(database, "SELECT 1 FROM outbox WHERE id = $1", message_id) == []


async def test_a_transaction_that_commits_late_is_published(database, database_urls, broker, nats_url):
    async with running(Relay(database_urls.service, broker, source="sample").run):
        async with database.begin(ME) as unit:
            late = outbox.row(AccountActivated(), organisation_id=None, aggregate_id=uuid7())
            await outbox.append(unit.driver, [late])
            early = await emit(database, 20)  # made later, committed earlier
            await eventually(lambda: sent(database, early))
        await eventually(lambda: sent(database, [late["id"]]))
    assert str(late["id"]) in await stored(nats_url)


async def test_two_relays_publish_each_event_once(database, database_urls, broker, nats_url):
    second = Broker(nats_url, name="relay-test-2")
    works = [Relay(database_urls.service, each, source="sample").run for each in (broker, second)]
    async with running(*works):
        ids = [each for _ in range(20) for each in await emit(database, 20)]
        await eventually(lambda: sent(database, ids))
    await second.close()
    found = [each for each in await stored(nats_url) if each in set(map(str, ids))]
    assert sorted(found) == sorted(map(str, ids))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
async def test_nothing_is_lost_when_nats_goes_away(database, database_urls, broker, nats_server, nats_url, number):
    ids: list = []
    async with running(Relay(database_urls.service, broker, source="sample").run):
        for phase in range(3):
            ids += await emit(database, 200)
            if phase == 0:
                nats_server.kill(number)
            elif phase == 1:
                nats_server.start()
        await eventually(lambda: sent(database, ids))
    found = [each for each in await stored(nats_url) if each in set(map(str, ids))]
    assert sorted(found) == sorted(map(str, ids))


async def test_the_relay_comes_back_after_its_connection_is_cut(database, database_urls, broker):
    async with running(Relay(database_urls.service, broker, source="cut").run):
        await eventually(lambda: relay_connected(database_urls))
        superuser = await asyncpg.connect(database_urls.superuser)
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'parvis-relay-cut'"
        )
        await superuser.close()
        ids = await emit(database, 5)
        await eventually(lambda: sent(database, ids))


async def relay_connected(urls):
    superuser = await asyncpg.connect(urls.superuser)
    found = await superuser.fetch("SELECT 1 FROM pg_stat_activity WHERE application_name = 'parvis-relay-cut'")
    await superuser.close()
    return bool(found)


async def test_what_a_lost_stream_held_is_sent_again_by_itself(database, database_urls, broker, nats_url):
    """Also what left while nobody consumed, and by whichever relay finds it: one that ran, or one that starts."""
    ids = await emit(database, 30)
    await rows(database, "DELETE FROM outbox WHERE NOT id = ANY($1)", ids)  # of other tests
    for replica in range(2):
        async with running(Relay(database_urls.service, broker, source="sample").run):
            await eventually(lambda: leaves(nats_url, ids))
            if replica == 0:
                await lose(nats_url)
                await eventually(lambda: leaves(nats_url, ids))
        await lose(nats_url)  # nobody runs


async def test_what_a_lost_stream_held_is_sent_again_once_by_several_relays(database, database_urls, broker, nats_url):
    second = Broker(nats_url, name="relay-test-2")
    works = [Relay(database_urls.service, each, source="sample").run for each in (broker, second)]
    async with running(*works):
        ids = await emit(database, 300)
        await eventually(lambda: leaves(nats_url, ids))
        await lose(nats_url)
        ids += await emit(database, 300)
        await eventually(lambda: leaves(nats_url, ids))
        await asyncio.sleep(2 * refill._EVERY)
        found = [each for each in await stored(nats_url) if each in set(map(str, ids))]
    await second.close()
    assert sorted(found) == sorted(map(str, ids))


async def test_a_row_that_is_marked_late_was_published_into_the_stream_before(
    database, database_urls, broker, nats_url
):
    """Its relay stood still between the acknowledgement and the mark, and another one had fed the new stream."""
    await broker.client()  # the first stream
    [message_id] = await emit(database)
    relay = await asyncpg.connect(database_urls.service)
    claim = relay.transaction()
    await claim.start()
    await relay.fetch("SELECT FROM outbox WHERE id = $1 FOR UPDATE", message_id)
    await lose(nats_url)
    with suppress(nats.js.errors.NotFoundError):
        await broker.made()
    await broker.made()  # another stream
    await relay.execute("UPDATE outbox SET sent_at = now() WHERE id = $1", message_id)
    await claim.commit()
    await relay.close()

    async with running(Relay(database_urls.service, broker, source="sample").run):
        await eventually(lambda: leaves(nats_url, [message_id]))


async def test_nothing_is_sent_again_where_the_stream_is_the_same(database, database_urls, broker):
    async with running(Relay(database_urls.service, broker, source="sample").run):
        ids = await emit(database, 3)
        await eventually(lambda: sent(database, ids))
    before = await marks(database, ids)
    async with running(Relay(database_urls.service, broker, source="sample").run):
        later = await emit(database)
        await eventually(lambda: sent(database, later))
    assert await marks(database, ids) == before


async def test_what_waited_for_its_next_attempt_is_shown_where_nobody_says_it_again(
    database, database_urls, broker, nats_url
):
    """Revived by an operator, older than outboxes keep; what is younger comes again from its outbox."""
    old, young = outbox.first_id_at(datetime.now(UTC) - timedelta(days=50)), uuid7()
    connection = await asyncpg.connect(database_urls.service)
    for each in (old, young):
        await connection.execute(LETTER, each)
    await broker.client()
    await lose(nats_url)

    async with running(Relay(database_urls.service, broker, source="sample").run):
        await eventually(lambda: rows(database, "SELECT FROM dead_letters WHERE id = $1 AND dead_at IS NOT NULL", old))

    assert await connection.fetchval("SELECT dead_at FROM dead_letters WHERE id = $1", young) is None
    await connection.execute("DELETE FROM dead_letters WHERE id = ANY($1)", [old, young])
    await connection.close()


LETTER = """
INSERT INTO dead_letters (id, consumer, subject, payload, headers, error, attempts, failed_at, replayed_at)
VALUES ($1, 'sample', 'parvis.x.v1.Y', '', '{}', 'Sample', 0, now() - interval '1 hour', now())"""


async def lose(nats_url):
    """As a broker whose disk went: the stream and all that it had acknowledged."""
    client = await nats.connect(nats_url)
    await client.jsm().delete_stream("PARVIS")
    await client.close()


async def leaves(nats_url, ids):
    with suppress(nats.js.errors.NotFoundError):
        return set(map(str, ids)) <= set(await stored(nats_url))
    return False


async def marks(database, ids):
    return await rows(database, "SELECT id, sent_at FROM outbox WHERE id = ANY($1) ORDER BY id", ids)


async def test_an_operator_has_events_sent_again(database, database_urls, broker, nats_url):
    """However long they had waited before they were sent: since when the broker lacks them is what he knows."""
    started = datetime.now(UTC)
    async with running(Relay(database_urls.service, broker, source="sample").run):
        ids = await emit(database, 3)
        await eventually(lambda: sent(database, ids))
        client = await nats.connect(nats_url)
        await client.jsm().purge_stream("PARVIS")
        await client.close()
        connection = await asyncpg.connect(database_urls.service)
        await connection.execute("UPDATE outbox SET created_at = now() - interval '2 days' WHERE id = ANY($1)", ids)
        await connection.close()
        assert await refill.command(database_urls.service, started - timedelta(seconds=1)) == 0
        await eventually(lambda: leaves(nats_url, ids))


async def test_what_a_relay_published_but_has_not_marked_yet_is_replayed_too(database, database_urls, broker):
    """It committed on a disk that stood still while the broker lost the message."""
    started, [message_id] = datetime.now(UTC) - timedelta(seconds=1), await emit(database)
    relay, operator = [await asyncpg.connect(database_urls.service) for _ in range(2)]
    claim = relay.transaction()
    await claim.start()
    await relay.fetch("SELECT FROM outbox WHERE id = $1 FOR UPDATE", message_id)
    replaying = asyncio.create_task(refill.replay(operator, started))
    await asyncio.sleep(0.2)
    await relay.execute("UPDATE outbox SET sent_at = now() WHERE id = $1", message_id)
    await claim.commit()
    assert await replaying >= 1
    assert not await sent(database, [message_id])
    await relay.execute("DELETE FROM outbox WHERE id = $1", message_id)
    for connection in (relay, operator):
        await connection.close()


async def test_whose_clock_is_far_behind_is_replayed_too(database, database_urls, broker):
    started = datetime.now(UTC) - timedelta(seconds=1)
    behind = outbox.row(AccountActivated(), organisation_id=None, aggregate_id=uuid7())
    behind["id"] = outbox.first_id_at(started - timedelta(hours=2))
    connection = await asyncpg.connect(database_urls.service)
    async with database.begin(ME) as unit:
        await outbox.append(unit.driver, [behind])
        await unit.driver.execute("UPDATE outbox SET sent_at = now() WHERE id = $1", behind["id"])
    await refill.replay(connection, started)
    assert not await sent(database, [behind["id"]])
    await connection.execute("DELETE FROM outbox WHERE id = $1", behind["id"])
    await connection.close()


async def test_a_heartbeat_follows_what_was_committed_before(database, database_urls, broker, nats_url):
    client = await nats.connect(nats_url)
    heard = await client.subscribe("parvis.identity.v1.>")
    await client.flush()
    [message_id] = await emit(database)
    relay = Relay(database_urls.service, broker, source="sample", heartbeat=RevocationHeartbeat())
    async with running(relay.run):
        told = [await heard.next_msg(timeout=5)]
        while told[-1].subject != "parvis.identity.v1.RevocationHeartbeat":  # tests before left events unsent
            told.append(await heard.next_msg(timeout=5))
    await client.close()
    assert str(message_id) in {each.headers["ce-id"] for each in told[:-1]}
    assert told[-1].headers["Nats-TTL"] == "60s"


class _Deaf(Broker):
    """Its answer comes at the moment at which the caller is told to end, and is what the caller hears."""

    asked: asyncio.Event

    async def publish(self, subject, payload, headers):
        self.asked.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


class _Slow(Broker):
    """Says that it has published what it was told after an hour, and counts who waits for that."""

    waiting = 0

    async def publish(self, subject, payload, headers):
        self.waiting += 1
        try:
            await asyncio.sleep(3600)
        finally:
            self.waiting -= 1


async def test_what_a_relay_was_publishing_ends_with_it(database, database_urls, nats_url):
    await emit(database, 3)
    broker = _Slow(nats_url, name="slow")
    async with running(Relay(database_urls.service, broker, source="sample").run):
        await eventually(lambda: asyncio.sleep(0, broker.waiting >= 3))
    await eventually(lambda: asyncio.sleep(0, broker.waiting == 0))
    await broker.close()


async def test_a_relay_ends_although_an_answer_came_at_the_same_moment(database_urls, nats_url):
    broker = _Deaf(nats_url, name="deaf")
    broker.asked = asyncio.Event()
    relay = asyncio.create_task(
        Relay(database_urls.service, broker, source="sample", heartbeat=RevocationHeartbeat()).run()
    )
    await broker.asked.wait()

    relay.cancel()

    done, _ = await asyncio.wait({relay}, timeout=20)
    assert relay in done
    assert relay.cancelled()
    await broker.close()


async def test_what_is_past_its_time_is_deleted(database, database_urls, broker):
    old = outbox.row(AccountActivated(), organisation_id=None, aggregate_id=uuid7())
    old["id"] = outbox.first_id_at(datetime(2020, 1, 1, tzinfo=UTC))
    async with database.begin(ME) as unit:
        await outbox.append(unit.driver, [old])
    async with running(Relay(database_urls.service, broker, source="sample").run):
        await eventually(lambda: gone(database, old["id"]))


async def gone(database, message_id):
    return not await rows(database, "SELECT 1 FROM outbox WHERE id = $1", message_id)


def test_inboxes_know_whatever_the_stream_may_still_bring():
    """A row is sent again up to its last day, and a consumer that is new reads all that the stream keeps."""
    assert outbox.INBOX_KEPT > outbox.KEPT + RETENTION


def test_an_event_carries_no_file():
    with pytest.raises(ValueError, match="carries"):
        outbox.row(AccountActivated(account_id="x" * outbox.LARGEST), organisation_id=None, aggregate_id=uuid7())


async def test_commit_to_stream_takes_a_few_milliseconds(database, database_urls, broker, nats_url):
    client = await nats.connect(nats_url)
    heard = await client.subscribe("parvis.identity.v1.AccountActivated")
    await client.flush()
    loop, times = asyncio.get_running_loop(), []
    async with running(Relay(database_urls.service, broker, source="sample").run):
        await asyncio.sleep(0.5)
        for _ in range(50):
            await emit(database)
            started = loop.time()
            await heard.next_msg(timeout=5)
            times.append(loop.time() - started)
    await client.close()
    assert sorted(times)[len(times) // 2] < 0.05
