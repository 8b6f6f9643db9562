"""The firm's directory: its people as they were told, and which groups and claims give what."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from parvis_tenancy.models.base import Owned, choice, instant, number, of_organisation, owned_reference


class DirectoryMapping(Owned, table=True):
    """What the directory's groups and claims give. It gives nobody more than its owner, who saved it last, could."""

    __tablename__ = "directory_mappings"
    __table_args__ = (
        of_organisation(),
        owned_reference("owner_id", "memberships"),
        owned_reference("default_profile_id", "profiles"),
    )

    owner_id: UUID
    #: Of whoever is given none by a rule; none: they have no access.
    default_profile_id: UUID | None = None
    version: int = number()
    saved_at: datetime = instant()


class DirectoryRule(Owned, table=True):
    """A group (`claim` empty) or the value of a claim, and what it gives."""

    __tablename__ = "directory_rules"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id"], ["directory_mappings.organisation_id"], name="directory_rules_of_mapping"
        ),
        owned_reference("profile_id", "profiles"),
        owned_reference("structure_id", "structures"),
        CheckConstraint("profile_id IS NOT NULL OR structure_id IS NOT NULL", name="directory_rules_give"),
    )

    position: int = Field(primary_key=True)
    claim: str
    value: str
    profile_id: UUID | None = None
    structure_id: UUID | None = None


class DirectoryPerson(Owned, table=True):
    """What a sign-in and SCIM said of a person last (`domain.directory.Said`), and how they stand by it."""

    __tablename__ = "directory_people"
    __table_args__ = (of_organisation(),)

    account_id: UUID = Field(primary_key=True)
    sign_in: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    scim: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    outcome: int = choice()
    #: Why something is not given; empty when all is as the directory says.
    reason: str = ""
