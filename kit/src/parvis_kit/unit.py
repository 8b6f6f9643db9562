"""The unit of work: one request or message is one transaction, for one organisation, committed at the edge and nowhere
else.

`Database.begin` opens the transaction with the organisation (and the account) as settings that the row-level
security policies read. The
settings travel in the same round trip as BEGIN, are always set, and end with the transaction: a connection never
carries those of its previous user.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import Executable, Result
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from parvis_kit import audit, outbox
from parvis_kit.bus import is_transient
from parvis_kit.caller import Caller, acting
from parvis_kit.connections import Connections, Line
from parvis_kit.errors import ServiceError, internal, invalid, unavailable
from parvis_watch.metrics import STATEMENTS, origin
from parvis_watch.papers import Address

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from parvis_kit.grants import GrantSet

Row = TypeVar("Row")

_log = structlog.get_logger(__name__)
#: How a connection that went away shows itself below SQLAlchemy's own errors.
_LOST = AsyncAdapt_asyncpg_dbapi.Error, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, ConnectionError
#: How it shows that PostgreSQL has said good-bye on it, which asyncpg notices as closed a moment later only.
_ENDING = asyncpg.InternalClientError, AsyncAdapt_asyncpg_dbapi.InternalClientError
_COUNTED: Final = {each: STATEMENTS.labels(each).inc for each in ("request", "background")}


def _count(*_: object) -> None:
    _COUNTED[origin.get()]()


class UnitOfWork:
    """One transaction of one caller. See the module."""

    def __init__(
        self, line: Line, caller: Caller, organisation_id: UUID | None, service: str, grants: "GrantSet | None" = None
    ) -> None:
        self.caller = caller
        self.service = service
        self._line: Line | None = line
        self.organisation_or_none = organisation_id
        #: Time of the transaction, UTC.
        self.now = datetime.now(UTC)
        self._connection: AsyncConnection | None = None
        self._session: AsyncSession | None = None
        self._grants = grants
        self._outcome: ServiceError | None = None
        self._revisions: dict[UUID, int] = {}
        self._events: list[Any] = []
        self._acts: list[Any] = []  # rows, as `audit` and `outbox` append them

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
    def driver(self) -> asyncpg.Connection:
        """Asyncpg's connection. Raises RuntimeError once the unit is over: somebody else uses it then."""
        if self._line is None:
            raise RuntimeError("This unit of work is over.")
        return self._line.driver

    @property
    def connection(self) -> AsyncConnection:
        """SQLAlchemy's connection, in the same transaction."""
        if self._connection is None:
            if self._line is None:
                raise RuntimeError("This unit of work is over.")
            self._connection = self._line.alchemy
            # Sends nothing: it says that all that follows, the session's savepoints too, is one transaction.
            self._connection.sync_connection.begin()  # type: ignore[union-attr] # connected
        return self._connection

    @property
    def session(self) -> AsyncSession:
        """The ORM session of the transaction, made when first asked for: hot reads do without."""
        if self._session is None:
            self._session = AsyncSession(
                bind=self.connection, expire_on_commit=False, autoflush=True, close_resets_only=False
            )
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
        _count()
        return list(await self.driver.fetch(query, *arguments))

    def emit(self, event: "Message", *, aggregate_id: UUID, version: int = 0) -> UUID:
        """Puts an event into the outbox of this transaction; it leaves after the commit. Returns its message id."""
        row = outbox.row(event, organisation_id=self.organisation_or_none, aggregate_id=aggregate_id, version=version)
        self._events.append(row)
        return cast("UUID", row["id"])

    def record(self, act: str, *, target_kind: str, target_id: UUID | str, **details: str) -> None:
        """Appends an act ("contact.created") on a target to the audit trail, in this transaction."""
        self._acts.append(audit.row(self, act, target_kind, target_id, details))

    def revised(self, revision: int) -> None:
        """The organisation's rights have this revision once the transaction is committed: the answer says so."""
        self._revisions[self.organisation_id] = revision

    def outcome(self, error: ServiceError) -> None:
        """Commits what was done and then answers with `error`: a refusal that must leave a trace."""
        self._outcome = error

    async def enter(self, organisation_id: UUID) -> None:
        """From here on the transaction sees and writes this organisation, and no other.

        Only for calls of services in their own name and for whoever makes an organisation: nothing that a person sends
        ever chooses it. Acts are of the organisation in which they were done: they are written before it is left.
        """
        await self._write()
        await self.fetch("SELECT set_config('parvis.organisation', $1, true)", str(organisation_id))
        self.organisation_or_none = organisation_id

    async def as_account(self, account_id: UUID) -> None:
        """From here on the transaction may read the memberships of this account, wherever they are."""
        await self.fetch("SELECT set_config('parvis.account', $1, true)", str(account_id))

    async def _write(self) -> None:
        await self.flush()
        for append, rows in ((audit.append, self._acts), (outbox.append, self._events)):
            if rows:
                _count()
                await append(self.driver, rows)
                rows.clear()

    async def _commit(self) -> None:
        await self._write()
        # PostgreSQL answers ROLLBACK when an error inside was swallowed: nothing was kept, and nobody may think it was.
        if await self.driver.execute("COMMIT") != "COMMIT":
            raise RuntimeError("The transaction was rolled back: an error of the database was swallowed in it.")
        for organisation_id, revision in self._revisions.items():
            acting().saw(organisation_id, revision)
        if self._outcome is not None:
            raise self._outcome

    def _end(self) -> None:
        """Takes the connection away from whoever still holds the unit, its session or its connection's transaction."""
        self._line = None
        if self._session is not None:
            self._session.sync_session.close()
        if self._connection is not None:
            self._connection.sync_connection.rollback()  # type: ignore[union-attr] # connected; sends nothing
            self._connection = None


class Database:
    """The service's own database."""

    def __init__(self, url: Address | str, *, service: str, pool: int = 8, direct: Address | str = "") -> None:
        """`pool`: connections at most; they are opened when needed and stay open. `direct`: the server's own address,
        where `url` is that of a pooler in transaction mode.
        """
        self.service = service
        self._address = Address.of(url)
        #: Where one connection stays one: for LISTEN.
        self.url = Address.of(direct or self._address)
        self._size = pool

    @cached_property
    def connections(self) -> Connections:
        """The connections, made when first asked for: never before a fork."""
        pooled = self.url is not self._address
        return Connections(self._address, name=f"parvis-{self.service}", size=self._size, counted=_count, pooled=pooled)

    async def close(self) -> None:
        """Closes every connection; whoever asks then gets new ones."""
        if (made := self.__dict__.pop("connections", None)) is not None:
            await made.close()

    @asynccontextmanager
    async def begin(
        self, caller: Caller, *, organisation_id: UUID | None = None, grants: "GrantSet | None" = None
    ) -> AsyncIterator[UnitOfWork]:
        """One transaction: committed when the block ends, rolled back when it raises.

        The organisation is the caller's unless another is given (background work).
        Raises UNAVAILABLE database_unavailable when PostgreSQL cannot be reached or goes away.
        """
        organisation_id = organisation_id or caller.organisation_id
        connections = self.connections
        line = await self._start(connections, organisation_id, caller)
        unit = UnitOfWork(line, caller, organisation_id, self.service, grants)
        try:
            yield unit
            await unit._commit()  # noqa: SLF001 - only the edge that opened the unit commits it
        except (DBAPIError, asyncpg.PostgresError, *_LOST, *_ENDING) as error:
            ending = line.driver.is_closed() or isinstance(getattr(error, "orig", error), _ENDING)
            if not ending and not is_transient(error):
                raise
            _log.warning("database_lost", error=error)
            line.driver.terminate()
            raise unavailable("database_unavailable", service=self.service) from error
        finally:
            try:
                unit._end()  # noqa: SLF001 - idem
            finally:
                await connections.give_back(line)

    async def _start(self, connections: Connections, organisation_id: UUID | None, caller: Caller) -> Line:
        """A connection with its transaction begun. Connections that died (PostgreSQL restarted) are thrown away."""
        # UUIDs or empty: nothing to quote. Who views as somebody else changes nothing, whatever an RPC would do. (SET
        # LOCAL is set_config(…, true) at half its price.)
        begin = (
            f"BEGIN{' READ ONLY' if caller.actor else ''};"
            f" SET LOCAL parvis.organisation = '{organisation_id or ''}';"
            f" SET LOCAL parvis.account = '{caller.account_id or ''}';"
        )
        for _ in range(self._size + 1):
            try:
                line = await connections.take()
            except (*_LOST, *_ENDING, OSError, DBAPIError, TimeoutError, asyncpg.PostgresError) as error:
                raise unavailable("database_unavailable", service=self.service) from error
            try:
                await line.driver.execute(begin)
            except (*_LOST, *_ENDING, OSError, EOFError, asyncpg.PostgresError) as error:
                _log.info("connection_replaced", error=error)
                connections.discard(line)
            except BaseException:
                # Cut off while the transaction began: whether it did is not known.
                connections.discard(line)
                raise
            else:
                return line
        raise unavailable("database_unavailable", service=self.service)

    async def ready(self) -> str:
        """Empty when a query works, else what is wrong."""
        try:
            async with self.begin(Caller(self.service)) as unit:
                await unit.fetch("SELECT 1")
        except ServiceError:
            return "PostgreSQL cannot be reached"
        return ""
