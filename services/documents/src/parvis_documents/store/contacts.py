"""Contacts and names of people, as tenancy last told."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlmodel import col

from parvis_documents.models import Contact, ContactAdviser, Person
from parvis_documents.store.sight import Arguments, Sight
from parvis_kit.unit import UnitOfWork


async def save_contact(
    unit: UnitOfWork, contact_id: UUID, *, kind: str, name: str, advisers: Sequence[UUID], version: int
) -> None:
    """Keeps what tenancy told of a contact; older news than what is known changes nothing."""
    row = upsert(Contact).values(
        organisation_id=unit.organisation_id, id=contact_id, kind=kind, name=name, version=version
    )
    newer = row.on_conflict_do_update(
        index_elements=["organisation_id", "id"],
        set_={"name": row.excluded.name, "kind": row.excluded.kind, "version": row.excluded.version},
        where=col(Contact.version) < row.excluded.version,
    ).returning(col(Contact.id))
    if (await unit.execute(newer)).first() is None:
        return
    mine = (col(ContactAdviser.organisation_id) == unit.organisation_id) & (
        col(ContactAdviser.contact_id) == contact_id
    )
    await unit.execute(delete(ContactAdviser).where(mine))
    if advisers:
        await unit.execute(
            insert(ContactAdviser),
            [
                {"organisation_id": unit.organisation_id, "contact_id": contact_id, "adviser_id": adviser}
                for adviser in dict.fromkeys(advisers)
            ],
        )


async def save_person(unit: UnitOfWork, membership_id: UUID, *, name: str, version: int) -> None:
    """Keeps the name of a membership; older news changes nothing."""
    row = upsert(Person).values(
        organisation_id=unit.organisation_id, membership_id=membership_id, name=name, version=version
    )
    await unit.execute(
        row.on_conflict_do_update(
            index_elements=["organisation_id", "membership_id"],
            set_={"name": row.excluded.name, "version": row.excluded.version},
            where=col(Person.version) < row.excluded.version,
        )
    )


async def is_known(unit: UnitOfWork, contact_id: UUID) -> bool:
    """Whether tenancy's news of the contact has arrived."""
    return await unit.get(Contact, (unit.organisation_id, contact_id)) is not None


async def sees(unit: UnitOfWork, sight: Sight, contact_id: UUID) -> bool:
    """Whether a contact is seen."""
    arguments = Arguments([unit.organisation_id, contact_id])
    condition = sight.of_contacts(arguments, contact="c.id", organisation="$1")
    query = f"SELECT FROM contacts c WHERE c.organisation_id = $1 AND c.id = $2{condition}"
    return bool(await unit.fetch(query, *arguments))


async def advisers_of(unit: UnitOfWork, contact_id: UUID) -> list[UUID]:
    """Memberships in charge of a contact."""
    query = select(func.array_agg(col(ContactAdviser.adviser_id))).where(
        col(ContactAdviser.organisation_id) == unit.organisation_id, col(ContactAdviser.contact_id) == contact_id
    )
    return await unit.scalar(query) or []
