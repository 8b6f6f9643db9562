"""The applications that know a person, as that person sees them and takes it back."""

from uuid import UUID

from asyncpg import Record

from parvis_identity.service import door
from parvis_identity.store import consents
from parvis_kit.errors import not_found, unauthenticated
from parvis_kit.unit import UnitOfWork


async def mine(unit: UnitOfWork, *, gateway_client: str) -> list[Record]:
    """See AccountService.ListMyApplications; the portal itself is none of them."""
    return await consents.knowing(unit, _account(unit), but=gateway_client)


async def withdraw(unit: UnitOfWork, client_id: str, *, gateway_client: str) -> None:
    """See AccountService.WithdrawMyApplication."""
    known = client_id.isprintable() and client_id != gateway_client
    if not known or not await consents.withdraw(unit, _account(unit), client_id):
        raise not_found("application_not_found")
    unit.record("consent.withdrawn", target_kind="client", target_id=client_id)


def _account(unit: UnitOfWork) -> UUID:
    door.require_own(unit.caller)
    if unit.caller.account_id is None:
        raise unauthenticated()
    return unit.caller.account_id
