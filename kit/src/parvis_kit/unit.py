"""The unit of work: one request or message is one transaction, for one organisation, committed at the edge and nowhere
else.

`Database.begin` opens the transaction with the organisation (and the account) as settings that the row-level
security policies read. The
settings travel in the same round trip as BEGIN, and are always set: a connection of the pool never carries those of
its previous user.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import Executable, Result, event
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, create_async_engine

from parvis_kit import audit, outbox
from parvis_kit.bus import is_transient
from parvis_kit.caller import Caller, acting
from parvis_kit.errors import ServiceError, internal, invalid, unavailable
from parvis_kit.telemetry import STATEMENTS

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from parvis_kit.grants import GrantSet

Row = TypeVar("Row")

_log = structlog.get_logger(__name__)
#: How a connection that went away shows itself below SQLAlchemy's own errors.
_LOST = (AsyncAdapt_asyncpg_dbapi.Error, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, ConnectionError)
_settings: ContextVar[tuple[str, str]] = ContextVar("parvis_settings", default=("", ""))
#: "request" or "background": what the statement counters are kept by.
origin: ContextVar[str] = ContextVar("parvis_origin", default="background")


class _Connection(asyncpg.Connection):
    """Sends the settings of the transaction with its BEGIN."""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109 - asyncpg's signature
        if query.startswith("BEGIN"):
            organisation, account = _settings.get()  # UUIDs or empty: nothing to quote
            query += (
                f" SELECT set_config('parvis.organisation', '{organisation}', true),"
                f" set_config('parvis.account', '{account}', true);"
            )
        return str(await super().execute(query, *args, timeout=timeout))


class UnitOfWork:
    """One transaction of one caller. See the module."""

    def __init__(
        self,
        connection: AsyncConnection,
        driver: asyncpg.Connection,
        caller: Caller,
        organisation_id: UUID | None,
        service: str,
    ) -> None:
        self.caller = caller
        self.service = service
        self.connection = connection
        self.driver = driver
        self.organisation_or_none = organisation_id
        #: Time of the transaction, UTC.
        self.now = datetime.now(UTC)
        self._session: AsyncSession | None = None
        self._grants: GrantSet | None = None
        self._outcome: ServiceError | None = None
        self._after_commit: list[Callable[[], Awaitable[None]]] = []
        self._events: list[dict[str, Any]] = []
        self._acts: list[dict[str, Any]] = []

    @property
    def organisation_id(self) -> UUID:
        """The organisation of the transaction. Raises INVALID organisation_missing when there is none (a service called
        in its own name without saying for whom): no organisation, no query.
        """
        if self.organisation_or_none is None:
            raise invalid("organisation_missing")
        return self.organisation_or_none

    @property
    def grants(self) -> "GrantSet":
        """What the caller's membership may do. Raises INTERNAL no_grants where the caller has no membership."""
        if self._grants is None:
            raise internal("no_grants")
        return self._grants

    @grants.setter
    def grants(self, grants: "GrantSet") -> None:
        self._grants = grants

    @property
    def session(self) -> AsyncSession:
        """The ORM session of the transaction, made when first asked for: hot reads do without."""
        if self._session is None:
            self._session = AsyncSession(bind=self.connection, expire_on_commit=False, autoflush=True)
        return self._session

    async def execute(self, statement: Executable, parameters: Any = None) -> Result[Any]:
        """Runs a Core statement on the connection of the transaction; pending ORM changes are flushed first."""
        await self.flush()
        return await self.connection.execute(statement, parameters)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """The first column of the first row, None when there is none. ORM entities come from the session."""
        return await self.session.scalar(statement, parameters)

    async def scalars(self, statement: Executable, parameters: Any = None) -> Sequence[Any]:
        """The first column of all rows. ORM entities come from the session."""
        return (await self.session.scalars(statement, parameters)).all()

    async def get(self, model: type[Row], key: Any, *, lock: bool = False) -> Row | None:
        """A row by primary key, with FOR UPDATE when `lock`."""
        return await self.session.get(model, key, with_for_update=True if lock else None)

    def add(self, *rows: object) -> None:
        """Adds rows to the session."""
        self.session.add_all(rows)

    async def flush(self) -> None:
        """Sends pending ORM changes, so that constraints speak now."""
        if self._session is not None:
            await self._session.flush()

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Rows of a hand-written query with $1, $2 …, prepared and cached by asyncpg: a third of the cost of Core,
        for hot reads.
        """
        await self.flush()
        STATEMENTS.labels(origin.get()).inc()
        return list(await self.driver.fetch(query, *arguments))

    def emit(self, event: "Message", *, aggregate_id: UUID, version: int = 0) -> UUID:
        """Puts an event into the outbox of this transaction; it leaves after the commit. Returns its message id."""
        row = outbox.row(
            event,
            organisation_id=self.organisation_or_none,
            aggregate_id=aggregate_id,
            version=version,
            headers={"traceparent": acting().traceparent} if acting().traceparent else None,
        )
        self._events.append(row)
        return cast("UUID", row["id"])

    def record(self, act: str, *, target_kind: str, target_id: UUID | str, **details: str) -> None:
        """Appends an act ("contact.created") on a target to the audit trail, in this transaction."""
        self._acts.append(
            audit.row(
                act,
                caller=self.caller,
                service=self.service,
                organisation_id=self.organisation_or_none,
                target_kind=target_kind,
                target_id=str(target_id),
                details=details,
            )
        )

    def outcome(self, error: ServiceError) -> None:
        """Commits what was done and then answers with `error`: a refusal that must leave a trace."""
        self._outcome = error

    async def enter(self, organisation_id: UUID) -> None:
        """From here on the transaction sees and writes this organisation, and no other.

        Only for calls of services in their own name and for whoever makes an organisation: nothing that a person sends
        ever chooses it. Acts are of the organisation in which they were done: they are written before it is left.
        """
        await self.flush()
        await audit.append(self.connection, *self._acts)
        self._acts.clear()
        await self.fetch("SELECT set_config('parvis.organisation', $1, true)", str(organisation_id))
        self.organisation_or_none = organisation_id

    async def as_account(self, account_id: UUID) -> None:
        """From here on the transaction may read the memberships of this account, wherever they are."""
        await self.fetch("SELECT set_config('parvis.account', $1, true)", str(account_id))

    def after_commit(self, act: Callable[[], Awaitable[None]]) -> None:
        """Runs `act` once the transaction is committed; it must not fail the request."""
        self._after_commit.append(act)

    async def _commit(self) -> None:
        await self.flush()
        await audit.append(self.connection, *self._acts)
        await outbox.append(self.connection, *self._events)
        await self.connection.commit()
        for act in self._after_commit:
            await act()
        if self._outcome is not None:
            raise self._outcome


class Database:
    """The service's own database."""

    def __init__(self, url: str, *, service: str, pool: int = 8) -> None:
        """`pool`: connections at most; they are opened when needed and stay open."""
        self.service = service
        self.url = url
        self._pool = pool
        self._engine: AsyncEngine | None = None

    @property
    def engine(self) -> AsyncEngine:
        """The engine, made when first asked for: never before a fork."""
        if self._engine is None:
            self._engine = create_async_engine(
                self.url.replace("postgresql://", "postgresql+asyncpg://", 1),
                pool_size=self._pool,
                # More than the pool would be opened and closed again and again under load, 2 ms of CPU each time.
                max_overflow=0,
                pool_use_lifo=True,
                pool_timeout=5,
                connect_args={
                    "connection_class": _Connection,
                    "server_settings": {"application_name": f"parvis-{self.service}", "jit": "off"},
                    "command_timeout": 30,
                },
            )
            event.listen(self._engine.sync_engine, "before_cursor_execute", _count)
        return self._engine

    async def close(self) -> None:
        """Closes every connection."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    @asynccontextmanager
    async def begin(
        self, caller: Caller, *, organisation_id: UUID | None = None, account_id: UUID | None = None
    ) -> AsyncIterator[UnitOfWork]:
        """One transaction: committed when the block ends, rolled back when it raises.

        The organisation is the caller's unless another is given (background work); the account is the caller's
        unless given.
        Raises UNAVAILABLE database_unavailable when PostgreSQL cannot be reached or goes away.
        """
        organisation_id = organisation_id or caller.organisation_id
        account_id = account_id or caller.account_id
        token = _settings.set((str(organisation_id or ""), str(account_id or "")))
        try:
            connection, driver = await self._start()
        finally:
            _settings.reset(token)
        unit = UnitOfWork(connection, driver, caller, organisation_id, self.service)
        try:
            yield unit
            await unit._commit()  # noqa: SLF001 - only the edge that opened the unit commits it
        except (DBAPIError, asyncpg.PostgresError, *_LOST) as error:
            if not unit.driver.is_closed() and not is_transient(error):
                raise
            _log.warning("database_lost", error=repr(error))
            await connection.invalidate()
            raise unavailable("database_unavailable", service=self.service) from error
        finally:
            await connection.close()

    async def _start(self) -> tuple[AsyncConnection, asyncpg.Connection]:
        """A connection with its transaction begun. Connections of the pool that died (PostgreSQL restarted) are
        thrown away.
        """
        for _ in range(self._pool + 1):
            try:
                connection = await self.engine.connect()
            except (*_LOST, OSError, DBAPIError, TimeoutError, asyncpg.PostgresError) as error:
                raise unavailable("database_unavailable", service=self.service) from error
            try:
                # Straight on the synchronous face: neither step does any I/O, and each greenlet costs 10 µs.
                raw = connection.sync_connection.connection  # type: ignore[union-attr] # connected
                # The dialect begins with the first statement of a cursor; here it begins at once, so that hand-written
                # queries on the driver's connection are inside too, and a dead connection is found before any work.
                await raw.dbapi_connection._start_transaction()  # type: ignore[union-attr] # noqa: SLF001
                connection.sync_connection.begin()  # type: ignore[union-attr] # idem
            except (*_LOST, OSError, EOFError, DBAPIError, asyncpg.PostgresError) as error:
                _log.info("connection_replaced", error=str(error))
                await connection.invalidate()
                await connection.close()
                continue
            return connection, cast("asyncpg.Connection", raw.driver_connection)
        raise unavailable("database_unavailable", service=self.service)

    async def ready(self) -> str:
        """Empty when a query works, else what is wrong."""
        try:
            async with self.begin(Caller(self.service)) as unit:
                await unit.fetch("SELECT 1")
        except ServiceError as error:
            return str(error)
        return ""


def _count(*_: object) -> None:
    STATEMENTS.labels(origin.get()).inc()
