"""Requests for an account, until their address is proven and tenancy has them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary
from sqlmodel import Field

from parvis_identity.models.base import Identified, instant, text


class AccessRequest(Identified, table=True):
    """What somebody typed on an organisation's public page. The secret of its link is computed from the id
    (domain.links) and stored as a hash only.
    """

    __tablename__ = "access_requests"

    digest: bytes = Field(sa_type=LargeBinary, unique=True)
    organisation_id: UUID
    organisation_slug: str = text()
    mail: str = text()
    given_name: str = text()
    family_name: str = text()
    message: str = text()
    locale: str = text()
    created_at: datetime = instant(index=True)
    expires_at: datetime = instant(index=True)
    #: Once the address is proven: whose request it is.
    account_id: UUID | None = Field(default=None, foreign_key="accounts.id", ondelete="CASCADE", index=True)
    #: When tenancy was told.
    sent_at: datetime | None = instant(required=False)
