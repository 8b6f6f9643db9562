"""What is signed every day over the audit trails of all services."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import LargeBinary
from sqlmodel import Field

from parvis_tenancy.models.base import Row, instant, number


class Anchor(Row, table=True):
    """A signed statement over all heads of a day."""

    __tablename__ = "anchors"
    __table_args__ = (UniqueConstraint("day", name="anchors_once_a_day"),)

    number: int = number(primary_key=True)
    day: date
    made_at: datetime = instant()
    statement: str
    signatures: list[bytes] = Field(sa_type=ARRAY(LargeBinary))


class AnchoredHead(Row, table=True):
    """Where a chain ended when an anchor was made; one that had not moved since the anchor before has no row."""

    __tablename__ = "anchored_heads"

    organisation_id: UUID = Field(primary_key=True)
    service: str = Field(primary_key=True)
    anchor: int = number(primary_key=True, foreign_key="anchors.number")
    seq: int = number()
    digest: bytes
    began: int = number()
    broken: int = number()
