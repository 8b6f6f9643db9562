"""Work that goes on for ever ends when it is asked to, even if an error takes the place of the request: asyncpg does
that when the rollback of a cancelled transaction fails.
"""

import asyncio

import pytest

from parvis_kit.postgres import keep_connected
from parvis_watch.jobs import for_ever


@pytest.fixture
def work():
    """Something that answers a cancellation with an error of its own."""

    async def stubborn(*_connection):
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectionError("the rollback failed")

    begun = asyncio.Event()
    return stubborn, begun


async def ended(coroutine, begun):
    task = asyncio.create_task(coroutine)
    async with asyncio.timeout(30):
        await begun.wait()
    task.cancel()
    await asyncio.wait([task], timeout=30)
    return task.cancelled()


async def test_work_on_a_connection_ends(work, database_urls):
    stubborn, begun = work
    assert await ended(keep_connected(database_urls.service, "stubborn", stubborn), begun)


async def test_work_of_a_service_ends(work):
    stubborn, begun = work
    assert await ended(for_ever(stubborn), begun)
