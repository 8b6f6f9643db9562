"""All SQL of the trail, and what a filter lets through. Every function takes the unit of work, which carries the
organisation.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from parvis_kit.audit import ERASED, NOBODY
from parvis_kit.text import search_key

if TYPE_CHECKING:
    import asyncpg

    from parvis_kit.unit import UnitOfWork

#: Acts that a search for words looks at in one call; the page says how far it came.
LONGEST_SEARCH = 10_000
_BATCH = 500
_COLUMNS = (
    "id, organisation_id, act, target_kind, target_id, account_id, membership_id, actor, service, session_id, at,"
    " details::text AS details, salt, seq, previous, content_digest, digest"
)
#: Newer than every act.
NEWEST: Final = (datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1))
#: The moment of an act and its identifier: what lists are ordered by, the same in every service.
Place = tuple[datetime, UUID]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a search, folded, with the acts and the people that it means."""

    text: str
    acts: frozenset[str] = frozenset()
    account_ids: frozenset[UUID] = frozenset()

    def is_in(self, row: "asyncpg.Record", haystack: str) -> bool:
        """Whether an act is about the word."""
        meant = row["act"] in self.acts or not self.account_ids.isdisjoint({row["account_id"], row["actor"]})
        return meant or self.text in haystack


@dataclass(frozen=True, slots=True)
class Filter:
    """Which acts are wanted: all that is given holds."""

    since: datetime | None = None
    until: datetime | None = None
    account_id: UUID | None = None
    acts: tuple[str, ...] = ()
    target_kind: str = ""
    target_id: str = ""
    words: tuple[Word, ...] = field(default=())

    def conditions(self) -> Iterator[tuple[str, Any]]:
        """SQL with one `{}` each, and its value; the words are looked for in what they leave."""
        if self.since is not None:
            yield "at >= {}", self.since
        if self.until is not None:
            yield "at < {}", self.until
        if self.account_id is not None:
            yield "{} IN (account_id, actor)", self.account_id
        if self.acts:
            yield "act = ANY({})", list(self.acts)
        if self.target_kind:
            yield "target_kind = {}", self.target_kind
        if self.target_id:
            yield "target_id = {}", self.target_id

    def finds(self, row: "asyncpg.Record") -> bool:
        """Whether every word is in an act."""
        if not self.words:
            return True
        haystack = search_key(row["act"], row["target_kind"], row["target_id"], *details(row).values())
        return all(word.is_in(row, haystack) for word in self.words)


def details(row: "asyncpg.Record") -> Mapping[str, str]:
    """What an act says beside what it is; empty once erased."""
    return {name: str(value) for name, value in json.loads(row["details"] or "{}").items()}


def place_of(row: "asyncpg.Record") -> Place:
    """Where an act stands in lists."""
    return row["at"], row["id"]


async def listed(
    unit: "UnitOfWork", wanted: Filter, size: int, after: Place = NEWEST
) -> tuple[list["asyncpg.Record"], Place | None]:
    """The newest `size` acts behind a place, and where the next page begins, when there may be more."""
    found: list[asyncpg.Record] = []
    seen = 0
    while seen < LONGEST_SEARCH:
        batch = size + 1 - len(found) if not wanted.words else _BATCH
        rows = await _behind(unit, wanted, after, batch)
        for row in rows:
            if len(found) == size:
                return found, place_of(found[-1])
            if wanted.finds(row):
                found.append(row)
            after = place_of(row)
        if len(rows) < batch:
            return found, None
        seen += len(rows)
    return found, after


async def _behind(unit: "UnitOfWork", wanted: Filter, after: Place, size: int) -> list["asyncpg.Record"]:
    conditions, values = ["organisation_id = $1", "(at, id) < ($2, $3)"], [_organisation(unit), *after]
    for condition, value in wanted.conditions():
        values.append(value)
        conditions.append(condition.format(f"${len(values)}"))
    query = f"SELECT {_COLUMNS} FROM audit WHERE {' AND '.join(conditions)} ORDER BY at DESC, id DESC LIMIT {size:d}"  # noqa: S608 - conditions of this module, values as parameters
    return await unit.fetch(query, *values)


async def one(unit: "UnitOfWork", entry_id: UUID) -> "asyncpg.Record | None":
    """An act of the organisation."""
    query = f"SELECT {_COLUMNS} FROM audit WHERE organisation_id = $1 AND id = $2"  # noqa: S608 - column names
    rows = await unit.fetch(query, _organisation(unit), entry_id)
    return rows[0] if rows else None


async def links(unit: "UnitOfWork", after: int, size: int) -> list["asyncpg.Record"]:
    """Sealed acts in the order of the chain."""
    query = f"SELECT {_COLUMNS} FROM audit WHERE organisation_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"  # noqa: S608 - idem
    return await unit.fetch(query, _organisation(unit), after, size)


async def erases(unit: "UnitOfWork") -> bool:
    """Whether acts were erased and the act that says so is not sealed yet, which takes about a second."""
    query = "SELECT FROM audit WHERE organisation_id = $1 AND seq IS NULL AND act = $2 LIMIT 1"
    return bool(await unit.fetch(query, _organisation(unit), ERASED))


async def length(unit: "UnitOfWork") -> int:
    """How many acts of the organisation are sealed."""
    rows = await unit.fetch("SELECT seq FROM audit_heads WHERE organisation_id = $1", _organisation(unit))
    return rows[0]["seq"] if rows else 0


async def heads(unit: "UnitOfWork", after: UUID | None, size: int) -> list["asyncpg.Record"]:
    """Where the chains of all organisations end."""
    query = """
        SELECT organisation_id, seq, digest FROM audit_heads
        WHERE ($1::uuid IS NULL OR organisation_id > $1) AND seq > 0 ORDER BY organisation_id LIMIT $2"""
    return await unit.fetch(query, after, size)


async def digests(unit: "UnitOfWork", places: Sequence[tuple[UUID, int]]) -> list[bytes]:
    """What stands at places of chains, whoever's they are; empty where there is nothing. For services only."""
    found: dict[tuple[UUID, int], bytes] = {}
    for organisation_id in sorted({organisation_id for organisation_id, _ in places}):
        await unit.enter(organisation_id)
        wanted = [seq for each, seq in places if each == organisation_id]
        query = "SELECT seq, digest FROM audit WHERE organisation_id = $1 AND seq = ANY($2)"
        rows = await unit.fetch(query, organisation_id, wanted)
        found |= {(organisation_id, row["seq"]): row["digest"] for row in rows}
    return [found.get(place, b"") for place in places]


def _organisation(unit: "UnitOfWork") -> UUID:
    return unit.organisation_or_none or NOBODY
