"""The erasure of a person by the map of data: what it names is deleted, or emptied of what it says about them.

    identity ── AccountErased ──► tenancy ── PersonErased ──► documents, notify, billing, identity
    each of them ── RecordsErased ──► identity

That of a contact by its firm: tenancy ── ContactErased ──► all of them, tenancy too.

Everything happens by identifiers: a second time finds nothing, and changes nothing. Nobody else's row is touched, since
each condition names the account or the membership, and rows of an organisation are seen in that organisation alone.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from asyncpg import Record

from parvis.records.v1 import events_pb2 as pb
from parvis_kit.audit import ERASED
from parvis_kit.bus import Bus, Delivery, Retry
from parvis_kit.unit import UnitOfWork
from parvis_records.map import Erasure, Map, Table, Until, condition

#: Not by the map: the trail has its own rule (`erase_acts`), and what is on its way or failed ends with its time.
ASIDE: Final = frozenset(("audit", "outbox", "dead_letters"))
_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.attnotnull AS needed
FROM pg_attribute a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped"""
_EMPTY: Final = {"jsonb": "'{}'", "text": "''", "character varying": "''", "bytea": "''", "integer": "0"} | {
    "uuid": "'00000000-0000-0000-0000-000000000000'"
}
_ROWS: Final = "ctid = ANY($1::text[]::tid[])"
_UNSEALED_SOON: Final = 2.0  # s
#: Of an act that was erased, whether the verifiers ask for an act that says so: one that an older release sealed as
#: one proves nothing, and does not count on either side.
COUNTED: Final = "digest <> sha256(previous || int8send(seq) || content_digest)"
_ACTS = """
seq {sealed} AND details IS NOT NULL AND (
    target_id = ANY($1) OR account_id = $2 AND organisation_id = '00000000-0000-0000-0000-000000000000'
    OR EXISTS (SELECT FROM jsonb_each_text(details) d WHERE lower(d.value) = ANY($3)))"""


@dataclass
class Erased:
    """How many rows of each table were erased, and how many the map keeps."""

    erased: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Erased") -> None:
        """Counts what was done elsewhere too."""
        self.erased += other.erased
        self.kept += other.kept


def digest_of(mail: str) -> str:
    """How an address is told to services that must find it and need not know it."""
    return sha256(mail.strip().lower().encode()).hexdigest()


async def erase(unit: UnitOfWork, holdings: Map, **ids: UUID) -> Erased:
    """Erases a person (`account`, and inside an organisation `membership`) from the rows that the unit sees."""
    done = Erased()
    tables = [table for table in holdings if table.name not in ASIDE]
    for table in tables:  # rows of others first: once the person is out of them, they are not the person's
        for where, columns in table.mentions:
            done.erased[table.name] += await blank(unit, table, columns.split(), where, ids)
    found = {table.name: await _found(unit, table, ids) for table in tables}
    for table in tables:
        rows = found[table.name]
        if not rows or table.erase is not Erasure.BLANKED:
            continue
        taken = list(dict.fromkeys([*table.personal.split(), *table.blanks]))
        if taken:
            done.erased[table.name] += await blank(unit, table, taken, _ROWS, ids, rows)
    for table in tables:
        rows = found[table.name]
        if table.erase is Erasure.DELETED and rows:
            done.erased[table.name] += await _delete(unit, table, rows)
        elif table.erase is Erasure.KEPT:
            done.kept[table.name] += len(rows)
    return Erased(+done.erased, +done.kept)


async def erase_contact(unit: UnitOfWork, holdings: Map, contact_id: UUID) -> Erased:
    """Erases a contact of the unit's organisation: rows that a law keeps stay, those that others point to are emptied,
    all others go, those that point to others first.
    """
    done, ids = Erased(), {"contact": contact_id}
    for table in reversed([table for table in holdings if table.contact]):
        if table.keep.until is Until.LAW:
            done.kept[table.name] += await _count(unit, table, table.contact, ids)
        elif table.erase is Erasure.BLANKED:
            taken = list(dict.fromkeys([*table.personal.split(), *table.blanks]))
            done.erased[table.name] += await blank(unit, table, taken, table.contact, ids)
        elif (where := condition(table.contact, ids)) is not None:
            query = f"DELETE FROM {table.name} WHERE {where.sql} RETURNING 1"  # noqa: S608 - of the map
            done.erased[table.name] += len(await unit.fetch(query, *where.values))
    return Erased(+done.erased, +done.kept)


async def erase_acts(
    unit: UnitOfWork, account_id: UUID, ids: Collection[UUID] = (), words: Collection[str] = ()
) -> int:
    """Erases what acts of the unit's organisation say about a person: acts on them (`ids`), acts whose details are
    their address or name (`words`), and outside organisations all that they did. The chain holds. Raises Retry while
    some are not sealed yet, which takes about a second.
    """
    values = [str(each) for each in (account_id, *ids)], account_id, [word.lower() for word in words if word]
    if await unit.fetch(f"SELECT FROM audit WHERE {_ACTS.format(sealed='IS NULL')} LIMIT 1", *values):
        raise Retry(_UNSEALED_SOON)
    return await erase_details(unit, _ACTS.format(sealed="IS NOT NULL"), *values)


async def erase_details(unit: UnitOfWork, where: str, *values: object) -> int:
    """Erases what sealed acts say, and writes into the same chain how many they were: none is erased in silence."""
    but = f"seq IS NOT NULL AND details IS NOT NULL AND act <> '{ERASED}'"
    query = f"UPDATE audit SET details = NULL, salt = NULL WHERE {but} AND ({where}) RETURNING {COUNTED} AS counted"  # noqa: S608 - of modules
    rows = await unit.fetch(query, *values)
    witness(unit, rows)
    return len(rows)


def witness(unit: UnitOfWork, rows: Collection[Record]) -> None:
    """Says in the chain of the unit how many of its acts lost their details: in the part that nobody can erase. Rows
    that an older release sealed are left out: counted, they would let as many newer ones be erased in silence.
    """
    if erased := sum(row["counted"] for row in rows):
        unit.record("acts.erased", target_kind="acts", target_id=str(erased))


def answer(unit: UnitOfWork, service: str, erasure_id: UUID, done: Erased) -> None:
    """Tells identity that the service is done."""
    told = pb.RecordsErased(erasure_id=str(erasure_id), service=service, erased=done.erased, kept=done.kept)
    unit.emit(told, aggregate_id=erasure_id)
    unit.record("records.erased", target_kind="erasure", target_id=erasure_id, rows=str(done.erased.total()))


async def contact_erased(holdings: Map, delivery: Delivery, event: pb.ContactErased) -> None:
    """A firm erased one of its contacts: what the service has of it goes, and what acts say about it."""
    contact_id = UUID(event.contact_id)
    async with delivery.begin() as unit:
        done = await erase_contact(unit, holdings, contact_id)
        done.erased["audit"] += await erase_acts(unit, contact_id, [UUID(each) for each in event.ids])
        rows, kept = str(done.erased.total()), str(done.kept.total())
        unit.record("records.erased", target_kind="contact", target_id=contact_id, rows=rows, kept=kept)
        await delivery.finish(unit)


#: What a service erases beside what its map says, in each organisation of the person and once in none.
Also = Callable[[UnitOfWork, Collection[str]], Awaitable[Mapping[str, int]]]


#: What a service does about a contact before its rows are erased, as often as it takes: files that they describe.
First = Callable[[Delivery, UUID], Awaitable[None]]


class Listener:
    """Erases in a service what it has of a person whom tenancy told of: one transaction for each organisation, so that
    what fails is done again from there. `also`: what only the service itself can find (mails, by digests of addresses).
    """

    def __init__(
        self, bus: Bus, holdings: Map, *, name: str = "", also: Also | None = None, first: First | None = None
    ) -> None:
        self._holdings = holdings
        self._name = name or holdings.service
        self._also = also
        self._first = first
        bus.on_steps(pb.PersonErased, self.person_erased)
        if any(table.contact for table in holdings):
            bus.on_steps(pb.ContactErased, self.contact_erased)

    async def contact_erased(self, delivery: Delivery, event: pb.ContactErased) -> None:
        """A firm erased one of its contacts."""
        if self._first is not None:
            await self._first(delivery, UUID(event.contact_id))
        await contact_erased(self._holdings, delivery, event)

    async def person_erased(self, delivery: Delivery, event: pb.PersonErased) -> None:
        """See the class."""
        account_id, done = UUID(event.account_id), Erased()
        for each in event.memberships:
            async with delivery.begin() as unit:
                await unit.enter(UUID(each.organisation_id))
                ids = {"account": account_id, "membership": UUID(each.membership_id)}
                done.add(await erase(unit, self._holdings, **ids))
                await self._beside(unit, event, done, [ids["membership"]])
        async with delivery.begin() as unit:
            await self._beside(unit, event, done, [])
        async with delivery.begin() as unit:
            answer(unit, self._name, UUID(event.erasure_id), done)
            await delivery.finish(unit)

    async def _beside(self, unit: UnitOfWork, event: pb.PersonErased, done: Erased, ids: list[UUID]) -> None:
        if self._also is not None:
            done.erased.update(await self._also(unit, event.mail_digests))
        done.erased["audit"] += await erase_acts(unit, UUID(event.account_id), ids)


async def _delete(unit: UnitOfWork, table: Table, rows: list[str]) -> int:
    if rows:
        await unit.fetch(f"DELETE FROM {table.name} WHERE {_ROWS}", rows)  # noqa: S608 - of the map
    return len(rows)  # those that went with others before are gone too


async def _count(unit: UnitOfWork, table: Table, text: str, ids: dict[str, UUID]) -> int:
    where = condition(text, ids)
    if where is None:
        return 0
    rows = await unit.fetch(f"SELECT count(*) FROM {table.name} WHERE {where.sql}", *where.values)  # noqa: S608 - of the map
    return int(rows[0]["count"])


async def _found(unit: UnitOfWork, table: Table, ids: dict[str, UUID]) -> list[str]:
    where = condition(table.person, ids) if table.person else None
    if where is None:
        return []
    held = "" if table.erase is Erasure.KEPT else " FOR UPDATE"
    query = f"SELECT ctid::text AS row FROM {table.name} WHERE {where.sql}{held}"  # noqa: S608 - of the map
    return [row["row"] for row in await unit.fetch(query, *where.values)]


async def blank(
    unit: UnitOfWork, table: Table, columns: list[str], where: str, ids: dict[str, UUID], *values: list[str]
) -> int:
    """Empties columns of the rows that a condition of the map names. 0 where it needs an id that there is not."""
    types = {row["name"]: row for row in await unit.fetch(_COLUMNS, table.name)}
    sets = ", ".join(f"{name} = {table.blanks.get(name) or _nothing(types[name])}" for name in columns)
    whole = condition(f"{sets} WHERE {where}", ids, len(values) + 1)
    if whole is None:
        return 0
    query = f"UPDATE {table.name} SET {whole.sql} RETURNING 1"  # noqa: S608 - of the map
    return len(await unit.fetch(query, *values, *whole.values))


def _nothing(column: Any) -> str:
    kind = str(column["type"])
    if not column["needed"]:
        return "NULL"
    if kind.endswith("[]"):
        return f"'{{}}'::{kind}"
    return _EMPTY[kind]
