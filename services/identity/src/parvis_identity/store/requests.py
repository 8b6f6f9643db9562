"""Requests for an account."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlmodel import col

from parvis_identity.domain.identifiers import mail_key
from parvis_identity.models import AccessRequest, Account
from parvis_kit.unit import UnitOfWork

#: How long what was typed is kept once its link is over: who opens it late is told so.
_KEPT = timedelta(days=30)


async def find(unit: UnitOfWork, digest: bytes, *, lock: bool = False) -> AccessRequest | None:
    """The request whose link has this secret."""
    query = select(AccessRequest).where(col(AccessRequest.digest) == digest)
    found: AccessRequest | None = await unit.scalar(query.with_for_update() if lock else query)
    return found


async def lock_account(unit: UnitOfWork, digest: bytes) -> None:
    """Locks the personal account of the address of a request, if there is one."""
    mails = await unit.fetch("SELECT mail FROM access_requests WHERE digest = $1", digest)
    for row in mails:
        await unit.fetch(_LOCK_ACCOUNT, mail_key(row["mail"]))


_LOCK_ACCOUNT = "SELECT 1 FROM accounts WHERE organisation_id IS NULL AND identifier_key = $1 FOR UPDATE"


async def account_of(unit: UnitOfWork, mail: str) -> Account | None:
    """The personal account of an address."""
    query = select(Account).where(col(Account.organisation_id).is_(None), col(Account.identifier_key) == mail_key(mail))
    found: Account | None = await unit.scalar(query)
    return found


async def proven(unit: UnitOfWork, account_id: UUID) -> Sequence[AccessRequest]:
    """Requests of an account that wait for its first password, locked."""
    query = select(AccessRequest).where(
        col(AccessRequest.account_id) == account_id, col(AccessRequest.sent_at).is_(None)
    )
    return await unit.scalars(query.order_by(col(AccessRequest.id)).with_for_update())
