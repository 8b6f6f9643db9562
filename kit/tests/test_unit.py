"""A unit of work whose connection dies says so as a kind that callers try again, and the next one works."""

import asyncpg
import pytest
from sqlalchemy import text

from parvis.identity.v1.events_pb2 import RevocationHeartbeat
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


async def test_a_mistake_in_a_statement_stays_a_mistake(database: Database):
    with pytest.raises(asyncpg.UndefinedTableError):
        async with database.begin(make_caller()) as unit:
            await unit.fetch("SELECT 1 FROM no_such_table")


async def test_without_organisation_the_caller_is_told_what_is_missing(database: Database):
    with pytest.raises(ServiceError) as refused:
        async with database.begin(Caller("notify")) as unit:
            unit.emit(RevocationHeartbeat(), aggregate_id=unit.organisation_id)

    assert (refused.value.kind, refused.value.reason) == (Kind.INVALID, "organisation_missing")
