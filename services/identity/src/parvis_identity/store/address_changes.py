"""Changes of addresses."""

from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlmodel import col

from parvis_identity.domain.address_changes import CONFIRMED_WITHIN, UNDONE_WITHIN, ChangeState
from parvis_identity.models import Account, AddressChange
from parvis_kit.unit import UnitOfWork


async def pending(unit: UnitOfWork, account_id: UUID) -> AddressChange | None:
    """The change of an account that waits for its proof."""
    query = select(AddressChange).where(
        col(AddressChange.account_id) == account_id,
        col(AddressChange.done_at).is_(None),
        col(AddressChange.ended_as) == "",
        col(AddressChange.asked_at) > unit.now - CONFIRMED_WITHIN,
    )
    found: AddressChange | None = await unit.scalar(query.order_by(col(AddressChange.asked_at).desc()).limit(1))
    return found


async def end_waiting(unit: UnitOfWork, account_id: UUID, how: ChangeState) -> None:
    """Ends what waits of an account."""
    statement = update(AddressChange).where(
        col(AddressChange.account_id) == account_id,
        col(AddressChange.done_at).is_(None),
        col(AddressChange.ended_as) == "",
    )
    await unit.execute(statement.values(ended_as=how))


async def end_from(unit: UnitOfWork, change: AddressChange) -> None:
    """A change is undone, and with it all that came after it."""
    statement = update(AddressChange).where(
        col(AddressChange.account_id) == change.account_id,
        col(AddressChange.asked_at) >= change.asked_at,
        col(AddressChange.ended_as) == "",
    )
    await unit.execute(statement.values(ended_as=ChangeState.UNDONE))


async def undoable(unit: UnitOfWork, account_id: UUID, key: str) -> AddressChange | None:
    """The first change of an account that took an address (by its key) away and may still be undone."""
    query = select(AddressChange).where(col(AddressChange.account_id) == account_id, *_reserves(unit, key))
    found: AddressChange | None = await unit.scalar(query.order_by(col(AddressChange.asked_at)).limit(1))
    return found


async def is_taken(unit: UnitOfWork, key: str, but: UUID) -> bool:
    """Whether a personal account other than `but` has an address (its key: domain.identifiers), or may get it back."""
    query = select(col(Account.id)).where(
        col(Account.organisation_id).is_(None), col(Account.identifier_key) == key, col(Account.id) != but
    )
    if await unit.scalar(query.limit(1)) is not None:
        return True
    moved = select(col(AddressChange.id)).where(col(AddressChange.account_id) != but, *_reserves(unit, key))
    return await unit.scalar(moved.limit(1)) is not None


async def reserved_for(unit: UnitOfWork, key: str) -> Account | None:
    """The account that had an address and may have it back."""
    query = select(Account).join(AddressChange, col(AddressChange.account_id) == col(Account.id))
    found: Account | None = await unit.scalar(query.where(*_reserves(unit, key)).limit(1))
    return found


def _reserves(unit: UnitOfWork, key: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(AddressChange.old_key) == key,
        col(AddressChange.done_at) > unit.now - UNDONE_WITHIN,
        col(AddressChange.ended_as) == "",
    )
