"""The past of rights: who changed them when and why, and what the facts were until then (SQL:2011, system-versioned
tables). Rows are appended by `store.rights.next_revision` and by triggers; nothing changes or deletes them.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_tenancy.models.base import Owned, instant, number, of_organisation


class RightsChange(Owned, table=True):
    """A change of rights: the revision that it led to, and whose act it was (a member's, or a service's own)."""

    __tablename__ = "rights_changes"
    __table_args__ = (of_organisation(), Index("rights_changes_by_time", "organisation_id", "at"))

    revision: int = number(primary_key=True)
    at: datetime = instant()
    membership_id: UUID | None = None
    account_id: UUID | None = None
    service: str
    act: str
    #: In the words of whoever did it; may be empty.
    reason: str = ""


class FactHistory(Owned, table=True):
    """A row of a table of facts as it was from revision `since` on, and no more from `until` on."""

    __tablename__ = "fact_history"
    __table_args__ = (
        of_organisation(),
        Index("fact_history_by_relation", "organisation_id", "relation", "until"),
    )

    id: UUID = Field(primary_key=True)
    relation: str
    since: int = number()
    until: int = number()
    fact: dict[str, Any] = Field(sa_type=JSONB)
