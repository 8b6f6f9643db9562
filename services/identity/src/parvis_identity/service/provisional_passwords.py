"""A firm hands a provisional password over to one of its people who has no mail, or wants none (requirement S8)."""

from datetime import datetime
from uuid import UUID

from parvis_identity.domain import provisional
from parvis_identity.models import Account, AccountState
from parvis_identity.service import sessions
from parvis_identity.service.hashing import Hasher
from parvis_identity.settings import Settings
from parvis_identity.store import accounts as store
from parvis_kit.errors import not_found, precondition
from parvis_kit.unit import UnitOfWork


class ProvisionalPasswords:
    """See the module. The password itself is in the answer, and nowhere else."""

    def __init__(self, hasher: Hasher, settings: Settings) -> None:
        self._hasher = hasher
        self._lifetime = settings.provisional_lifetime

    async def issue(self, unit: UnitOfWork, account_id: UUID) -> tuple[Account, str, datetime]:
        """A new provisional password in place of what opened a managed account of the organisation at hand, and until
        when it does. Sessions end, links are worthless.

        Raises NOT_FOUND account_not_found, PRECONDITION account_closed, LIMIT hashing_busy.
        """
        secret = provisional.draw()
        # Hashed while the transaction is open: a few of these a day, and one place that decides.
        encoded = await self._hasher.hash(provisional.typed(secret))
        account = await store.lock(unit, account_id)
        if account is None or account.organisation_id != unit.organisation_id:
            raise not_found("account_not_found")
        if account.state == AccountState.DISABLED:
            raise precondition("account_closed")
        until = unit.now + self._lifetime
        await store.set_provisional(unit, account_id, encoded, until)
        await store.revoke_links(unit, account_id)
        await sessions.end(unit, account_id)
        unit.record("password.provisional_issued", target_kind="account", target_id=account_id)
        return account, secret, until
