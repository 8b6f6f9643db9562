"""Organisations, their faces and structures."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record
from sqlalchemy import select

from parvis_kit.paging import Cursor
from parvis_kit.text import search_key
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.states import OrganisationKind
from parvis_tenancy.models import DirectoryEntry, Organisation, Structure
from parvis_tenancy.store.search import FIRST, sort_key

_SET_UP = 0x7061727669730101  # an advisory lock of this database: first starts happen one after the other
_MATCH = "provider_id = $1 AND id <> $1 AND search_key LIKE ALL($2)"
_COUNT = f"SELECT count(*) FROM organisations WHERE {_MATCH}"  # noqa: S608 - constants
_PAGE = f"""
SELECT * FROM organisations WHERE {_MATCH} AND (sort_key, id) > ($3, $4)
ORDER BY sort_key, id LIMIT $5"""  # noqa: S608 - constants

_OF_ACCOUNT = """
FROM memberships m JOIN organisation_directory d ON d.organisation_id = m.organisation_id
WHERE m.state IN (1, 2) AND (m.account_id = $1 OR (m.linked_account_id = $1 AND NOT EXISTS (
    SELECT 1 FROM memberships own WHERE own.organisation_id = m.organisation_id AND own.account_id = $1
    AND own.state IN (1, 2))))"""
_MINE = f"""
SELECT d.organisation_id AS id, d.slug, d.name, d.accent, d.kind AS organisation_kind, d.sort_key,
       m.kind, m.profile_name, m.profile_built_in, m.profile_id {_OF_ACCOUNT}"""
_AMONG = "AND ($2::uuid[] IS NULL OR m.organisation_id = ANY($2))"
_MINE_OF = f"{_MINE} {_AMONG}"
_MINE_NAMED = f"{_MINE_OF} AND d.slug = $3"
_MINE_PAGE = f"""
{_MINE_OF} AND d.search_key LIKE ALL($3) AND (d.sort_key, d.organisation_id) > ($4, $5)
ORDER BY d.sort_key, d.organisation_id LIMIT $6"""
_MINE_COUNT = f"SELECT count(*) {_OF_ACCOUNT} {_AMONG} AND d.search_key LIKE ALL($3)"


class Mine(NamedTuple):
    """Whose organisations are looked for. `among`: these alone; None: all of them."""

    account_id: UUID
    among: Sequence[UUID] | None = None


async def load(unit: UnitOfWork, *, lock: bool = False) -> Organisation | None:
    """The organisation of the transaction."""
    return await unit.get(Organisation, unit.organisation_id, lock=lock)


async def is_there(unit: UnitOfWork) -> bool:
    """Whether the organisation of the transaction exists."""
    return bool(await unit.fetch("SELECT 1 FROM organisations WHERE id = $1", unit.organisation_id))


async def customer(unit: UnitOfWork, organisation_id: UUID) -> Organisation | None:
    """An organisation that the one of the transaction serves; a provider serves itself."""
    found = await unit.get(Organisation, organisation_id)
    return found if found is not None and found.provider_id == unit.organisation_id else None


async def page_of_customers(
    unit: UnitOfWork, patterns: Sequence[str], after: Cursor | None, size: int
) -> tuple[list[Record], int]:
    """Customers by name after the cursor, and how many there are."""
    start = after or FIRST
    rows = await unit.fetch(_PAGE, unit.organisation_id, list(patterns), start.key, start.id, size)
    if after is not None:
        return rows, after.total
    return rows, int((await unit.fetch(_COUNT, unit.organisation_id, list(patterns)))[0]["count"])


async def entry(unit: UnitOfWork, organisation_id: UUID) -> DirectoryEntry | None:
    """The public face of an organisation."""
    return await unit.get(DirectoryEntry, organisation_id)


async def entry_by_slug(unit: UnitOfWork, slug: str) -> DirectoryEntry | None:
    """The public face with this slug."""
    found = await unit.scalars(select(DirectoryEntry).where(DirectoryEntry.slug == slug))  # type: ignore[arg-type]
    return found[0] if found else None


async def slug_is_free(unit: UnitOfWork, slug: str) -> bool:
    """Whether no organisation has the slug. Two that ask at once are told apart by the constraint."""
    return not await unit.fetch("SELECT 1 FROM organisation_directory WHERE slug = $1", slug)


async def provider_exists(unit: UnitOfWork) -> bool:
    """Whether the first start is over. Other first starts wait until this transaction ends."""
    await unit.fetch("SELECT pg_advisory_xact_lock($1)", _SET_UP)
    kind = int(OrganisationKind.PROVIDER)
    return bool(await unit.fetch("SELECT 1 FROM organisation_directory WHERE kind = $1", kind))


async def refresh_keys(unit: UnitOfWork) -> int:
    """Gives the organisations of the directory the keys of their names where they have others; says of how many."""
    rows = await unit.fetch("SELECT organisation_id, slug, name, sort_key, search_key FROM organisation_directory")
    stale = 0
    for row in rows:
        keys = sort_key(row["name"]), search_key(row["name"], row["slug"])
        if keys != (row["sort_key"], row["search_key"]):
            stale += 1
            await unit.fetch(_SET_KEYS, row["organisation_id"], row["name"], *keys)
    return stale


_SET_KEYS = "UPDATE organisation_directory SET sort_key = $3, search_key = $4 WHERE organisation_id = $1 AND name = $2"


async def page_of_account(
    unit: UnitOfWork, mine: Mine, patterns: Sequence[str], after: Cursor | None, size: int
) -> tuple[list[Record], int]:
    """The organisations that the account of the transaction may enter, by name after the cursor, and how many."""
    start = after or FIRST
    rows = await unit.fetch(_MINE_PAGE, *mine, list(patterns), start.key, start.id, size)
    if after is not None:
        return rows, after.total
    if len(rows) < size:
        return rows, len(rows)
    return rows, int((await unit.fetch(_MINE_COUNT, *mine, list(patterns)))[0]["count"])


async def of_account(unit: UnitOfWork, mine: Mine, slug: str) -> Record | None:
    """The organisation with this slug, if the account of the transaction may enter it."""
    rows = await unit.fetch(_MINE_NAMED, *mine, slug)
    return rows[0] if rows else None


async def structures(unit: UnitOfWork) -> Sequence[Structure]:
    """All structures, by name."""
    ordered = select(Structure).where(Structure.organisation_id == unit.organisation_id)  # type: ignore[arg-type]
    found: Sequence[Structure] = await unit.scalars(ordered.order_by("sort_key", "id"))
    return found
