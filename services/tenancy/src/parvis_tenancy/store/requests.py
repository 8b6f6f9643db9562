"""Requests for an account."""

from datetime import datetime
from uuid import UUID

from asyncpg import Record
from sqlalchemy.dialects.postgresql import insert

from parvis_kit.paging import Cursor
from parvis_kit.unit import UnitOfWork
from parvis_tenancy.domain.states import RequestState
from parvis_tenancy.models import AccessRequest

_OPEN = "q.organisation_id = $1 AND q.state = 1 AND q.expires_at > $2"
_COUNT = f"SELECT count(*) FROM access_requests q WHERE {_OPEN}"  # noqa: S608 - constants
_PAGE = f"""
SELECT q.*, '' AS sort_key FROM access_requests q
WHERE {_OPEN} AND ($3::uuid IS NULL OR q.id > $3) AND ($5::uuid IS NULL OR q.id = $5) ORDER BY q.id LIMIT $4"""  # noqa: S608 - constants
_LAST = """
SELECT state, answered_at FROM access_requests
WHERE organisation_id = $1 AND account_id = $2 ORDER BY id DESC LIMIT 1"""
_SETTLE = """
UPDATE access_requests SET state = $3, answered_at = $4
WHERE organisation_id = $1 AND account_id = $2 AND state = 1"""
#: Of each organisation the newest, by name.
_MINE = """
SELECT DISTINCT ON (q.organisation_id) q.id, q.organisation_id, q.state, q.asked_at, q.expires_at, q.answered_at,
       q.reason, d.slug, d.name, d.accent, d.kind
FROM access_requests q JOIN organisation_directory d ON d.organisation_id = q.organisation_id
WHERE q.account_id = $1 ORDER BY q.organisation_id, q.id DESC"""
_OVERDUE = "SELECT 1 FROM access_requests WHERE organisation_id = $1 AND state = 1 AND expires_at <= $2 LIMIT 1"
_EXPIRE = """
UPDATE access_requests SET state = 5, answered_at = $2 WHERE organisation_id = $1 AND id IN (
    SELECT id FROM access_requests WHERE organisation_id = $1 AND state = 1 AND expires_at <= $2
    AND ($4::uuid IS NULL OR account_id = $4) ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id, account_id, mail, given_name, family_name, locale"""


async def insert_unless_there(unit: UnitOfWork, request: AccessRequest) -> bool:
    """Adds a request; False when it, or another open one of the account, is there."""
    statement = insert(AccessRequest).values(**request.model_dump()).on_conflict_do_nothing()
    return (await unit.execute(statement.returning(AccessRequest.id))).first() is not None  # type: ignore[call-overload] # a column


async def page(unit: UnitOfWork, after: Cursor | None, size: int, only: UUID | None = None) -> tuple[list[Record], int]:
    """Open requests after the cursor, oldest first (or the one asked for), and how many there are."""
    rows = await unit.fetch(_PAGE, unit.organisation_id, unit.now, after.id if after else None, size, only)
    if after is not None:
        return rows, after.total
    return rows, int((await unit.fetch(_COUNT, unit.organisation_id, unit.now))[0]["count"])


async def load(unit: UnitOfWork, request_id: UUID) -> AccessRequest | None:
    """A request to change, locked."""
    return await unit.get(AccessRequest, (unit.organisation_id, request_id), lock=True)


async def last(unit: UnitOfWork, account_id: UUID) -> Record | None:
    """State and answer of the newest request of an account."""
    rows = await unit.fetch(_LAST, unit.organisation_id, account_id)
    return rows[0] if rows else None


async def settle(unit: UnitOfWork, account_id: UUID, state: RequestState) -> None:
    """Gives an account's open request, if there is one, its final state."""
    await unit.fetch(_SETTLE, unit.organisation_id, account_id, int(state), unit.now)


async def of_account(unit: UnitOfWork, account_id: UUID) -> list[Record]:
    """The newest request of the transaction's account to each organisation, with the organisation's face."""
    return await unit.fetch(_MINE, account_id)


async def organisations(unit: UnitOfWork) -> list[UUID]:
    """Every organisation there is, for background work."""
    return [row["organisation_id"] for row in await unit.fetch("SELECT organisation_id FROM organisation_directory")]


async def has_overdue(unit: UnitOfWork) -> bool:
    """Whether a request of the organisation was not answered in time."""
    return bool(await unit.fetch(_OVERDUE, unit.organisation_id, unit.now))


async def expire(unit: UnitOfWork, now: datetime, most: int, account_id: UUID | None) -> list[Record]:
    """Ends requests (of one account) that were not answered in time, each once however many processes do this."""
    return await unit.fetch(_EXPIRE, unit.organisation_id, now, most, account_id)
