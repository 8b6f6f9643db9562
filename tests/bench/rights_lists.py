"""Pages of fifty contacts under every width of reach, as tenancy's store reads them, beside the bare index scan that
a list without any scope takes.

What is timed is a whole unit of work: BEGIN with its settings, the page with advisers and accesses of each contact (on
the first page the total, too), COMMIT. The bare scan is one statement on an open connection, keys and ids only.
"""

import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import asyncpg
from rights_population import LargeFirm

from parvis_kit.caller import Caller
from parvis_kit.ids import uuid7
from parvis_kit.paging import Cursor
from parvis_kit.unit import Database
from parvis_local.suite import Suite
from parvis_tenancy.store import contacts
from parvis_tenancy.store.contact_lists import MOST_COUNTED
from parvis_tenancy.store.contact_reach import Reach

SIZE = 50
PAGES = 120
KINDS = ((1,), (2,), (3,), (1, 2, 3))

_SCAN = """
SELECT sort_key, id FROM contacts WHERE organisation_id = $1 AND kind = $2 AND (sort_key, id) > ($3, $4)
ORDER BY sort_key, id LIMIT 51"""


@dataclass(frozen=True, slots=True)
class Pages:
    """Milliseconds of pages in reach of so many advisers (None: everything): first ones, and ones at any depth."""

    name: str
    advisers: int | None
    first: Sequence[float]
    deep: Sequence[float]

    @property
    def took(self) -> Sequence[float]:
        """All of them."""
        return [*self.first, *self.deep]


def reaches(firm: LargeFirm) -> dict[str, Reach]:
    """Reaches of every width, by name."""
    strangers = frozenset(uuid7() for _ in range(len(firm.members) // 2))
    return {
        "mine": Reach(advisers=frozenset({firm.members[-1]})),
        "attached, a small team": Reach(advisers=firm.below(150)),
        "attached, a large team": Reach(advisers=firm.below(15)),
        "attached, a tenth": Reach(advisers=firm.below(3)),
        "half of the members": Reach(advisers=frozenset(firm.members[1::2])),
        "attached, everybody": Reach(advisers=firm.below(0)),
        "members without contacts": Reach(advisers=strangers),
        "all": Reach(),
    }


@asynccontextmanager
async def opened(suite: Suite) -> AsyncIterator[tuple[Database, asyncpg.Connection]]:
    """Tenancy's database as tenancy opens it, and a bare connection to it."""
    url = suite.environment("tenancy")["PARVIS_DATABASE_URL"]
    database, bare = Database(url, service="tenancy"), await asyncpg.connect(url, server_settings={"jit": "off"})
    try:
        yield database, bare
    finally:
        await bare.close()
        await database.close()


async def places(suite: Suite, firm: LargeFirm, count: int) -> Sequence[Cursor]:
    """Contacts anywhere in the list, behind which pages begin."""
    connection = await asyncpg.connect(suite.superuser_url("tenancy"))
    try:
        share = min(100.0, 1000 * count / firm.contacts)
        rows = await connection.fetch(
            "SELECT sort_key, id FROM contacts TABLESAMPLE SYSTEM ($2::real) WHERE organisation_id = $1",
            firm.organisation_id,
            share,
        )
    finally:
        await connection.close()
    chance = random.Random(3)
    return [Cursor(row["sort_key"], row["id"], 0) for row in chance.sample(rows, min(count, len(rows)))]


async def pages(database: Database, firm: LargeFirm, name: str, reach: Reach, cursors: Sequence[Cursor]) -> Pages:
    """Pages of one reach, each kind in turns. Cursors carry the total that the first page counted."""
    first, deep = [], []
    totals: dict[tuple[int, ...], int] = {}
    for number, cursor in enumerate([None, *cursors]):
        kinds = KINDS[number % len(KINDS)]
        after = Cursor(cursor.key, cursor.id, totals.get(kinds, MOST_COUNTED + 1)) if cursor else None
        after = after if kinds in totals else None
        began = time.perf_counter()
        async with database.begin(Caller("tenancy"), organisation_id=firm.organisation_id) as unit:
            _, totals[kinds] = await contacts.page(
                unit, kinds=kinds, patterns=(), unused_access=False, reach=reach, after=after, size=SIZE + 1
            )
        took = 1000 * (time.perf_counter() - began)
        if number >= 2 * len(KINDS):  # statements are prepared by then
            (deep if after else first).append(took)
    for _ in range(PAGES // 8):
        for kinds in KINDS:
            began = time.perf_counter()
            async with database.begin(Caller("tenancy"), organisation_id=firm.organisation_id) as unit:
                await contacts.page(
                    unit, kinds=kinds, patterns=(), unused_access=False, reach=reach, after=None, size=SIZE + 1
                )
            first.append(1000 * (time.perf_counter() - began))
    return Pages(name, None if reach.advisers is None else len(reach.advisers), first, deep)


async def scan(bare: asyncpg.Connection, organisation_id: UUID, cursors: Sequence[Cursor]) -> list[float]:
    """The bare scan, in milliseconds."""
    took = []
    async with bare.transaction():
        await bare.execute("SELECT set_config('parvis.organisation', $1, true)", str(organisation_id))
        for number, cursor in enumerate([*cursors] * 2):
            began = time.perf_counter()
            await bare.fetch(_SCAN, organisation_id, 1 + number % 3, cursor.key, cursor.id)
            took.append(1000 * (time.perf_counter() - began))
    return took[len(cursors) // 2 :]
