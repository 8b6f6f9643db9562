"""What an organisation demands of whoever enters it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ARRAY, Uuid
from sqlmodel import Field

from parvis_identity.models.base import Base, instant, text


class SsoMode(StrEnum):
    """Whether its staff signs in with its providers."""

    OFF = "off"
    OFFERED = "offered"
    ENFORCED = "enforced"


class FactorMode(StrEnum):
    """Whether it asks for a second factor."""

    OFF = "off"
    OFFERED = "offered"
    REQUIRED = "required"


def _uuids() -> list[UUID]:
    return Field(default_factory=list, sa_type=ARRAY(Uuid), nullable=False)  # type: ignore[no-any-return]


class SignInPolicy(Base, table=True):
    """The demand of one organisation, asked at its door (domain.door)."""

    __tablename__ = "sign_in_policies"

    organisation_id: UUID = Field(primary_key=True)
    sso: str = text(SsoMode.OFF)
    factors: str = text(FactorMode.OFF)
    #: From when on a factor is required; until then people are told so.
    required_from: datetime | None = instant(required=False)
    #: Profiles that must give one; empty: the whole staff.
    required_profiles: list[UUID] = _uuids()
    #: Accounts that may come without the provider, with a second factor, when it is down.
    break_glass: list[UUID] = _uuids()
    version: int = 1
    changed_at: datetime = instant()
