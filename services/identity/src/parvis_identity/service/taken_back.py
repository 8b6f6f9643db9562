"""Who signs in keeps their account, and hears of it."""

from datetime import datetime
from uuid import UUID

from parvis.identity.v1 import events_pb2
from parvis_identity.models import Account
from parvis_identity.store import erasures as store
from parvis_kit.unit import UnitOfWork
from parvis_watch.logs import evidence


async def take_back(unit: UnitOfWork, account: Account) -> None:
    """Ends the erasure that waits for an account."""
    ended = await store.take_back(unit, account.id)
    if ended is not None:
        unit.record("account.erasure_taken_back", target_kind="account", target_id=account.id)
        # Outside of what a restore brings back: from it, accounts are kept again (docs/operations.md).
        evidence.info("account_kept", digest=ended["digest"])
        tell(unit, ended["id"], account, events_pb2.ERASURE_CHANGE_TAKEN_BACK)


def tell(
    unit: UnitOfWork,
    erasure_id: UUID,
    account: Account,
    change: "events_pb2.ErasureChange.ValueType",
    *,
    due_at: datetime | None = None,
    door: str = "",
    organisations: str = "",
    message_id: UUID | None = None,
) -> None:
    """Has whoever owns an account told what happened to its erasure. `organisations`: those that make it wait;
    `message_id`: of a mail that is waited for.
    """
    event = events_pb2.ErasureChanged(
        change=change,
        mail=account.mail,
        given_name=account.given_name,
        family_name=account.family_name,
        locale=account.locale,
        door=door,
        organisations=organisations,
        message_id=str(message_id or ""),
    )
    if due_at is not None:
        event.due_at.FromDatetime(due_at)
    unit.emit(event, aggregate_id=erasure_id)
