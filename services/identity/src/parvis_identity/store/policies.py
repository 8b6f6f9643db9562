"""What firms demand of passwords."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from parvis_identity.models import FirmPasswordPolicy
from parvis_kit.unit import UnitOfWork

#: Whose the installation's floor is.
NOBODY = UUID(int=0)


async def found(unit: UnitOfWork, organisation_id: UUID | None) -> Sequence[FirmPasswordPolicy]:
    """The installation's floor as it was at the last start, and the firm's own policy, as far as they are there."""
    wanted = [NOBODY] if organisation_id is None else [NOBODY, organisation_id]
    rows: Sequence[FirmPasswordPolicy] = await unit.scalars(
        select(FirmPasswordPolicy).where(col(FirmPasswordPolicy.organisation_id).in_(wanted))
    )
    return rows


async def lock(unit: UnitOfWork, organisation_id: UUID) -> FirmPasswordPolicy | None:
    """A policy, kept from other writers until the transaction ends."""
    return await unit.get(FirmPasswordPolicy, organisation_id, lock=True)
