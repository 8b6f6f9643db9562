"""A firm hands a provisional password over to one of its people who has no mail, or wants none (requirement S8)."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from parvis_identity.domain import provisional
from parvis_identity.domain.throttle import PROVISIONALS, throttle_key
from parvis_identity.models import Account, AccountState
from parvis_identity.service import sessions
from parvis_identity.service.hashing import Hasher
from parvis_identity.service.second_factor import forget
from parvis_identity.settings import Settings
from parvis_identity.store import accounts as store
from parvis_identity.store import sessions as session_store
from parvis_kit.errors import limit, not_found, precondition
from parvis_kit.unit import UnitOfWork

Begin = Callable[[], AbstractAsyncContextManager[UnitOfWork]]


@dataclass(frozen=True, slots=True)
class Issued:
    """A provisional password, until when it opens the account, and whether its owner had one of their own."""

    account: Account
    password: str
    until: datetime
    was_active: bool


class ProvisionalPasswords:
    """See the module. The password itself is in the answer, and nowhere else."""

    def __init__(self, hasher: Hasher, settings: Settings) -> None:
        self._hasher = hasher
        self._lifetime = settings.provisional_lifetime

    async def issue(self, begin: Begin, account_id: UUID) -> Issued:
        """A new provisional password in place of what opened a managed account of the organisation at hand. Sessions
        end, links are worthless. `begin` opens a transaction: nothing is hashed inside one.

        Raises NOT_FOUND account_not_found, PRECONDITION account_closed, LIMIT too_many_passwords, hashing_busy.
        """
        async with begin() as unit:
            await _to_change(unit, account_id)
            may, wait = await session_store.charge(unit, throttle_key("provisional", str(account_id)), PROVISIONALS)
            if not may:
                raise limit("too_many_passwords", seconds=str(int(wait.total_seconds()) + 1))
        secret = provisional.draw()
        encoded = await self._hasher.hash(provisional.typed(secret))
        async with begin() as unit:
            account = await _to_change(unit, account_id)
            until = unit.now + self._lifetime
            await store.set_provisional(unit, account_id, encoded, until)
            await store.revoke_links(unit, account_id)
            await forget(unit, account_id)
            await sessions.end(unit, account_id)
            used = account.state == AccountState.ACTIVE
            told = {"was_active": str(used).lower()}
            unit.record("password.provisional_issued", target_kind="account", target_id=account_id, **told)
        return Issued(account, secret, until, used)


async def _to_change(unit: UnitOfWork, account_id: UUID) -> Account:
    account = await store.lock(unit, account_id)
    if account is None or account.organisation_id != unit.organisation_id or account.directory:
        raise not_found("account_not_found")
    if account.state == AccountState.DISABLED:
        raise precondition("account_closed")
    return account
