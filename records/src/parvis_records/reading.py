"""Rows as an export tells them, page by page, by the map of data: of a person wherever they belong or belonged, or of
an organisation.

A place in an export is a scope (the account alone, then each of its memberships; or the organisation), a table and the
key of the last row. Each page is a query per table under the policies of the transaction at hand: a place that somebody
made up moves the beginning of their own export, no more.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from parvis_kit import paging
from parvis_records.map import Map, Table, condition

if TYPE_CHECKING:
    import asyncpg

    from parvis_kit.unit import UnitOfWork

#: Rows of a query, and bytes after which a page ends.
ROWS: Final = 200
BYTES: Final = 1 << 20
_NOTHING: Final = "00000000-0000-0000-0000-000000000000"
_CATALOGUE: Final = """
SELECT c.relname AS name, coalesce(obj_description(c.oid, 'pg_class'), '') LIKE 'parvis:global%' AS everywhere,
       array(SELECT a.attname::text FROM pg_index i JOIN unnest(i.indkey) WITH ORDINALITY k(n, at) ON true
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.n
             WHERE i.indrelid = c.oid AND i.indisprimary ORDER BY k.at) AS keys
FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows: of an account outside organisations (`organisation` None) or in one, as a member of it; or, without
    an account, all of an organisation.
    """

    account: UUID | None = None
    organisation: UUID | None = None
    membership: UUID | None = None
    #: Of an account outside organisations: those that have a scope of their own.
    elsewhere: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins."""

    scope: str = ""
    table: str = ""
    key: str = ""

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(json.dumps([self.scope, self.table, self.key]).encode()).decode()


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is told, with its key; `raw` only where it was asked for."""

    kind: str
    content: str
    key: str


def place(token: str) -> Place:
    """Where a token says that the page begins. Raises INVALID malformed_request."""
    if not token:
        return Place()
    try:
        scope, table, key = json.loads(base64.urlsafe_b64decode(token))
        if not all(isinstance(each, str) and "\0" not in each for each in (scope, table, key)):
            raise paging.refusal()
        if key and not isinstance(json.loads(key), dict):
            raise paging.refusal()
    except (ValueError, TypeError):
        raise paging.refusal() from None
    return Place(scope, table, key)


class Reader:
    """Reads one service's rows by its map."""

    def __init__(self, told: Map) -> None:
        self._map = told
        self._keys: dict[str, list[str]] = {}
        self._everywhere: frozenset[str] = frozenset()

    async def page(
        self, unit: "UnitOfWork", scope: Scope, after: Place, room: int = BYTES
    ) -> tuple[list[Row], Place | None]:
        """Rows of a scope from a place on, a page full at most, and where the next page begins; None: that was all."""
        await self._learn(unit)
        found: list[Row] = []
        tables = [table for table in self._map if table.exported]
        names = [table.name for table in tables]
        first = names.index(after.table) if after.table in names else 0
        for table in tables[first:]:
            key = after.key if table.name == after.table else ""
            while True:
                rows = await self._rows(unit, table, scope, key)
                for row in rows:
                    found.append(row)
                    room -= len(row.content)
                    if room <= 0 or len(found) >= ROWS:
                        return found, Place(after.scope, table.name, row.key)
                if len(rows) < ROWS:
                    break
                key = rows[-1].key
        return found, None

    async def one(self, unit: "UnitOfWork", scope: Scope, table: Table, key: str) -> "Mapping[str, Any] | None":
        """A row of a scope with all its columns, by its key."""
        await self._learn(unit)
        where = self._condition(table, scope)
        if where is None:
            return None
        sql, values = where
        keys = ", ".join(f"{_name(table.name)}.{_name(each)}" for each in self._keys[table.name])
        query = (
            f"SELECT {_name(table.name)}.* FROM {_name(table.name)} WHERE {sql} AND ({keys}) = "  # noqa: S608 - names of the map
            f"(SELECT {_keys_of(self._keys[table.name])} FROM jsonb_populate_record"
            f"(NULL::{_name(table.name)}, ${len(values) + 1}::jsonb) k)"
        )
        rows = await unit.fetch(query, *values, key)
        return dict(rows[0]) if rows else None

    async def _rows(self, unit: "UnitOfWork", table: Table, scope: Scope, after: str) -> list[Row]:
        where = self._condition(table, scope)
        if where is None:
            return []
        sql, values = where
        name, keys = _name(table.name), self._keys[table.name]
        own_keys = ", ".join(f"{name}.{_name(each)}" for each in keys)
        told = ", ".join(f"{name}.{_name(each)}" for each in table.exported)
        if after:
            values = (*values, after)
            sql += (
                f" AND ({own_keys}) > (SELECT {_keys_of(keys)} FROM jsonb_populate_record"  # noqa: S608 - idem
                f"(NULL::{name}, ${len(values)}::jsonb) k)"
            )
        query = (
            f"SELECT (SELECT row_to_json(r)::text FROM (SELECT {told}) r) AS content,"  # noqa: S608 - names of the map
            f" (SELECT row_to_json(r)::text FROM (SELECT {own_keys}) r) AS key"
            f" FROM {name} WHERE {sql} ORDER BY {own_keys} LIMIT {ROWS:d}"
        )
        return [Row(table.name, row["content"], row["key"]) for row in await unit.fetch(query, *values)]

    def _condition(self, table: Table, scope: Scope) -> tuple[str, tuple[Any, ...]] | None:
        """Which rows of a table are of a scope, as SQL with its values; None: none can be."""
        if scope.account is None:
            ids = {} if scope.organisation is None else {"organisation": scope.organisation}
            return _put(table.organisation, ids)
        ids = {"account": scope.account}
        everywhere = table.name in self._everywhere
        if scope.organisation is None:
            # Rows of organisations, as far as policies show them from outside: those that have no scope of their own.
            found = _put(table.person, ids)
            if found is None or everywhere:
                return found
            return f"{found[0]} AND organisation_id <> ALL(${len(found[1]) + 1}::uuid[])", (
                *found[1],
                list(scope.elsewhere),
            )
        if everywhere:
            return None
        if scope.membership is not None:
            ids["membership"] = scope.membership
        found = _put(table.person, ids)
        if found is None:
            return None
        return f"{found[0]} AND organisation_id = ${len(found[1]) + 1}::uuid", (*found[1], scope.organisation)

    async def _learn(self, unit: "UnitOfWork") -> None:
        """Keys of the tables, and which of them belong to no organisation: once for all."""
        if self._keys:
            return
        rows: Sequence[asyncpg.Record] = await unit.fetch(_CATALOGUE)
        self._everywhere = frozenset(row["name"] for row in rows if row["everywhere"])
        self._keys = {row["name"]: row["keys"] for row in rows}


def _put(text: str, ids: Mapping[str, UUID]) -> tuple[str, tuple[Any, ...]] | None:
    found = condition(text, ids) if text else None
    return None if found is None else (f"({found.sql})", found.values)


def _keys_of(names: Sequence[str]) -> str:
    return ", ".join(f"k.{_name(each)}" for each in names)


def _name(text: str) -> str:
    return f'"{text}"'
