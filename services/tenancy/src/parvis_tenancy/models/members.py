"""Memberships and their hierarchy, the profiles that staff hold, and the products assigned to them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from parvis_tenancy.models.base import (
    Fact,
    Owned,
    Sorted,
    Versioned,
    choice,
    instant,
    number,
    of_organisation,
    owned_reference,
    texts,
)


class Profile(Owned, Versioned, Fact, table=True):
    """A named, flat set of rights. `built_in` is the key of a starter profile that kept its name, else empty.

    One that is `inactive` stays with whoever has it, and is given to nobody else.
    """

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
    inactive: bool = False


class ProfileRight(Owned, Fact, table=True):
    """A right of a profile, with its scope."""

    __tablename__ = "profile_rights"
    __table_args__ = (owned_reference("profile_id", "profiles"),)

    profile_id: UUID = Field(primary_key=True)
    code: str = Field(primary_key=True)
    scope: int = choice()


class Membership(Owned, Versioned, Sorted, Fact, table=True):
    """What links an account to an organisation. Names and mail are copies of identity's, kept by its events.

    The profile's name and key are copies too: an account lists its organisations without entering each of them.
    """

    __tablename__ = "memberships"
    __table_args__ = (
        of_organisation(),
        owned_reference("profile_id", "profiles"),
        owned_reference("structure_id", "structures"),
        owned_reference("manager_id", "memberships"),
        owned_reference("tier_id", "structures"),
        owned_reference("granted_by", "memberships"),
        UniqueConstraint("organisation_id", "account_id", name="memberships_once"),
        CheckConstraint("(kind = 1) = (profile_id IS NOT NULL)", name="memberships_staff_has_profile"),
        CheckConstraint("(kind = 2) = (identifier <> '')", name="memberships_portal_has_identifier"),
        CheckConstraint("manager_id <> id", name="memberships_not_below_oneself"),
        CheckConstraint("access_quota >= 0", name="memberships_quota"),
        Index(
            "memberships_by_manager",
            "organisation_id",
            "manager_id",
            postgresql_where=text("manager_id IS NOT NULL"),
        ),
        Index(
            "memberships_by_grantor",
            "organisation_id",
            "granted_by",
            postgresql_where=text("granted_by IS NOT NULL"),
        ),
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
    #: The superior in the hierarchy; at the top there is none.
    manager_id: UUID | None = None
    #: The structure, with those below it, to which the administration of people is limited; none: the organisation.
    tier_id: UUID | None = None
    #: How many portal accesses the member may have granted and open at a time; none: any number.
    access_quota: int | None = None
    #: Whether new contacts may be given to the member.
    is_adviser: bool = True
    absent_from: datetime | None = instant(default=None)
    absent_until: datetime | None = instant(default=None)
    #: Of a portal access: the member who granted it.
    granted_by: UUID | None = None
    identifier: str = ""
    #: Whether the firm's directory decides over it (`domain.directory.Hand`).
    directory: int = choice(default=0)
    #: It was cut because they left the directory, or were given no profile by it: it is opened again with that.
    cut_by_directory: bool = False
    invited_at: datetime = instant()
    activated_at: datetime | None = instant(default=None)


class Assignment(Owned, Fact, table=True):
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


class PersonalRight(Owned, Fact, table=True):
    """Where the rights of one member differ from their profile: another scope, or none (0: withdrawn)."""

    __tablename__ = "personal_rights"
    __table_args__ = (owned_reference("membership_id", "memberships"),)

    membership_id: UUID = Field(primary_key=True)
    code: str = Field(primary_key=True)
    scope: int = choice()


class Delegation(Owned, Fact, table=True):
    """A member stands in for another, with some of that one's rights over contacts, until a moment at the latest."""

    __tablename__ = "delegations"
    __table_args__ = (
        owned_reference("from_id", "memberships"),
        owned_reference("to_id", "memberships"),
        CheckConstraint("from_id <> to_id", name="delegations_to_another"),
        CheckConstraint("starts_at < ends_at", name="delegations_last"),
        Index("delegations_by_deputy", "organisation_id", "to_id", postgresql_where=text("ended_at IS NULL")),
        Index("delegations_by_delegator", "organisation_id", "from_id"),
    )

    id: UUID = Field(primary_key=True)
    from_id: UUID
    to_id: UUID
    codes: list[str] = texts()
    starts_at: datetime = instant()
    ends_at: datetime = instant()
    #: Ended before its time.
    ended_at: datetime | None = instant(default=None)
    reason: str = ""
    created_at: datetime = instant()


class Referent(Owned, Fact, table=True):
    """A member charged with accounting, technical or data-protection mail."""

    __tablename__ = "referents"
    __table_args__ = (owned_reference("membership_id", "memberships"),)

    duty: int = choice(primary_key=True)
    membership_id: UUID = Field(primary_key=True)
