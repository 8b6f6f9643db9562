"""Resets of somebody's second factors: who may agree, and where one stands."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

#: Within this a second administrator has to agree.
AGREED_WITHIN = timedelta(days=7)
#: For so long the second one has to have been there when the first one asked, for a reset that takes place at once.
THERE_FOR = timedelta(days=7)
#: Characters of the reason: how whoever asks made sure of the person.
SHORTEST, LONGEST = 10, 500


class ResetState(StrEnum):
    """Where a reset stands; how it ended is kept, the rest follows from its times."""

    ASKED = "asked"
    WAITING = "waiting"
    DONE = "done"
    STOPPED = "stopped"
    DECLINED = "declined"
    LAPSED = "lapsed"


def state_of(now: datetime, *, asked_at: datetime, approved_at: datetime | None, ended_as: str) -> ResetState:
    """The state at a moment."""
    if ended_as:
        return ResetState(ended_as)
    if approved_at is not None:
        return ResetState.WAITING
    return ResetState.LAPSED if asked_at + AGREED_WITHIN <= now else ResetState.ASKED


def due(now: datetime, *, managed: bool, by_provider: bool, waits: timedelta) -> datetime:
    """From when on it may take place: at once for a firm's own account, once two of the firm want it."""
    return now if managed and not by_provider else now + waits


def may_agree(account_id: UUID | None, *, asked_by: UUID, of: UUID) -> bool:
    """Whether somebody may be the second one: neither who asked, nor whose factors they are."""
    return account_id is not None and account_id not in {asked_by, of}


def was_there(since: datetime | None, *, asked_at: datetime) -> bool:
    """Whether somebody who is there since a moment is more than a name that whoever asks has just invited."""
    return since is not None and asked_at - since >= THERE_FOR
