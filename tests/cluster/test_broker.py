"""Events on three servers of NATS: one may go, the leader too, and nothing is lost, doubled or held up for long."""

import asyncio
from collections import Counter

import asyncpg
import pytest
from engines import Brokers

from parvis.identity.v1.events_pb2 import AccountActivated
from parvis_kit.broker import STREAM, Broker
from parvis_kit.bus import Bus
from parvis_kit.caller import Caller
from parvis_kit.envelope import subject_of
from parvis_kit.ids import uuid7
from parvis_kit.outbox import Relay
from parvis_kit.testing import eventually, running
from parvis_kit.unit import Database

ME = Caller("web")
SUBJECT = subject_of(AccountActivated)


@pytest.fixture(scope="session")
def service_package():
    return "parvis_web"  # any schema with the kit's tables


@pytest.fixture
def cluster(server_folder):
    folder = server_folder / f"cluster-{uuid7().hex}"
    folder.mkdir()
    cluster = Brokers(folder)
    cluster.start()
    yield cluster
    cluster.stop()


class Publishing:
    """A service that emits events all the time, and consumes them; each effect is a row."""

    def __init__(self, urls, cluster):
        self._urls = urls
        self._brokers = [Broker(cluster.url, name=name, replicas=3) for name in ("relay", "bus")]
        self._database = Database(urls.service, service="web")
        self._bus = Bus(self._brokers[1], self._database, consumer="test", ack_wait=5)
        self._bus.on(AccountActivated, self._handle)
        self._relay = Relay(urls.service, self._brokers[0], source="web")
        self.emitted = []

    async def run(self, story):
        """`story` while events are emitted; then waits until all are handled, and a moment longer."""
        connection = await asyncpg.connect(self._urls.superuser)
        await connection.execute("CREATE TABLE effects (message_id uuid); GRANT ALL ON effects TO PUBLIC")
        await connection.close()
        async with running(self._relay.run, self._bus.consume):
            async with running(self._emit):
                await story()
            await eventually(self._all_handled, within=60)
            await asyncio.sleep(1)
        effects = await self.effects()
        for part in (*self._brokers, self._database):
            await part.close()
        return effects

    async def goes_on(self):
        """Returns once what is emitted from now on is handled; seconds that it took."""
        loop = asyncio.get_running_loop()
        began, mark = loop.time(), len(self.emitted)
        await eventually(lambda: self._handled_since(mark), within=60)
        return loop.time() - began

    async def effects(self):
        """How often each event had its effect."""
        async with self._database.begin(ME) as unit:
            return Counter(row["message_id"] for row in await unit.fetch("SELECT message_id FROM effects"))

    async def _handle(self, unit, _event, envelope):
        await unit.fetch("INSERT INTO effects (message_id) VALUES ($1)", envelope.id)

    async def _emit(self):
        while True:
            async with self._database.begin(ME) as unit:
                made = [unit.emit(AccountActivated(), aggregate_id=uuid7()) for _ in range(5)]
            self.emitted += made
            await asyncio.sleep(0.05)

    async def _handled_since(self, mark):
        return bool(set(self.emitted[mark:]) & set(await self.effects()))

    async def _all_handled(self):
        return set(self.emitted) == set(await self.effects())


async def test_a_server_goes_then_the_leader_and_no_event_is_lost_or_doubled(database_urls, cluster, capsys):
    publishing = Publishing(database_urls, cluster)
    told = []

    async def story():
        await publishing.goes_on()
        found = await cluster.whole()
        assert found.config.num_replicas == 3
        leader = found.cluster.leader
        other = next(name for name in cluster.servers if name != leader)
        cluster.servers[other].kill()
        told.append(f"one server gone {await publishing.goes_on():.1f} s")
        cluster.servers[other].start()
        await cluster.whole()
        leader = (await cluster.stream()).cluster.leader
        cluster.servers[leader].kill()
        told.append(f"the leader gone {await publishing.goes_on():.1f} s")
        assert (await cluster.stream()).cluster.leader != leader

    effects = await publishing.run(story)
    stored = await cluster.stored(SUBJECT)
    with capsys.disabled():
        print(f"\n{len(publishing.emitted)} events; handled again after: {', '.join(told)}")
    assert set(effects.values()) == {1}
    assert sorted(stored) == sorted(str(each) for each in publishing.emitted)


async def test_a_stream_of_one_server_becomes_one_of_three_once_it_is_asked_for(database_urls, cluster):
    alone = Broker(cluster.url, name="alone")
    await alone.publish(SUBJECT, b"", {"Nats-Msg-Id": "before", "ce-id": "before"})
    await alone.close()
    assert (await cluster.stream()).config.num_replicas == 1

    several = Broker(cluster.url, name="several", replicas=3)
    await several.client()
    await several.close()

    found = await cluster.whole()
    assert (found.config.num_replicas, found.state.messages, found.config.allow_msg_ttl) == (3, 1, True)
    assert found.config.name == STREAM

    alone = Broker(cluster.url, name="alone")  # a service that is not told yet takes nothing back
    await alone.client()
    await alone.close()
    assert (await cluster.stream()).config.num_replicas == 3
