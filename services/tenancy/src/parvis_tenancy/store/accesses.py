"""Portal accesses: memberships that act for contacts."""

from uuid import UUID

from asyncpg import Record
from sqlalchemy import select

from parvis_kit.unit import UnitOfWork
from parvis_tenancy.models import AccessContact

_ONE = """
SELECT x.contact_id, x.person_id, x.membership_id, x.folder_template_ids,
       m.account_id, m.identifier, m.state, m.invited_at, m.activated_at
FROM access_contacts x
JOIN memberships m ON m.organisation_id = x.organisation_id AND m.id = x.membership_id
WHERE x.organisation_id = $1 AND x.membership_id = $2 ORDER BY x.contact_id"""


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
