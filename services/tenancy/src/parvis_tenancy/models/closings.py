"""Organisations that are being closed, and what the services answered once they were erased."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_tenancy.models.base import Row, instant


class Closing(Row, table=True):
    """An organisation that is to be erased on a day, was erased, or was reopened. Once it is gone, only a digest tells
    whose closing it was: a restored organisation is found by it, and nobody can be named from it.
    """

    __tablename__ = "closings"
    __table_args__ = (
        Index("closings_open", "organisation_id", unique=True, postgresql_where=text("ended_at IS NULL")),
        Index("closings_due", "due_at", postgresql_where=text("ended_at IS NULL")),
    )

    id: UUID = Field(primary_key=True)
    #: None once it is erased.
    organisation_id: UUID | None = None
    #: SHA-256 of the organisation's id, in hexadecimal.
    digest: str
    #: The membership of whoever asked; None: an operator.
    asked_by: UUID | None = None
    asked_at: datetime = instant()
    due_at: datetime = instant()
    #: When administrators were told that the day is near.
    warned_at: datetime | None = instant(default=None)
    ended_at: datetime | None = instant(default=None)
    #: "erased" or "reopened"; empty while it waits.
    ended_as: str = ""


class ClosingAnswer(Row, table=True):
    """What a service erased of an organisation, and what it keeps: rows of tables."""

    __tablename__ = "closing_answers"

    closing_id: UUID = Field(primary_key=True, foreign_key="closings.id")
    service: str = Field(primary_key=True)
    erased: dict[str, Any] = Field(sa_type=JSONB)
    kept: dict[str, Any] = Field(sa_type=JSONB)
    at: datetime = instant()
