"""Passwords change while services run: no unit of work fails, no event is lost."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import nats.errors
import pytest

from parvis_kit.broker import Broker
from parvis_kit.errors import ServiceError
from parvis_kit.testing import eventually, free_port
from parvis_kit.unit import Database
from parvis_watch import start
from parvis_watch.papers import Address, secret_now


@pytest.fixture
def secrets(tmp_path, monkeypatch):
    """Where a container finds its secrets."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setattr(start, "SECRETS", folder)
    for variable in ("PARVIS_DATABASE_URL", "PARVIS_NATS_URL"):
        monkeypatch.delenv(variable, raising=False)
    return folder


@pytest.fixture
async def guarded(database_urls):
    """A role whose password PostgreSQL asks for, and a superuser. (The tests' own server believes everybody.)"""
    superuser = await asyncpg.connect(database_urls.superuser)
    rules = Path(await superuser.fetchval("SHOW hba_file"))
    before = rules.read_text()  # noqa: ASYNC240 - a small file of our own
    rules.write_text(f"host all renewed 127.0.0.1/32 scram-sha-256\n{before}")  # noqa: ASYNC240 - idem
    await superuser.execute("CREATE ROLE renewed LOGIN PASSWORD 'first-password'; SELECT pg_reload_conf()")
    place = database_urls.superuser.partition("@")[2]
    yield superuser, f"postgresql://renewed:%s@{place}"
    rules.write_text(before)  # noqa: ASYNC240 - idem
    await superuser.execute("DROP ROLE renewed; SELECT pg_reload_conf()")
    await superuser.close()


async def test_a_databases_password_changes_under_units_of_work_and_none_fails(guarded, secrets, caller):
    superuser, url = guarded
    old, new = url % "first-password", url % "second-password"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(new)
    file = secrets / "parvis_database_url"
    file.write_text(f"{old}\n")
    database = Database(Address.told("parvis_database_url", old), service="sample")

    async def work():
        await database.close()  # the next unit of work opens a connection
        async with database.begin(caller()) as unit:
            return await unit.fetch("SELECT 1")

    assert await work()
    file.write_text(f"{new}\n")  # first the file …
    assert await work()
    await superuser.execute("ALTER ROLE renewed PASSWORD 'second-password'")  # … then the server
    assert await work()
    assert database.url.url == new
    file.write_text("")  # somebody is writing at this moment
    assert await work()
    await superuser.execute("ALTER ROLE renewed PASSWORD 'of-nobody'")
    with pytest.raises(ServiceError, match="database_unavailable"):
        await work()
    await database.close()


@pytest.fixture
def guarded_nats(tmp_path):
    """A server that asks for a password, and a way to change whom it knows while it runs."""
    port, file = free_port(), tmp_path / "nats.json"

    def know(*passwords):
        users = [{"user": f"parvis{number}", "password": password} for number, password in passwords]
        storage = {"store_dir": str(tmp_path / "nats")}
        told = {"listen": f"127.0.0.1:{port}", "jetstream": storage, "authorization": {"users": users}}
        file.write_text(json.dumps(told))
        if server is not None:
            server.send_signal(signal.SIGHUP)

    server = None
    know((1, "first-password"))
    command = [str(Path(sys.executable).with_name("nats-server")), "--config", str(file)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield port, know
    server.terminate()
    server.wait(10)


async def test_the_brokers_user_changes_and_events_go_on(guarded_nats, secrets):
    port, know = guarded_nats
    first = f"nats://parvis1:first-password@127.0.0.1:{port}"
    second = f"nats://parvis2:second-password@127.0.0.1:{port}"
    broker = Broker(Address.told("parvis_nats_url", first), name="sample")
    try:
        await broker.publish("parvis.sample", b"1", {})
        know((1, "first-password"), (2, "second-password"))
        await broker.publish("parvis.sample", b"2", {})
        (secrets / "parvis_nats_url").write_text(second)
        await broker.publish("parvis.sample", b"3", {})
        know((2, "second-password"))  # whoever is there as the first one is sent away

        async def as_the_second():
            return await known(await broker.client()) == "parvis2"

        await eventually(as_the_second)
        await broker.publish("parvis.sample", b"4", {})
        assert (await (await broker.client()).jsm().stream_info("PARVIS")).state.messages == 4
    finally:
        await broker.close()


async def known(client):
    """As whom the server knows us."""
    try:
        answer = await client.request("$SYS.REQ.USER.INFO", b"", timeout=2)
    except nats.errors.Error:  # asked just when the server hung up
        return ""
    return json.loads(answer.data)["data"]["user"]


def test_a_variable_of_the_environment_counts_before_the_file(secrets, monkeypatch):
    (secrets / "parvis_nats_url").write_text("nats://of-the-file")
    assert secret_now("parvis_nats_url", "nats://before") == "nats://of-the-file"
    monkeypatch.setenv("PARVIS_NATS_URL", "nats://of-the-variable")
    assert secret_now("parvis_nats_url", "nats://of-the-variable") == "nats://of-the-variable"
