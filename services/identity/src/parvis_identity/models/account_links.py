"""Personal accounts and accounts of firms that are one person's."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import UniqueConstraint
from sqlmodel import Field

from parvis_identity.models.base import Identified, instant, text


class AccountLink(Identified, table=True):
    """A person proved both: signing in with the personal account reaches the firm of the managed one too."""

    __tablename__ = "account_links"
    __table_args__ = (UniqueConstraint("personal_id", "organisation_id", name="account_links_one_per_firm"),)

    personal_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE")
    managed_id: UUID = Field(foreign_key="accounts.id", ondelete="CASCADE", unique=True)
    #: The firm of the managed account, and its address.
    organisation_id: UUID
    organisation_slug: str = text()
    linked_at: datetime = instant()
