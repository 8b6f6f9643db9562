"""Memberships, the profiles that staff hold, and the products assigned to them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from parvis_tenancy.models.base import (
    Owned,
    Sorted,
    Versioned,
    choice,
    instant,
    number,
    of_organisation,
    owned_reference,
)


class Profile(Owned, Versioned, table=True):
    """A named, flat set of rights. `built_in` is the key of a starter profile that kept its name, else empty."""

    __tablename__ = "profiles"
    __table_args__ = (
        of_organisation(),
        UniqueConstraint("organisation_id", "sort_key", name="profiles_name"),
        Index("profiles_built_in", "organisation_id", "built_in", unique=True, postgresql_where=text("built_in <> ''")),
    )

    id: UUID = Field(primary_key=True)
    name: str
    built_in: str = ""
    sort_key: str


class ProfileRight(Owned, table=True):
    """A right of a profile, with its scope."""

    __tablename__ = "profile_rights"
    __table_args__ = (owned_reference("profile_id", "profiles"),)

    profile_id: UUID = Field(primary_key=True)
    code: str = Field(primary_key=True)
    scope: int = choice()


class Membership(Owned, Versioned, Sorted, table=True):
    """What links an account to an organisation. Names and mail are copies of identity's, kept by its events.

    The profile's name and key are copies too: an account lists its organisations without entering each of them.
    """

    __tablename__ = "memberships"
    __table_args__ = (
        of_organisation(),
        owned_reference("profile_id", "profiles"),
        owned_reference("structure_id", "structures"),
        UniqueConstraint("organisation_id", "account_id", name="memberships_once"),
        CheckConstraint("(kind = 1) = (profile_id IS NOT NULL)", name="memberships_staff_has_profile"),
        CheckConstraint("(kind = 2) = (identifier <> '')", name="memberships_portal_has_identifier"),
        Index("memberships_by_account", "account_id"),
        Index(
            "memberships_by_linked_account",
            "linked_account_id",
            postgresql_where=text("linked_account_id IS NOT NULL"),
        ),
        Index("memberships_by_name", "organisation_id", "kind", "sort_key", "id"),
        Index("memberships_by_profile", "organisation_id", "profile_id"),
        Index("memberships_unused", "organisation_id", "id", postgresql_where=text("kind = 2 AND state = 1")),
    )

    id: UUID = Field(primary_key=True)
    account_id: UUID
    #: The personal account whose owner has proven this one too: it reaches the membership. Identity tells, in order of
    #: the version; it has the last word.
    linked_account_id: UUID | None = None
    linked_version: int = number(default=0)
    kind: int = choice()
    state: int = choice()
    given_name: str
    family_name: str
    mail: str
    locale: str = "fr"
    account_version: int = number(default=0)
    function: str = ""
    profile_id: UUID | None = None
    profile_name: str = ""
    profile_built_in: str = ""
    structure_id: UUID | None = None
    identifier: str = ""
    invited_at: datetime = instant()
    activated_at: datetime | None = instant(default=None)


class Assignment(Owned, table=True):
    """A subscribed product that a member may launch."""

    __tablename__ = "assignments"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organisation_id", "product_id"],
            ["subscriptions.organisation_id", "subscriptions.product_id"],
            name="assignments_of_subscribed",
        ),
        owned_reference("membership_id", "memberships"),
        Index("assignments_by_member", "organisation_id", "membership_id"),
    )

    product_id: UUID = Field(primary_key=True)
    membership_id: UUID = Field(primary_key=True)
