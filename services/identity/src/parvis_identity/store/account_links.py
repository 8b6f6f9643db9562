"""Personal accounts and accounts of firms that are one person's."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from parvis_identity.models import Account, AccountLink
from parvis_kit.unit import UnitOfWork

_REACHES = """
SELECT 1 FROM account_links l JOIN accounts a ON a.id = l.managed_id
WHERE l.personal_id = $1 AND l.managed_id = $2 AND a.state = 'active'"""


async def reaches(unit: UnitOfWork, personal_id: UUID, managed_id: UUID) -> bool:
    """Whether a personal account is linked to an account of a firm that is in use."""
    return bool(await unit.fetch(_REACHES, personal_id, managed_id))


async def of_account(unit: UnitOfWork, account_id: UUID) -> Sequence[AccountLink]:
    """The links of an account, on whichever side it stands; oldest first."""
    mine = or_(col(AccountLink.personal_id) == account_id, col(AccountLink.managed_id) == account_id)
    return await unit.scalars(select(AccountLink).where(mine).order_by(col(AccountLink.id)))


async def insert_unless_there(unit: UnitOfWork, link: AccountLink) -> bool:
    """Adds a link; False when the managed account has one, or the personal one has one to that firm."""
    statement = insert(AccountLink).values(**link.model_dump()).on_conflict_do_nothing()
    return (await unit.execute(statement.returning(col(AccountLink.id)))).first() is not None


async def remove(unit: UnitOfWork, link_id: UUID) -> bool:
    """Ends a link; False when it had ended."""
    statement = delete(AccountLink).where(col(AccountLink.id) == link_id).returning(col(AccountLink.id))
    return (await unit.execute(statement)).first() is not None


async def accounts(unit: UnitOfWork, link: AccountLink) -> tuple[Account, Account]:
    """The personal and the managed account of a link."""
    found = {each.id: each for each in await unit.scalars(select(Account).where(col(Account.id).in_((
        link.personal_id, link.managed_id,
    ))))}  # fmt: skip
    return found[link.personal_id], found[link.managed_id]
