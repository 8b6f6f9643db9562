"""Whoever says "later" to a second factor that their firm offers is left alone for a month."""

from parvis_identity.models import Session
from parvis_identity.store import accounts
from parvis_kit.errors import unauthenticated
from parvis_kit.unit import UnitOfWork


async def put_off(unit: UnitOfWork) -> None:
    """See FactorService.PutOffMyFactor. The account is that of the session: whose factor it would be."""
    session_id = unit.caller.session_id
    session = await unit.get(Session, session_id) if session_id is not None else None
    account = await accounts.lock(unit, session.account_id) if session is not None else None
    if account is None:
        raise unauthenticated("session_ended")
    account.factor_put_off_at = unit.now
    unit.record("factor.put_off", target_kind="account", target_id=account.id)
