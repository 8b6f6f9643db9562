"""Accounts, their passwords, and one-time links."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, bindparam, case, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col

from parvis_identity.domain.identifiers import identifier_key, mail_key
from parvis_identity.domain.links import Purpose
from parvis_identity.models import Account, AccountKind, Credential, Link
from parvis_identity.store.address_changes import reserved_for
from parvis_identity.store.rows import Reading
from parvis_kit.unit import UnitOfWork


async def find(
    unit: UnitOfWork, identifier: str, organisation_id: UUID | None
) -> tuple[Account, Credential | None] | None:
    """The account that signs in with `identifier`, and its password (None: none yet).

    Without an organisation only personal accounts are found. On a firm's own address the firm's managed accounts come
    first, then personal ones by mail, then those of its directory, which have no password: a colleague's own account
    is not hidden by the one that the directory made beside it. Managed accounts of other firms are never found.
    """
    parameters: dict[str, object] = {"mail": mail_key(identifier)}
    if organisation_id is not None:
        parameters |= {"identifier": identifier_key(identifier), "organisation": organisation_id}
    query = _FIND_PERSONAL if organisation_id is None else _FIND_AT_FIRM
    found = (await unit.session.execute(query, parameters)).first()
    return None if found is None else (found[0], found[1])


# Built once: they are asked with every sign-in.
_PERSONAL = and_(col(Account.organisation_id).is_(None), col(Account.identifier_key) == bindparam("mail"))
_MANAGED = and_(
    col(Account.organisation_id) == bindparam("organisation"), col(Account.identifier_key) == bindparam("identifier")
)
_FIND_PERSONAL, _FIND_AT_FIRM = (
    select(Account, Credential)
    .outerjoin(Credential, col(Credential.account_id) == col(Account.id))
    .where(wanted)
    .order_by(case((col(Account.directory), 2), (col(Account.kind) == AccountKind.MANAGED, 0), else_=1))
    .limit(1)
    for wanted in (_PERSONAL, or_(_MANAGED, _PERSONAL))
)


async def find_of_firm(unit: UnitOfWork, identifier: str, organisation_id: UUID) -> Account | None:
    """The firm's own account of that identifier; nobody's personal one."""
    parameters = {"identifier": identifier_key(identifier), "organisation": organisation_id}
    found = (await unit.session.execute(select(Account).where(_MANAGED), parameters)).first()
    return None if found is None else found[0]


async def insert_unless_there(unit: UnitOfWork, account: Account) -> Account | None:
    """Adds an account; when one with the same identifier was there first, or had that address and may have it back,
    answers with that one; with None when something else has its id.
    """
    statement = insert(Account).values(**account.model_dump()).on_conflict_do_nothing().returning(col(Account.id))
    if (await unit.execute(statement)).first() is not None:
        return account if account.organisation_id is not None else await _unless_reserved(unit, account)
    same = (
        col(Account.organisation_id).is_(None)
        if account.organisation_id is None
        else col(Account.organisation_id) == account.organisation_id
    )
    there: Account | None = await unit.scalar(
        select(Account).where(same, col(Account.identifier_key) == account.identifier_key)
    )
    return there


async def _unless_reserved(unit: UnitOfWork, added: Account) -> Account:
    # Looked at once the address is ours: whoever moved away from it at this moment is seen now.
    moved = await reserved_for(unit, added.identifier_key)
    if moved is None:
        return added
    await unit.execute(delete(Account).where(col(Account.id) == added.id))
    return moved


async def lock(unit: UnitOfWork, account_id: UUID) -> Account | None:
    """An account, kept from other writers until the transaction ends."""
    return await unit.get(Account, account_id, lock=True)


async def hold(unit: UnitOfWork, account_id: UUID) -> Account | None:
    """The same to read only, for those who sign in."""
    rows = await unit.fetch(_HOLD, account_id)
    return _account(rows[0]) if rows else None


_account = Reading(Account, "a")
_HOLD = f"SELECT {_account.columns} FROM accounts a WHERE id = $1 FOR UPDATE"  # noqa: S608 - the model's columns


async def lock_opening(unit: UnitOfWork, account_id: UUID) -> tuple[str, Credential] | None:
    """The state of an account and its password as they are now, kept from other writers until the transaction ends;
    None when one of them is gone. Both rows are locked: a join that locks one would show the other as it was.
    """
    rows = await unit.fetch(_LOCK_OPENING, account_id)
    return (rows[0]["state"], Credential(**dict(list(rows[0].items())[1:]))) if rows else None


_LOCK_OPENING = """
SELECT a.state, c.account_id, c.password_hash, c.changed_at, c.provisional, c.expires_at
  FROM accounts a JOIN credentials c ON c.account_id = a.id WHERE a.id = $1 FOR UPDATE OF a, c
"""


async def batch(unit: UnitOfWork, ids: Sequence[UUID]) -> dict[UUID, Account]:
    """Accounts by id; unknown ones are left out."""
    return {found.id: found for found in await unit.scalars(select(Account).where(col(Account.id).in_(ids)))}


async def password_hash(unit: UnitOfWork, account_id: UUID) -> str:
    """The encoded hash of an account, empty when it has no password."""
    return (
        await unit.scalar(select(col(Credential.password_hash)).where(col(Credential.account_id) == account_id)) or ""
    )


async def set_password_hash(unit: UnitOfWork, account_id: UUID, encoded: str) -> None:
    """Stores a hash in place of what was there."""
    values = {"password_hash": encoded, "changed_at": unit.now, "provisional": False, "expires_at": None}
    await _put_credential(unit, account_id, values)


async def set_provisional(unit: UnitOfWork, account_id: UUID, encoded: str, until: datetime) -> None:
    """Stores the hash of a provisional password in place of what was there."""
    values = {"password_hash": encoded, "changed_at": unit.now, "provisional": True, "expires_at": until}
    await _put_credential(unit, account_id, values)


async def drop_provisional(unit: UnitOfWork, account_id: UUID) -> None:
    """A provisional password that was not used is worthless."""
    await unit.execute(
        delete(Credential).where(col(Credential.account_id) == account_id, col(Credential.provisional).is_(True))
    )


async def _put_credential(unit: UnitOfWork, account_id: UUID, values: dict[str, object]) -> None:
    statement = insert(Credential).values(account_id=account_id, **values)
    await unit.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=values))


async def drop_password(unit: UnitOfWork, account_id: UUID) -> None:
    """The account has no password any more: nothing opens it but a link."""
    await unit.execute(delete(Credential).where(col(Credential.account_id) == account_id))


async def replace_password_hash(unit: UnitOfWork, account_id: UUID, old: str, new: str) -> bool:
    """Stores another hash of the same password, unless another password was set since; whether it was stored."""
    statement = update(Credential).where(col(Credential.account_id) == account_id, col(Credential.password_hash) == old)
    replaced = await unit.execute(statement.values(password_hash=new).returning(col(Credential.account_id)))
    return replaced.first() is not None


async def holds_foreign_hashes(unit: UnitOfWork) -> bool:
    """Whether a password is left as another platform hashed it. Answered from an index of those alone."""
    return bool(
        await unit.fetch(
            "SELECT 1 FROM credentials WHERE password_hash NOT LIKE '$argon2id$%' LIMIT 1"
        )  # no parameters
    )


async def find_link(unit: UnitOfWork, digest: bytes, *, lock_it: bool = False) -> tuple[Link, Account] | None:
    """The link with this secret and its account; locked when it is about to be used."""
    query = (
        select(Link, Account).join(Account, col(Account.id) == col(Link.account_id)).where(col(Link.digest) == digest)
    )
    if lock_it:
        query = query.with_for_update()
    found = (await unit.session.execute(query)).first()
    return None if found is None else (found[0], found[1])


async def insert_link(unit: UnitOfWork, link: Link) -> None:
    """Adds a link unless one with its id is there."""
    await unit.execute(insert(Link).values(**link.model_dump()).on_conflict_do_nothing())


async def is_invited(unit: UnitOfWork, account_id: UUID, organisation_id: UUID | None = None) -> bool:
    """Whether an invitation stands, of one organisation or of any, that the account was sent a link for: neither
    answered nor taken back. An expired link counts: whoever was invited may ask for another one.
    """
    query = select(col(Link.id)).where(
        col(Link.account_id) == account_id,
        col(Link.purpose) == Purpose.ACTIVATION,
        col(Link.used_at).is_(None),
        col(Link.revoked_at).is_(None),
    )
    if organisation_id is not None:
        query = query.where(col(Link.organisation_id) == organisation_id)
    return await unit.scalar(query.limit(1)) is not None


async def revoke_links(
    unit: UnitOfWork,
    account_id: UUID,
    *,
    purpose: str | None = None,
    organisation_id: UUID | None = None,
    but: UUID | None = None,
) -> None:
    """Makes unused links of an account worthless: all, or those of a purpose or an organisation; never `but`."""
    statement = update(Link).where(
        col(Link.account_id) == account_id, col(Link.used_at).is_(None), col(Link.revoked_at).is_(None)
    )
    if purpose is not None:
        statement = statement.where(col(Link.purpose) == purpose)
    if organisation_id is not None:
        statement = statement.where(col(Link.organisation_id) == organisation_id)
    if but is not None:
        statement = statement.where(col(Link.id) != but)
    await unit.execute(statement.values(revoked_at=unit.now).execution_options(synchronize_session=False))


async def touch_sign_in(unit: UnitOfWork, account_id: UUID, at: datetime) -> bool:
    """Remembers when the account last signed in. Whether an erasure of it waits: asked for a moment ago, too."""
    rows = await unit.fetch(_TOUCH, account_id, at)
    return bool(rows) and rows[0]["erasure_due_at"] is not None


_TOUCH = "UPDATE accounts SET last_sign_in_at = $2 WHERE id = $1 RETURNING erasure_due_at"
