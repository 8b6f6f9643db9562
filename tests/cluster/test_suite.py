"""The suite beyond one machine: NATS on three servers, PostgreSQL with a standby behind a pooler, Traefik twice. Each
loses one while people work: what was accepted is there, once, and work goes on.
"""

import asyncio
import json
import time
from collections import Counter

import asyncpg
import httpx
import pytest
from driver import Driver, Story
from engines import PGBOUNCER, Brokers, Databases
from outcomes import content_of, documents_of, invoice_name, mails_are_single

from parvis_kit.testing import eventually
from parvis_local.credentials import DATABASES
from parvis_local.databases import make_databases
from parvis_local.demo.papers import typeset
from parvis_local.demo.portal import Portal
from parvis_local.demo.story import PROVIDER
from parvis_local.ports import BESIDE, free_base
from parvis_local.servers import traefik
from parvis_local.suite import Suite

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="Debian's package pgbouncer is not installed")
#: Those that reach PostgreSQL through the pooler; the others name both servers.
POOLED = ("identity", "tenancy", "web")


@pytest.fixture(scope="module")
def folder(server_folder):
    made = server_folder / "beyond"
    made.mkdir(mode=0o755)
    return made


@pytest.fixture(scope="module")
def suite(folder):
    """Not started yet: it has to be told where its engines are."""
    suite = Suite(folder / "suite", port=free_base(), replicas=True)
    yield suite
    suite.stop()


@pytest.fixture(scope="module")
def brokers(folder, suite):
    cluster = Brokers(folder, password=suite.credentials.nats)
    cluster.start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def databases(folder, suite):
    place = folder / "databases"
    place.mkdir(mode=0o755)
    databases = Databases(place, [f"parvis_{service}{kind}" for service in DATABASES for kind in ("", "_owner")])
    databases.start()
    known = suite.credentials
    asyncio.run(make_databases(databases.superuser, known.database_owners, known.database_services))
    asyncio.run(databases.confirm_on_both())
    yield databases
    databases.stop()


@pytest.fixture(scope="module")
def running(suite, brokers, databases):
    """The suite on these engines."""
    told = {"*": {"PARVIS_NATS_URL": brokers.url, "PARVIS_BROKER_REPLICAS": "3"}}
    for service in DATABASES:
        password = suite.credentials.database_services[service]
        both = f"{databases.hosts}/parvis_{service}?target_session_attrs=primary"
        direct = f"postgresql://parvis_{service}:{password}@{both}"
        pooled = f"postgresql://parvis_{service}:{password}@{databases.pooler}/parvis_{service}"
        through = {"PARVIS_DATABASE_URL": pooled, "PARVIS_DATABASE_DIRECT_URL": direct}
        told[service] = through if service in POOLED else {"PARVIS_DATABASE_URL": direct}
        owner = suite.credentials.database_owners[service]
        told[service]["PARVIS_MIGRATION_URL"] = f"postgresql://parvis_{service}_owner:{owner}@{both}"
    suite.layout.variables.write_text(json.dumps(told))
    suite.start()
    return suite


@pytest.fixture(scope="module")
async def portal(running):
    async with Portal(running.context) as portal:
        yield portal


@pytest.fixture(scope="module")
async def work(running, portal):
    """Somebody's day at the firm: a client, an access, a document, an invoice. What came of it is looked at later."""
    administrator = await portal.activated("claire.orsel@orsel.example")
    driver = Driver(portal, administrator, (await administrator.organisations())["cabinet-orsel"])
    firm = PROVIDER.customers[0]
    paper = typeset(firm, firm.contacts[0], firm.contacts[0].papers[0])
    stories = []

    async def work(name):
        story = Story(f"{name}{time.time_ns()}", paper)
        await driver.work(story)
        stories.append(story)

    async def look():
        for story in stories:
            assert story.refusals == []
            assert await documents_of(driver, story) == sorted([f"{story.name}.pdf", invoice_name(story)])
            assert await content_of(driver, story) == story.content
            await mails_are_single(running, portal, driver, story, story.name)

    work.look = look
    yield work
    await driver.close()


async def during(work, name, fault):
    """A fault in the middle of somebody's work; seconds that the work took."""
    began = time.monotonic()
    working = asyncio.create_task(work(name))
    await asyncio.sleep(0.5)
    await fault()
    await working
    return time.monotonic() - began


async def test_events_of_all_services_are_on_three_servers(work, brokers):
    await work("quiet")
    found = await brokers.whole()
    assert found.config.num_replicas == 3


async def test_one_server_of_nats_goes_then_the_leader(work, brokers, capsys):
    async def kill(name):
        await asyncio.to_thread(brokers.servers[name].kill)

    leader = (await brokers.whole()).cluster.leader
    other = next(name for name in brokers.servers if name != leader)
    first = await during(work, "server", lambda: kill(other))
    await asyncio.to_thread(brokers.servers[other].start)
    leader = (await brokers.whole()).cluster.leader
    second = await during(work, "leader", lambda: kill(leader))
    await asyncio.to_thread(brokers.servers[leader].start)
    with capsys.disabled():
        print(f"\nNATS: a journey while a server goes {first:.1f} s, while the leader goes {second:.1f} s")


async def test_the_standby_of_postgresql_takes_over_behind_pooler_and_addresses(work, databases, running, capsys):
    seconds = await during(work, "standby", databases.fail_over)
    await asyncio.to_thread(running.wait_healthy)
    await work("after")
    with capsys.disabled():
        print(f"\nPostgreSQL: a journey while the standby takes over {seconds:.1f} s")


async def test_a_second_traefik_answers_while_the_first_is_gone(running, capsys):
    ports = running.ports
    environment = traefik.program(running.layout, ports).environment
    for name in ("PORTAL", "STORE", "OPERATIONS"):
        variable = f"TRAEFIK_ENTRYPOINTS_{name}_ADDRESS"
        environment = {**environment, variable: environment[variable].replace("127.0.0.1", BESIDE)}
    command = traefik.program(running.layout, ports).command
    second = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.DEVNULL)
    answered = Counter()
    try:
        async with httpx.AsyncClient(
            base_url=f"http://{BESIDE}:{ports.portal}", headers={"Host": f"localhost:{ports.portal}"}, trust_env=False
        ) as http:

            async def there():
                try:
                    return (await http.get("/login")).status_code == httpx.codes.OK
                except httpx.TransportError:
                    return False

            await eventually(there)
            gone = await asyncio.to_thread(running.kill, "traefik")
            for _ in range(50):
                answered[(await http.get("/login")).status_code] += 1
            await asyncio.to_thread(running.wait_healthy, "traefik", after=gone)
    finally:
        second.terminate()
        await second.wait()
    assert answered == {httpx.codes.OK: 50}


async def test_nothing_that_was_accepted_is_lost_or_doubled(work, running, brokers, databases, capsys):
    await work.look()
    emitted, left = set(), 0
    for service in DATABASES:
        connection = await asyncpg.connect(databases.superuser(f"parvis_{service}", "second"))

        async def waiting(connection=connection):
            return not await connection.fetchval("SELECT count(*) FROM outbox WHERE sent_at IS NULL")

        await eventually(waiting, within=60)
        emitted |= {str(row["id"]) for row in await connection.fetch("SELECT id FROM outbox")}
        left += await connection.fetchval("SELECT count(*) FROM dead_letters")
        await connection.close()
    stored = Counter(await brokers.stored("parvis.>"))
    with capsys.disabled():
        print(f"\n{len(emitted)} events, {sum(stored[each] > 1 for each in emitted)} of them twice in the stream")
    assert {each for each in emitted if each not in stored} == set()
    assert {each for each in emitted if stored[each] > 1} == set()
    assert left == 0
