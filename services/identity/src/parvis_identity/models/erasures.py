"""The erasure of accounts."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_identity.models.base import Base, Identified, instant, text


class AccountErasure(Identified, table=True):
    """An account that is to be erased on a day, was erased, or was kept after all. Once it is gone, only a digest tells
    whose erasure it was: a restored account is found by it, and nobody can be named from it.
    """

    __tablename__ = "erasures"
    __table_args__ = (
        Index("erasures_waiting", "account_id", unique=True, postgresql_where="ended_at IS NULL"),
        Index("erasures_due", "due_at", postgresql_where="ended_at IS NULL"),
    )

    #: None once it is erased.
    account_id: UUID | None = None
    #: SHA-256 of the account's id, in hexadecimal.
    digest: str = text()
    #: "person", "operator", "forced" (an operator, whatever becomes of organisations), "firm", "organisation",
    #: "restore", or "idle": nobody had used it for years.
    asked_by: str = text()
    asked_at: datetime = instant()
    #: Of an idle account never (`domain.idle`): its day is the account's `erasure_due_at`.
    due_at: datetime = instant()
    #: When it was last found, its day being there, that an organisation would have no administrator left.
    held_at: datetime | None = instant(required=False)
    ended_at: datetime | None = instant(required=False)
    #: "erased", "taken_back", of an idle account "kept" or "unreachable"; empty while it waits.
    ended_as: str = text("")


class ErasureAnswer(Base, table=True):
    """What a service erased, and what it keeps: rows of tables."""

    __tablename__ = "erasure_answers"

    erasure_id: UUID = Field(primary_key=True, foreign_key="erasures.id", ondelete="CASCADE")
    service: str = text(primary_key=True)
    erased: dict[str, int] = Field(sa_type=JSONB, nullable=False)
    kept: dict[str, int] = Field(sa_type=JSONB, nullable=False)
    at: datetime = instant()


class NoticeKind(StrEnum):
    """What owners are told."""

    #: Whoever has not signed in for years: a month before their account is erased,
    FIRST = "first"
    #: a week before,
    SECOND = "second"
    #: or that it is kept, since an organisation has no other administrator.
    KEPT = "kept"
    #: Anybody: that an erasure waits, since an organisation has no other administrator.
    WAITS = "waits"


class IdleNotice(Base, table=True):
    """A mail about an erasure, and whether it left: no account that nobody uses is erased without it."""

    __tablename__ = "idle_notices"

    #: Of the mail, too.
    id: UUID = Field(primary_key=True)
    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    kind: str = text()
    told_at: datetime = instant(index=True)
    #: When the mail server had accepted it,
    sent_at: datetime | None = instant(required=False)
    #: or it was given up.
    failed_at: datetime | None = instant(required=False)
