"""What clients are still to be told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import Field

from parvis_identity.models.base import Identified, instant, text


class LogoutNotice(Identified, table=True):
    """That a session ended, for one client (Back-Channel Logout 1.0). Kept until it took it, or for a day of trying."""

    __tablename__ = "logout_notices"
    __table_args__ = (
        Index("logout_notices_waiting", "due_at", postgresql_where="done_at IS NULL"),
        Index("logout_notices_done", "done_at", postgresql_where="done_at IS NOT NULL"),
    )

    client_id: str = text(foreign_key="clients.client_id", ondelete="CASCADE", index=True)
    account_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", index=True)
    #: The `sid` that the client knows. The session itself may be deleted already.
    session_id: UUID
    created_at: datetime = instant()
    #: When it is sent next; while it is being sent, when somebody else may take it over.
    due_at: datetime = instant()
    attempts: int = 0
    done_at: datetime | None = instant(required=False)
    #: Why the last attempt failed; of a notice that is done: why it was given up. Empty: told.
    trouble: str = text("")
