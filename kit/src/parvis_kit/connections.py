"""Connections of one service to its database: opened when needed, kept open, the one used last given first.

A connection has two faces that stay together for its life: asyncpg's, on which transactions are begun and ended and
hand-written queries run, and SQLAlchemy's on top of it, for Core and the ORM. SQLAlchemy's is in autocommit: it
sends no BEGIN, COMMIT or ROLLBACK of its own, and a unit that never asks for it pays nothing for it.

Through a pooler in transaction mode a connection is another one of the server's in each transaction: then nothing is
prepared for later ones.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import asyncpg
from sqlalchemy import NullPool, event
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from parvis_kit.postgres import connect
from parvis_watch import traces
from parvis_watch.papers import Address

#: Seconds that somebody waits for a connection that others use.
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Line:
    """One connection."""

    alchemy: AsyncConnection
    driver: asyncpg.Connection

    def drop(self) -> None:
        """Ends it at once, without a word to the server: nothing is waited for, so this works in any state."""
        connection = self.alchemy.sync_connection
        if connection is not None and not connection.closed:
            connection.invalidate()
            connection.close()
        self.driver.terminate()


class Connections:
    """At most `size` of them. `counted` is called for each statement that SQLAlchemy sends; `pooled` says that a pooler
    in transaction mode is between us and the server.
    """

    def __init__(
        self, address: Address, *, name: str, size: int, counted: Callable[..., None], pooled: bool = False
    ) -> None:
        self._pooled = pooled
        settings = {"application_name": name} | ({} if pooled else {"jit": "off"})  # a pooler takes few

        async def opened() -> asyncpg.Connection:
            # Asyncpg reads the address itself: it may name several servers, and `target_session_attrs=primary`.
            driver = await connect(address, settings, statement_cache_size=0 if pooled else 100)
            if pooled:  # SQLAlchemy's first questions reach one server
                await driver.execute("BEGIN")
            return driver

        forgets = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str} if pooled else {}
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            poolclass=NullPool,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",
            connect_args={"async_creator_fn": opened, **forgets},
        )
        event.listen(self._engine.sync_engine, "before_cursor_execute", counted)
        if traces.exporting():
            event.listen(self._engine.sync_engine, "before_cursor_execute", traces.statement_begins)
            event.listen(self._engine.sync_engine, "after_cursor_execute", traces.statement_ends)
        self._places = asyncio.Semaphore(size)
        self._idle: list[Line] = []
        self._closed = False
        #: How many are taken, and how many wait for one.
        self.taken = self.awaited = 0

    async def take(self) -> Line:
        """A connection outside of a transaction, which may have died since it was used. Raises TimeoutError when all
        are taken for long, and whatever opening one raises.
        """
        if self._places.locked():
            self.awaited += 1
            try:
                async with asyncio.timeout(PATIENCE):
                    await self._places.acquire()
            finally:
                self.awaited -= 1
        else:
            await self._places.acquire()
        self.taken += 1
        try:
            return self._idle.pop() if self._idle else await self._open()
        except BaseException:
            self._release()
            raise

    async def give_back(self, line: Line) -> None:
        """Takes a connection back: a transaction that is open is rolled back. Where that fails, or SQLAlchemy still
        believes in one, the connection ends.
        """
        driver = line.driver
        try:
            if not driver.is_closed() and driver.is_in_transaction():
                await driver.execute("ROLLBACK")
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            driver.terminate()
        except BaseException:
            driver.terminate()
            raise
        finally:
            if driver.is_closed() or self._closed or line.alchemy.in_transaction():
                line.drop()
            else:
                self._idle.append(line)
            self._release()

    def discard(self, line: Line) -> None:
        """Ends a connection in place of giving it back."""
        line.drop()
        self._release()

    async def close(self) -> None:
        """Ends all of them; those that are taken, when they come back."""
        self._closed = True
        while self._idle:
            await self._idle.pop().alchemy.close()
        await self._engine.dispose()

    async def _open(self) -> Line:
        alchemy = await self._engine.connect()
        raw = await alchemy.get_raw_connection()
        driver = cast("asyncpg.Connection", raw.driver_connection)
        if traces.exporting():
            driver.add_query_logger(traces.statement_done)
        if self._pooled:
            await driver.execute("ROLLBACK")
        return Line(alchemy, driver)

    def _release(self) -> None:
        self.taken -= 1
        self._places.release()
