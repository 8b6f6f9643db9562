"""Through a pooler in transaction mode (PgBouncer), where each transaction may have another connection to the server.

A pooler of one's own: Debian's package `pgbouncer`, or any program of that name.
"""

import asyncio
import os
import shutil
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from parvis_kit.caller import Caller
from parvis_kit.testing import HOST, Server, free_port
from parvis_kit.unit import Database

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="Debian's package pgbouncer is not installed")
ME = Caller("sample")
#: Connections of the pooler to the server, fewer than ours to the pooler: they are handed round.
SERVERS, CLIENTS = 3, 12


@pytest.fixture(scope="module")
def pooler(postgres_server, server_folder):
    """The address of a pooler in front of this run's server, for the same databases."""
    folder, port = server_folder / "pooler", free_port()
    folder.mkdir()
    server = urlsplit(postgres_server.url)
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={HOST} port={server.port} user=postgres\n"
        f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        f"pool_mode = transaction\ndefault_pool_size = {SERVERS}\nserver_round_robin = 1\n"
    )
    user = "nobody" if os.geteuid() == 0 else None
    running = Server(f"postgresql://{HOST}:{port}", [PROGRAM, str(folder / "pgbouncer.ini")], folder, user)
    running.start()
    yield running.url
    running.kill()


@pytest.fixture
async def pooled(pooler, database_urls):
    direct = urlsplit(database_urls.service)
    url = f"postgresql://postgres@{urlsplit(pooler).netloc}{direct.path}"
    database = Database(url, service="sample", pool=CLIENTS, direct=database_urls.superuser)
    yield database
    await database.close()


async def test_many_units_at_once_share_few_connections_of_the_server(pooled):
    async def work(number):
        async with pooled.begin(ME) as unit:
            [row] = await unit.fetch("SELECT pg_backend_pid() AS pid, $1::int AS number", number)
            assert row["number"] == number
            await unit.scalar(text("SELECT count(*) FROM effects"))
            assert await unit.scalar(text("SELECT cast(:number AS integer)"), {"number": number}) == number
            return row["pid"]

    pids = [pid for _ in range(8) for pid in await asyncio.gather(*(work(number) for number in range(CLIENTS)))]
    assert 1 < len(set(pids)) <= SERVERS


async def test_an_organisation_ends_with_its_transaction_whoever_gets_the_connection_next(pooled):
    told = "SELECT current_setting('parvis.organisation', true) AS organisation"
    organisation = "0198d2c8-5c00-7000-8000-000000000001"

    async def mine():
        async with pooled.begin(ME, organisation_id=organisation) as unit:
            return (await unit.fetch(told))[0]["organisation"]

    async def nobodys():
        async with pooled.begin(ME) as unit:
            return (await unit.fetch(told))[0]["organisation"]

    found = await asyncio.gather(*(each() for _ in range(20) for each in (mine, nobodys)))
    assert set(found[::2]) == {organisation}
    assert set(found[1::2]) == {""}


async def test_what_listens_goes_to_the_server_itself(pooled, database_urls):
    assert pooled.url.url == database_urls.superuser
