"""What the databases hold, seen by their superuser: what belongs to a firm, and whether anything of it changed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Self, TypeVar

import asyncpg
import nats
from contract import SERVICES

if TYPE_CHECKING:
    from asyncpg.prepared_stmt import PreparedStatement

Answer = TypeVar("Answer")

#: The kit's tables: they tell of calls and events, and change behind the acts that the tests look at.
KIT = {"outbox", "inbox", "dead_letters", "audit", "audit_queue", "audit_heads", "alembic_version"}
#: Tables that work in the background writes to whenever its time has come.
BY_ITSELF = {
    "sessions", "sso_providers", "sso_domains", "logout_notices", "anchors", "anchored_heads", "messages", "attempts",
    "mail_queue", "imports", "import_parts", "import_lines",
}  # fmt: skip
#: Those of them whose rows go when their work is done.
QUEUES = {"mail_queue", "import_parts", "import_lines"}
#: Whose the rows are of a table that names no firm, where another one says it.
WHOSE = {"mail_queue": "message_id IN (SELECT id FROM messages WHERE organisation_id = $1::uuid)"}
#: A column that names the contact which a row is about.
CONTACT = ("contact_id", "customer_id")
#: What is still on its way, by service.
UNSETTLED = {
    "identity": "SELECT (SELECT count(*) FROM imports WHERE state IN ('checking', 'importing'))"
    " + (SELECT count(*) FROM logout_notices WHERE done_at IS NULL AND trouble = '')",
    "notify": "SELECT count(*) FROM messages WHERE state = 'pending'",
    "documents": "SELECT count(*) FROM uploads WHERE state = 'verifying'",
    "billing": "SELECT count(*) FROM invoices WHERE state = 'closed'",
}
PATIENCE = 30.0
TRIES = 4


def _by_itself(table: str, before: tuple[int, int], after: tuple[int, int]) -> bool:
    """Whether work in the background may have done that: rows go from a queue only."""
    return table in BY_ITSELF and (after[0] >= before[0] or table in QUEUES)


class Ledger:
    """See the module. Reads, and never writes."""

    def __init__(self, connections: dict[str, asyncpg.Connection], broker: nats.NATS) -> None:
        self.connections = connections
        self._broker = broker
        self._columns: dict[str, dict[str, set[str]]] = {}
        self._states: dict[str, PreparedStatement] = {}

    @classmethod
    async def open(cls, superuser_url: Callable[[str], str], nats_url: str) -> Self:
        connections = {service: await asyncpg.connect(superuser_url(service)) for service in SERVICES}
        ledger = cls(connections, await nats.connect(nats_url))
        for service, connection in connections.items():
            for row in await connection.fetch(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
            ):
                tables = ledger._columns.setdefault(service, {})
                tables.setdefault(row["table_name"], set()).add(row["column_name"])
        return ledger

    async def close(self) -> None:
        for connection in self.connections.values():
            await connection.close()
        await self._broker.close()

    async def identifiers(self, organisation_id: str, contact_id: str = "") -> frozenset[str]:
        """Every identifier of a firm, in all databases; with a contact, those of its rows only."""
        found = {contact_id or organisation_id}
        for service, tables in self._columns.items():
            for table, columns in tables.items():
                if table in KIT or not {"id", "organisation_id"} <= columns:
                    continue
                of_contact = next((column for column in CONTACT if column in columns), "")
                if contact_id and not of_contact:
                    continue
                query = f"SELECT id::text FROM {table} WHERE organisation_id = $1::uuid"  # noqa: S608 - names of the catalogue
                query += f" AND {of_contact} = $2::uuid" if contact_id else ""
                arguments = (organisation_id, contact_id) if contact_id else (organisation_id,)
                found |= {row["id"] for row in await self.connections[service].fetch(query, *arguments)}
        return frozenset(found)

    async def contacts(self, organisation_id: str) -> frozenset[str]:
        """The identifiers of all contacts of a firm, and of everything that is about one."""
        rows = await self.connections["tenancy"].fetch(
            "SELECT id::text FROM contacts WHERE organisation_id = $1::uuid", organisation_id
        )
        found: set[str] = set()
        for row in rows:
            found |= await self.identifiers(organisation_id, row["id"])
        return frozenset(found)

    async def state(self, service: str, organisation_id: str) -> dict[str, tuple[int, int]]:
        """Table → how many rows of the firm there are (all rows where the table knows no firm), and the newest of them.

        Whoever adds, changes or removes a row changes one of the two: every version of a row has its transaction.
        """
        if service not in self._states:
            parts = []
            for table, columns in sorted(self._columns[service].items()):
                column = "organisation_id" if "organisation_id" in columns else "id" if table == "organisations" else ""
                whose = WHOSE.get(table) or (f"{column} = $1::uuid" if column else "$1::uuid IS NOT NULL")
                if table not in KIT:
                    parts.append(
                        f"SELECT '{table}', count(*), coalesce(max(xmin::text::bigint), 0) FROM {table} WHERE {whose}"  # noqa: S608 - idem
                    )
            self._states[service] = await self.connections[service].prepare(" UNION ALL ".join(parts))
        return {row[0]: (row[1], row[2]) for row in await self._states[service].fetch(organisation_id)}

    async def changed_by(
        self, act: Callable[[], Awaitable[Answer]], organisation_id: str, *services: str
    ) -> tuple[Answer, set[str]]:
        """What an act answers the first time, and the tables in which something of the firm is otherwise after it;
        `services`: all.

        Where no row is gone, and only such tables are otherwise that change by themselves, the act is done again when
        all is quiet: what it changes itself, it changes each time.
        """
        answers = []
        for _ in range(TRIES):
            before = await self._everywhere(organisation_id, services)
            answers.append(await act())
            after = await self._everywhere(organisation_id, services)
            changed = {place for place in before if before[place] != after[place]}
            if not changed or not all(_by_itself(place[1], before[place], after[place]) for place in changed):
                break
            await self.quiet()
        return answers[0], {f"{service}: {table}" for service, table in changed}

    async def _everywhere(
        self, organisation_id: str, services: tuple[str, ...]
    ) -> dict[tuple[str, str], tuple[int, int]]:
        states = await asyncio.gather(*(self.state(service, organisation_id) for service in services or SERVICES))
        return {
            (service, table): rows
            for service, state in zip(services or SERVICES, states, strict=True)
            for table, rows in state.items()
        }

    async def quiet(self) -> None:
        """Waits until every event has arrived and what follows from it is done."""
        deadline = time.monotonic() + PATIENCE
        still = 0
        while still < 2:
            waiting = await self._waiting()
            still = 0 if waiting else still + 1
            if time.monotonic() > deadline:
                raise TimeoutError(f"The suite does not come to rest: {waiting}")
            await asyncio.sleep(0.01)

    async def _waiting(self) -> dict[str, int]:
        waiting = {}
        for service, connection in self.connections.items():
            waiting[f"{service} outbox"] = await connection.fetchval(
                "SELECT count(*) FROM outbox WHERE sent_at IS NULL"
            )
            if query := UNSETTLED.get(service):
                waiting[f"{service} work"] = await connection.fetchval(query)
        for consumer in await self._broker.jsm().consumers_info("PARVIS"):
            if consumer.config.durable_name:
                waiting[consumer.config.durable_name] = consumer.num_pending + consumer.num_ack_pending
        return {name: count for name, count in waiting.items() if count}
