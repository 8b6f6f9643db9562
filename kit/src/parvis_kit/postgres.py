"""Background work, with a PostgreSQL connection of its own or without, which comes back after anything."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NoReturn
from uuid import UUID

import asyncpg
import structlog

_log = structlog.get_logger(__name__)
_LONGEST_PAUSE = 5.0


async def for_ever(work: Callable[[], Awaitable[None]], name: str = "") -> NoReturn:
    """Runs `work` again and again: after a failure 0.1 to 5 s later, until cancelled."""
    pause, name = 0.1, name or getattr(work, "__qualname__", repr(work))
    while True:
        started = asyncio.get_running_loop().time()
        try:
            await work()
        except Exception as error:  # for ever means whatever happens: the rows are still there
            if (task := asyncio.current_task()) and task.cancelling():  # a failed rollback took the place of the end
                raise asyncio.CancelledError from error
            away = isinstance(error, OSError | asyncpg.PostgresError | asyncpg.InterfaceError)
            (_log.warning if away else _log.exception)("background_interrupted", work=name, error=repr(error))
        pause = 0.1 if asyncio.get_running_loop().time() - started > _LONGEST_PAUSE else min(pause * 2, _LONGEST_PAUSE)
        await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads reconnections, guards nothing


async def keep_connected(url: str, name: str, work: Callable[[asyncpg.Connection], Awaitable[None]]) -> NoReturn:
    """Runs `work` for ever on a connection: after a failure, on a new one."""

    async def connected() -> None:
        settings = {"application_name": name}
        connection = await asyncpg.connect(url, timeout=5, command_timeout=30, server_settings=settings)
        try:
            await work(connection)
        finally:
            connection.terminate()

    await for_ever(connected, name)


def first_id_at(instant: datetime) -> UUID:
    """The smallest UUIDv7 of that instant: bounds a range of rows by their primary key."""
    return UUID(int=int(instant.timestamp() * 1000) << 80)
