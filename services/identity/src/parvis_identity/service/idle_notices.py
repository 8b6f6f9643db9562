"""What owners are told of erasures that they may not know of; and what becomes of these mails: without those about an
idle account nothing is erased.
"""

from datetime import datetime
from uuid import UUID

from parvis.identity.v1 import events_pb2 as identity_events
from parvis.notify.v1 import events_pb2 as notify_events
from parvis_identity.models import Account, IdleNotice, NoticeKind
from parvis_identity.service import taken_back
from parvis_identity.store import erasures as erasure_store
from parvis_identity.store import idle as store
from parvis_kit.bus import Envelope
from parvis_kit.ids import uuid7
from parvis_kit.unit import UnitOfWork

_CHANGE = {
    NoticeKind.FIRST: identity_events.ERASURE_CHANGE_IDLE,
    NoticeKind.SECOND: identity_events.ERASURE_CHANGE_IDLE,
    NoticeKind.KEPT: identity_events.ERASURE_CHANGE_IDLE_KEPT,
    NoticeKind.WAITS: identity_events.ERASURE_CHANGE_WAITS,
}


def tell(
    unit: UnitOfWork,
    account: Account,
    kind: NoticeKind,
    *,
    due_at: datetime | None = None,
    door: str = "",
    organisations: str = "",
) -> None:
    """Has its owner told. `door`: short name of the firm whose account it is; `organisations`: why it is kept."""
    notice = IdleNotice(id=uuid7(), account_id=account.id, kind=kind, told_at=unit.now)
    unit.add(notice)
    taken_back.tell(
        unit,
        notice.id,
        account,
        _CHANGE[kind],
        due_at=due_at,
        door=door,
        organisations=organisations,
        message_id=notice.id,
    )


async def spare(unit: UnitOfWork, account: Account, ended_as: str) -> None:
    """Ends the erasure that waits for an account, without a word: its owner did not ask for it."""
    await erasure_store.take_back(unit, account.id, ended_as)


def keep(unit: UnitOfWork, account: Account, *, door: str, organisations: str) -> None:
    """Tells whoever is a last administrator that their account is kept, and why."""
    tell(unit, account, NoticeKind.KEPT, door=door, organisations=organisations)
    unit.record("account.idle_kept", target_kind="account", target_id=account.id, organisations=organisations)


async def settled(unit: UnitOfWork, event: notify_events.NoticeSettled, _: Envelope) -> None:
    """Notify says what became of a mail."""
    await store.settled(unit, UUID(event.message_id), sent=event.sent)
