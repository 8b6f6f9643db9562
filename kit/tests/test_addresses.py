"""Addresses that name several servers: who is there is found, for events, for units of work and for migrations."""

from urllib.parse import urlsplit

from parvis_kit.broker import Broker
from parvis_kit.caller import Caller
from parvis_kit.migrations import upgrade_schema
from parvis_kit.testing import free_port
from parvis_kit.unit import Database

GONE = f"127.0.0.1:{free_port()}"


async def test_of_several_servers_of_nats_the_one_that_is_there_is_found(nats_url):
    broker = Broker(nats_url.replace("nats://", f"nats://{GONE},"), name="test")
    await broker.publish("parvis.identity.v1.Nothing", b"", {})
    await broker.close()


async def test_of_several_servers_of_postgresql_the_one_that_leads_is_found(database_urls):
    several = urlsplit(database_urls.service)
    user, _, place = several.netloc.rpartition("@")
    url = several._replace(netloc=f"{user}@{GONE},{place}", query="target_session_attrs=primary").geturl()
    database = Database(url, service="sample")
    async with database.begin(Caller("sample")) as unit:
        assert [row["one"] for row in await unit.fetch("SELECT 1 AS one")] == [1]
    await database.close()


async def test_migrations_find_it_too(database_urls):
    owner = urlsplit(database_urls.owner)
    user, _, place = owner.netloc.rpartition("@")
    assert await upgrade_schema("parvis_sample", owner._replace(netloc=f"{user}@{GONE},{place}").geturl()) == []
