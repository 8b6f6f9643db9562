"""Somebody has their own account erased: what speaks against it is said before, and held when it is asked for.

An account of a firm is the firm's to erase. Nobody leaves an organisation without an administrator: of two who ask at
once, the second is the last, and who became it since waits when the day comes (`erasures`). And nobody is erased who is
looking at the portal as somebody else does.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta

from parvis_identity.domain.throttle import RESETS, throttle_key
from parvis_identity.models import Account, AccountErasure
from parvis_identity.service import door, erasures
from parvis_identity.service.last_administrator import alone_in, named
from parvis_identity.service.organisations import Administration, Organisations
from parvis_identity.store import account_links as link_store
from parvis_identity.store import accounts as account_store
from parvis_identity.store import erasures as store
from parvis_identity.store import sessions as session_store
from parvis_identity.store import viewings as viewing_store
from parvis_kit.errors import ServiceError, limit, precondition, unauthenticated
from parvis_kit.unit import UnitOfWork

Begin = Callable[[], AbstractAsyncContextManager[UnitOfWork]]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What an erasure would meet. `refusal`: see the contract; empty when it would be done."""

    refusal: str = ""
    organisations: tuple[Administration, ...] = ()
    firm: str = ""
    linked: int = 0


class OwnErasure:
    """See the module."""

    def __init__(self, organisations: Organisations) -> None:
        self._organisations = organisations

    async def outlook(self, begin: Begin) -> Outlook:
        """What speaks against it, if anything does. Raises PRECONDITION door_closed, UNAVAILABLE."""
        async with begin() as unit:
            account = await _own(unit)
            firm_id, viewing = account.organisation_id, await _is_viewing(unit)
            linked = [each for each in await link_store.of_account(unit, account.id) if each.personal_id == account.id]
        if firm_id is not None:
            face = await self._organisations.face_by_id(firm_id)
            return Outlook("account_of_firm", firm=face.name if face else "")
        administered = await self._organisations.administrations(account.id)
        async with begin() as unit:
            alone = await alone_in(unit, administered)
        refusal = "sole_administrator" if alone else "viewing_goes_on" if viewing else ""
        return Outlook(refusal, tuple(alone), linked=len(linked))

    async def ask(self, begin: Begin) -> AccountErasure:
        """Has the caller's account erased. Raises PRECONDITION as the contract says, LIMIT, UNAVAILABLE."""
        async with begin() as unit:
            account_id = (await _own(unit)).id
        outlook = await self.outlook(begin)
        administered = await self._organisations.administrations(account_id) if not outlook.refusal else []
        async with begin() as unit:
            await store.hold(unit)
            alone = await alone_in(unit, administered)
            if outlook.refusal or alone:
                refused = _refused(outlook) if outlook.refusal else _alone(alone)
                unit.record("account.erasure_refused", target_kind="account", target_id=account_id, why=refused.reason)
                unit.outcome(refused)
                return AccountErasure(account_id=account_id, due_at=unit.now)
            key = throttle_key("erasure", str(account_id))
            may, wait = await session_store.charge(unit, key, RESETS)  # each writes two mails
            if not may:
                raise limit("too_many_mails", seconds=str(int(wait.total_seconds()) + 1))
            return await erasures.ask(unit, account_id, by="person", within=timedelta(days=erasures.DAYS))


async def _own(unit: UnitOfWork) -> Account:
    door.require_own(unit.caller)
    account_id = unit.caller.account_id
    account = await account_store.lock(unit, account_id) if account_id else None
    if account is None:
        raise unauthenticated()
    return account


async def _is_viewing(unit: UnitOfWork) -> bool:
    session_id = unit.caller.session_id
    return session_id is not None and await viewing_store.is_viewing(unit, session_id)


def _refused(outlook: Outlook) -> ServiceError:
    if outlook.refusal == "account_of_firm":
        return precondition("account_of_firm", organisation=outlook.firm)
    return _alone(list(outlook.organisations)) if outlook.organisations else precondition(outlook.refusal)


def _alone(organisations: list[Administration]) -> ServiceError:
    return precondition("sole_administrator", organisations=named(organisations))
