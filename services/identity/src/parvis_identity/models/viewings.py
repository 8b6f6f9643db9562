"""Who looks at the portal as somebody else sees it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from parvis_identity.models.base import Identified, instant, text


class Viewing(Identified, table=True):
    """A read-only session of one account as another (requirement S16). Names are as they were: it is a history too."""

    __tablename__ = "viewings"
    __table_args__ = (
        Index("viewings_of_session", "session_id", postgresql_where="ended_at IS NULL"),
        Index("viewings_of_organisation", "organisation_id", postgresql_where="ended_at IS NULL"),
        Index("viewings_of_membership", "organisation_id", "membership_id", "started_at"),
    )

    #: Who views, in which of their sessions.
    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    session_id: UUID
    viewer_membership_id: UUID
    viewer_name: str = text()
    organisation_id: UUID
    #: As whom.
    subject_account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    membership_id: UUID
    #: "staff" or "portal".
    kind: str = text()
    name: str = text()
    reason: str = text()
    started_at: datetime = instant(index=True)
    expires_at: datetime = instant()
    ended_at: datetime | None = instant(required=False)
