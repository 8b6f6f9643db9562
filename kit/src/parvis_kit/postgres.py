"""Background work with a PostgreSQL connection of its own."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import NoReturn
from uuid import UUID

import asyncpg

from parvis_watch.jobs import for_ever
from parvis_watch.papers import Address


async def connect(address: Address, settings: dict[str, str], **more: int) -> asyncpg.Connection:
    """A connection; where the password is refused, with the one that its file has now."""
    opened = partial(asyncpg.connect, command_timeout=30, server_settings=settings, **more)
    return await address.connect(opened, asyncpg.InvalidAuthorizationSpecificationError)


async def keep_connected(
    url: Address | str, name: str, work: Callable[[asyncpg.Connection], Awaitable[None]]
) -> NoReturn:
    """Runs `work` for ever on a connection: after a failure, on a new one."""
    address = Address.of(url)

    async def connected() -> None:
        connection = await connect(address, {"application_name": name}, timeout=5)
        try:
            await work(connection)
        finally:
            connection.terminate()

    await for_ever(connected, name)


def first_id_at(instant: datetime) -> UUID:
    """The smallest UUIDv7 of that instant: bounds a range of rows by their primary key."""
    return UUID(int=int(instant.timestamp() * 1000) << 80)
