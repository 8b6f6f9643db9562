"""Changes of the address of a personal account: confirmed from the new address and from the old one, stopped or undone
from the old one.

The old address wins: whoever reads its mail was the person before, whatever was done with a stolen session since. Who
cannot read it any more waits for a week in which it may still say no.
"""

import base64
import hmac
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from parvis_identity.domain.links import Purpose, token_of

#: From then on the new address needs no word of the old one.
ALONE_AFTER = timedelta(days=7)
#: A change that is not complete after this is over.
CONFIRMED_WITHIN = timedelta(days=10)
#: The old address may undo a change for this long.
UNDONE_WITHIN = timedelta(days=7)
#: Characters of an encoded id, in front of a token's secret.
_ID = 22


class ChangeState(StrEnum):
    """What can be said about a change."""

    PENDING = "pending"
    EXPIRED = "expired"
    #: It happened, and may be undone.
    DONE = "done"
    #: It happened more than a week ago.
    SETTLED = "settled"
    #: It happened, and put an address back that might have been restored anyway: there is nothing to undo.
    RETURNED = "returned"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    #: By a newer one.
    REPLACED = "replaced"
    #: Somebody else has the new address.
    TAKEN = "taken"
    UNDONE = "undone"
    UNKNOWN = "unknown"


#: States that are written down; the others follow from the time.
ENDED = (
    ChangeState.CANCELLED, ChangeState.STOPPED, ChangeState.REPLACED, ChangeState.TAKEN, ChangeState.UNDONE,
    ChangeState.RETURNED,
)  # fmt: skip


def state_of(now: datetime, *, asked_at: datetime, done_at: datetime | None, ended_as: str) -> ChangeState:
    """The state of a change."""
    if ended_as:
        return ChangeState(ended_as)
    if done_at is not None:
        return ChangeState.DONE if now < done_at + UNDONE_WITHIN else ChangeState.SETTLED
    return ChangeState.PENDING if now < asked_at + CONFIRMED_WITHIN else ChangeState.EXPIRED


def is_complete(now: datetime, *, asked_at: datetime, new_at: datetime | None, old_at: datetime | None) -> bool:
    """Whether a change that waits may happen, once an end has said yes: both have, or the new one has and the old one
    had its week to say no.
    """
    return new_at is not None and (old_at is not None or now >= asked_at + ALONE_AFTER)


def address_token(secret: bytes, change_id: UUID, purpose: Purpose) -> str:
    """The secret part of a link's address: it names the change and proves that we wrote it; nothing is stored."""
    name = base64.urlsafe_b64encode(change_id.bytes).decode().rstrip("=")
    return name + token_of(secret, change_id, purpose)


def change_of(secret: bytes, token: str, purpose: Purpose) -> UUID | None:
    """The change that a token is of; None when we did not write it."""
    try:
        change_id = UUID(bytes=base64.urlsafe_b64decode(token[:_ID] + "=="))
    except ValueError:
        return None
    wanted = address_token(secret, change_id, purpose)
    return change_id if hmac.compare_digest(wanted.encode(), token.encode("utf-8", "surrogateescape")) else None
