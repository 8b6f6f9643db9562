"""The erasure of an organisation by the map of data: all of its rows, but those that a law keeps.

    tenancy ── OrganisationErased ──► identity, documents, notify, billing
    each of them ── OrganisationRecordsErased ──► tenancy

Tables go children first, by the foreign keys of the database. Everything happens by the organisation's identifier,
under the policies of its own transactions: a second time finds nothing, and nobody else's row is seen. The trail stays
as a chain whose acts say nothing any more, so that later anchors still cover what an export of before said.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from uuid import UUID

from parvis.records.v1 import events_pb2 as pb
from parvis_kit.audit import ERASED
from parvis_kit.bus import Bus, Delivery, Retry
from parvis_kit.unit import UnitOfWork
from parvis_records.erasure import ASIDE, Erased, blank, erase_details
from parvis_records.map import Map, Table, Until, condition

#: Rows of one statement where several may be needed.
BATCH: Final = 5_000
_KEPT: Final = (Until.LAW, Until.INSTALLATION)
_UNSEALED_SOON: Final = 2.0  # s
_KEYS = """
SELECT c.conrelid::regclass::text AS child, c.confrelid::regclass::text AS parent FROM pg_constraint c
WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace"""
#: What a service does before its rows go: files that they lead to, accounts of the organisation's own.
Before = Callable[[Delivery, UUID], Awaitable[None]]


class Closer:
    """Erases in a service what it has of an organisation that tenancy told of, a batch of rows at a time."""

    def __init__(
        self, bus: Bus, holdings: Map, *, before: Before | None = None, first: Sequence[str] = (), acts: str = ""
    ) -> None:
        """`first`: tables before all others; `acts`: the acts whose details a law keeps (SQL over the trail)."""
        self._holdings = holdings
        self._before = before
        self._first = first
        self._acts = acts
        bus.on_steps(pb.OrganisationErased, self.organisation_erased)

    async def organisation_erased(self, delivery: Delivery, event: pb.OrganisationErased) -> None:
        """See the class. A redelivery goes on where the last attempt came to."""
        organisation_id, done = UUID(event.organisation_id), Erased()
        if self._before is not None:
            await self._before(delivery, organisation_id)
        async with delivery.begin() as unit:
            await unit.enter(organisation_id)
            await _sealed(unit)
            steps = await order(unit, self._holdings, self._first)
        for table, whole in steps:
            gone = 1
            while gone:
                async with delivery.begin() as unit:
                    await unit.enter(organisation_id)
                    gone = await _delete(unit, table, whole=whole)
                    done.erased[table.name] += gone
        async with delivery.begin() as unit:
            await unit.enter(organisation_id)
            done.add(await _rest(unit, self._holdings, self._acts))
        async with delivery.begin() as unit:
            told = pb.OrganisationRecordsErased(
                closing_id=event.closing_id, service=self._holdings.service, erased=+done.erased, kept=done.kept
            )
            unit.emit(told, aggregate_id=UUID(event.closing_id))
            await delivery.finish(unit)


async def erase_all(unit: UnitOfWork, holdings: Map, *, first: Sequence[str] = (), acts: str = "") -> Erased:
    """Erases the organisation of the unit in its one transaction; the tables `first` before all others. Raises Retry
    while acts are not sealed yet.
    """
    await _sealed(unit)
    done = Erased()
    for table, _ in await order(unit, holdings, first):
        done.erased[table.name] += await _delete(unit, table, whole=True)
    done.add(await _rest(unit, holdings, acts))
    return Erased(+done.erased, +done.kept)


async def order(unit: UnitOfWork, holdings: Map, first: Sequence[str] = ()) -> list[tuple[Table, bool]]:
    """The tables whose rows go, those that point to others before these; and whether one points to itself, so that its
    rows go at once.
    """
    going = {
        table.name: table
        for table in holdings
        if table.organisation and table.name not in ASIDE and (table.keep.until not in _KEPT or table.lawful)
    }
    pairs = {(row["child"], row["parent"]) for row in await unit.fetch(_KEYS)}
    inner = {child for child, parent in pairs if child == parent}
    pairs = {(child, parent) for child, parent in pairs if child != parent}
    left, found = dict(sorted(going.items(), key=lambda each: each[0] not in first)), list[tuple[Table, bool]]()
    while left:
        free = [name for name in left if not any(parent == name and child in left for child, parent in pairs)]
        if not free:
            raise RuntimeError(f"{sorted(left)} point to each other: which of them goes first?")
        found += [(left.pop(name), name in inner) for name in free]
    return found


async def _sealed(unit: UnitOfWork) -> None:
    """Raises Retry while acts are not sealed yet, which takes about a second: before anything is erased and counted."""
    query = "SELECT FROM audit WHERE organisation_id = $1 AND seq IS NULL AND act <> $2 LIMIT 1"
    if await unit.fetch(query, unit.organisation_id, ERASED):
        raise Retry(_UNSEALED_SOON)


async def _delete(unit: UnitOfWork, table: Table, *, whole: bool) -> int:
    where = condition(table.organisation, {"organisation": unit.organisation_id})
    if where is None:
        return 0
    but = f" AND NOT coalesce({table.lawful}, false)" if table.lawful else ""
    rows = f"({where.sql}){but}"
    if not whole:
        batch = f"SELECT ctid FROM {table.name} WHERE {rows} LIMIT {BATCH}"  # noqa: S608 - of the map
        rows = f"ctid = ANY(ARRAY({batch}))"
    query = f"DELETE FROM {table.name} WHERE {rows} RETURNING 1"  # noqa: S608 - of the map
    return len(await unit.fetch(query, *where.values))


async def _rest(unit: UnitOfWork, holdings: Map, acts: str) -> Erased:
    """Rows of others that name the organisation, the trail, and how much a law keeps."""
    done, ids = Erased(), {"organisation": unit.organisation_id}
    for table in holdings:
        for where, columns in table.mentions:
            if "{organisation}" in where:
                done.erased[table.name] += await blank(unit, table, columns.split(), where, ids)
        if table.organisation and table.name not in ASIDE and table.keep.until in _KEPT:
            where_kept = condition(table.organisation, ids)
            query = f"SELECT count(*) FROM {table.name} WHERE {where_kept.sql if where_kept else 'false'}"  # noqa: S608
            done.kept[table.name] += (await unit.fetch(query, unit.organisation_id))[0]["count"]
    but = f" AND NOT ({acts})" if acts else ""
    done.erased["audit"] += await erase_details(unit, f"organisation_id = $1{but}", unit.organisation_id)
    return done
