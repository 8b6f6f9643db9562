"""Portal accesses: memberships that act for contacts."""

from uuid import UUID

from asyncpg import Record
from sqlalchemy import select

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.models import AccessContact

_LOCK = "SELECT 1 FROM memberships WHERE organisation_id = $1 AND id = $2 FOR NO KEY UPDATE"
_ONE = """
SELECT x.contact_id, x.person_id, x.membership_id, x.folder_template_ids,
       m.account_id, m.identifier, m.state, m.invited_at, m.activated_at
FROM access_contacts x
JOIN memberships m ON m.organisation_id = x.organisation_id AND m.id = x.membership_id
WHERE x.organisation_id = $1 AND x.membership_id = $2 ORDER BY x.contact_id"""

_QUOTA = """
SELECT m.access_quota, (SELECT count(*) FROM memberships g WHERE g.organisation_id = $1 AND g.granted_by = $2
                        AND g.kind = 2 AND g.state IN (1, 2)) AS used
FROM memberships m WHERE m.organisation_id = $1 AND m.id = $2"""


async def quota(unit: UnitOfWork, membership_id: UUID, *, lock: bool = False) -> tuple[int | None, int]:
    """How many accesses a member may have granted and open at a time (None: any number), and how many they have.

    `lock`: grants of the same member wait until this transaction ends.
    """
    if lock:
        await unit.fetch(_LOCK, unit.organisation_id, membership_id)
    rows = await unit.fetch(_QUOTA, unit.organisation_id, membership_id)
    return (rows[0]["access_quota"], rows[0]["used"]) if rows else (None, 0)


async def read(unit: UnitOfWork, membership_id: UUID) -> list[Record]:
    """An access, once for each contact that it acts for."""
    return await unit.fetch(_ONE, unit.organisation_id, membership_id)


async def of_contact(unit: UnitOfWork, contact_id: UUID) -> list[AccessContact]:
    """The accesses that were ever given for a contact."""
    statement = select(AccessContact).where(
        AccessContact.organisation_id == unit.organisation_id,  # type: ignore[arg-type] # a column
        AccessContact.contact_id == contact_id,  # type: ignore[arg-type] # a column
    )
    return list(await unit.scalars(statement))


async def load(unit: UnitOfWork, membership_id: UUID) -> list[AccessContact]:
    """What a portal membership acts for, to change."""
    statement = select(AccessContact).where(
        AccessContact.organisation_id == unit.organisation_id,  # type: ignore[arg-type] # a column
        AccessContact.membership_id == membership_id,  # type: ignore[arg-type] # a column
    )
    return list(await unit.scalars(statement.with_for_update()))
