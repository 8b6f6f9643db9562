"""What firms demand of passwords."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from parvis_identity.models import FirmPasswordPolicy
from parvis_kit.unit import UnitOfWork

#: Whose the installation's floor is.
NOBODY = UUID(int=0)


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A `FirmPasswordPolicy` to be read only: every sign-in asks for it."""

    organisation_id: UUID
    minimum: int
    digit: bool
    capital: bool
    small: bool
    special_characters: str
    tightened_at: datetime | None


async def found(unit: UnitOfWork, organisation_id: UUID | None) -> Sequence[PolicyRow]:
    """The installation's floor as it was at the last start, and the firm's own policy, as far as they are there."""
    rows = await unit.fetch(_FOUND, NOBODY, organisation_id or NOBODY)
    return [PolicyRow(*row) for row in rows]


_FOUND = """
SELECT organisation_id, minimum, digit, capital, small, special_characters, tightened_at
  FROM password_policies WHERE organisation_id IN ($1, $2)
"""


async def lock(unit: UnitOfWork, organisation_id: UUID) -> FirmPasswordPolicy | None:
    """A policy, kept from other writers until the transaction ends."""
    return await unit.get(FirmPasswordPolicy, organisation_id, lock=True)


async def insert_unless_there(unit: UnitOfWork, policy: FirmPasswordPolicy) -> bool:
    """Adds a policy unless its organisation has one; whether it was added. Waits for another who is adding it."""
    statement = insert(FirmPasswordPolicy).values(**policy.model_dump()).on_conflict_do_nothing()
    return (await unit.execute(statement.returning(col(FirmPasswordPolicy.organisation_id)))).first() is not None
