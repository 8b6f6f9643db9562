"""Requests for an account."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, text
from sqlmodel import Field

from parvis_tenancy.models.base import Owned, choice, instant, of_organisation


class AccessRequest(Owned, table=True):
    """Somebody with an account of their own asks to belong to the organisation. No membership: nothing is open to them.

    Names, mail and language are those of the moment when they asked.
    """

    __tablename__ = "access_requests"
    __table_args__ = (
        of_organisation(),
        Index("access_requests_open", "organisation_id", "account_id", unique=True, postgresql_where=text("state = 1")),
        Index("access_requests_by_account", "account_id"),
    )

    id: UUID = Field(primary_key=True)
    account_id: UUID
    state: int = choice()
    mail: str
    given_name: str
    family_name: str
    locale: str
    message: str = ""
    #: In the words of whoever declined.
    reason: str = ""
    asked_at: datetime = instant()
    expires_at: datetime = instant()
    answered_at: datetime | None = instant(default=None)
