"""A unit of work whose connection dies says so as a kind that callers try again, and the next one works."""

import asyncio
import struct
from contextlib import suppress

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import InvalidRequestError

from parvis.identity.v1.events_pb2 import RevocationHeartbeat
from parvis_kit import connections
from parvis_kit.caller import Caller
from parvis_kit.errors import Kind, ServiceError
from parvis_kit.testing import make_caller
from parvis_kit.unit import Database, UnitOfWork


async def by_hand(unit: UnitOfWork):
    await unit.fetch("SELECT 1")


async def by_core(unit: UnitOfWork):
    await unit.execute(text("SELECT 1"))


async def by_commit(unit: UnitOfWork):
    del unit


async def cut_short(database: Database, superuser_url: str, use):
    """A unit whose backend an administrator ends before `use`."""
    superuser = await asyncpg.connect(superuser_url)
    try:
        async with database.begin(make_caller()) as unit:
            pid = (await unit.fetch("SELECT pg_backend_pid()"))[0][0]
            await superuser.execute("SELECT pg_terminate_backend($1, 5000)", pid)
            await use(unit)
    finally:
        await superuser.close()


@pytest.mark.parametrize("use", [by_hand, by_core, by_commit])
async def test_a_backend_that_is_ended_makes_the_unit_unavailable(database: Database, database_urls, use):
    with pytest.raises(ServiceError) as refused:
        await cut_short(database, database_urls.superuser, use)

    assert (refused.value.kind, refused.value.reason) == (Kind.UNAVAILABLE, "database_unavailable")
    async with database.begin(make_caller()) as unit:
        await unit.fetch("SELECT 1")


@pytest.mark.parametrize("use", [by_hand, by_core, by_commit])
async def test_a_good_bye_that_comes_before_the_connection_closes_makes_the_unit_unavailable(database: Database, use):
    """What every backend says when a neighbour was killed: FATAL 57P02, while nobody had asked anything."""
    fields = b"SFATAL\0VFATAL\0C57P02\0Mterminating connection because of crash of another server process\0\0"

    async def used_after_good_bye() -> None:
        async with database.begin(make_caller()) as unit:
            await unit.fetch("SELECT 1")
            unit.driver._protocol.data_received(b"E" + struct.pack("!i", len(fields) + 4) + fields)
            await use(unit)

    with pytest.raises(ServiceError) as refused:
        await used_after_good_bye()

    assert (refused.value.kind, refused.value.reason) == (Kind.UNAVAILABLE, "database_unavailable")
    async with database.begin(make_caller()) as unit:
        await unit.fetch("SELECT 1")


async def test_a_mistake_in_a_statement_stays_a_mistake(database: Database):
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.begin(make_caller()) as unit:
            await unit.fetch("SELECT 1 FROM no_such_table")


async def test_without_organisation_the_caller_is_told_what_is_missing(database: Database):
    with pytest.raises(ServiceError) as refused:
        async with database.begin(Caller("notify")) as unit:
            unit.emit(RevocationHeartbeat(), aggregate_id=unit.organisation_id)

    assert (refused.value.kind, refused.value.reason) == (Kind.INVALID, "organisation_missing")


async def test_a_unit_that_is_cut_off_in_a_statement_leaves_nothing_open(database: Database):
    async def slow():
        async with database.begin(make_caller()) as unit:
            await unit.fetch("SELECT pg_sleep(30)")

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with database.begin(Caller("notify")) as unit:
        [row] = await unit.fetch("SELECT current_setting('parvis.organisation', true) AS organisation")
        assert not row["organisation"]
        assert database.connections.taken == 1
    assert database.connections.taken == 0


async def test_nobody_reaches_a_connection_through_a_unit_that_is_over(database: Database):
    async with database.begin(make_caller()) as unit:
        session = unit.session
        await unit.execute(text("SELECT 1"))

    with pytest.raises(RuntimeError, match="over"):
        await unit.fetch("SELECT 1")
    with pytest.raises(RuntimeError, match="over"):
        await unit.execute(text("SELECT 1"))
    with pytest.raises(InvalidRequestError):
        await session.execute(text("SELECT 1"))


async def test_hand_written_queries_core_and_orm_are_one_transaction(database: Database):
    async with database.begin(make_caller()) as unit:
        before = await unit.fetch("SELECT txid_current()")
        core = await unit.execute(text("SELECT txid_current()"))
        session = await unit.scalar(text("SELECT txid_current()"))
        assert before[0][0] == core.scalar_one() == session

    async with database.begin(make_caller()) as unit:
        assert await unit.scalar(text("SELECT txid_current()")) != session


async def test_what_core_wrote_is_gone_when_the_unit_fails(database: Database):
    caller = make_caller()
    act = "INSERT INTO inbox (consumer, message_id) VALUES ('kept_not', gen_random_uuid())"

    async def fail():
        async with database.begin(caller) as unit:
            await unit.execute(text(act))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    async with database.begin(caller) as unit:
        assert await unit.fetch("SELECT 1 FROM inbox WHERE consumer = 'kept_not'") == []


async def test_a_unit_that_swallowed_an_error_of_the_database_does_not_pass_for_committed(database: Database):
    async def swallow() -> None:
        async with database.begin(make_caller()) as unit:
            with suppress(asyncpg.UndefinedTableError):
                await unit.fetch("SELECT 1 FROM no_such_table")

    with pytest.raises(RuntimeError, match="swallowed"):
        await swallow()


async def test_who_waits_too_long_for_a_connection_is_told_so(database_urls, monkeypatch):
    monkeypatch.setattr(connections, "PATIENCE", 0.1)
    small = Database(database_urls.service, service="small", pool=1)
    try:
        async with small.begin(make_caller()):
            assert await small.ready() == "PostgreSQL cannot be reached"
        assert await small.ready() == ""
        assert small.connections.taken == 0
    finally:
        await small.close()
